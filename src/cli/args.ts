import { didYouMean } from "../base/checks.ts";
import { UsageError } from "./usage_error.ts";

/** A flag that a command knows. */
export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  /** What its value is called in the help text; a flag without one is a switch. */
  readonly value?: string;
  /** Whether it may be there more than once. */
  readonly repeatable?: true;
  readonly description: string;
}

/** A parsed command line. */
export interface Arguments {
  /** What is not a flag, in order. */
  readonly positionals: readonly string[];
  /** The values of the flags that are there. */
  readonly values: ReadonlyMap<string, string>;
  /** The values of the repeatable flags that are there. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
  /** The switches that are there. */
  readonly switches: ReadonlySet<string>;
}

/** Ends the flags: what follows is none, however it begins. */
export const END_OF_FLAGS = "--";

/**
 * Parses a command line. A value follows its flag, as `--stride 2` or `--stride=2`.
 *
 * @param args What follows the command's name.
 * @param flags What the command knows.
 * @returns The parts.
 * @throws {UsageError} If a flag is unknown, is there twice, has no value where it needs one, or has one
 * where it takes none.
 */
export function parseArguments(args: readonly string[], flags: readonly Flag[]): Arguments {
  const positionals: string[] = [];
  const values = new Map<string, string>();
  const lists = new Map<string, string[]>();
  const switches = new Set<string>();
  for (const { flag, value } of partsOf(args, flags)) {
    if (flag === null) {
      positionals.push(value);
    } else if (flag.value === undefined) {
      switches.add(flag.name);
    } else if (value === "") {
      throw new UsageError(`Option "--${flag.name}" needs a value`);
    } else if (flag.repeatable) {
      lists.set(flag.name, [...lists.get(flag.name) ?? [], value]);
    } else if (values.has(flag.name)) {
      throw new UsageError(`Option "--${flag.name}" is there twice`);
    } else {
      values.set(flag.name, value);
    }
  }
  return { positionals, values, lists, switches };
}

/** A flag with its value, which is empty where it has none, or a word that belongs to no flag. */
interface Part {
  readonly flag: Flag | null;
  readonly value: string;
}

function* partsOf(args: readonly string[], flags: readonly Flag[]): Generator<Part> {
  const words = args[Symbol.iterator]();
  for (const word of words) {
    if (word === END_OF_FLAGS) {
      for (const value of words) yield { flag: null, value };
    } else if (!isFlag(word)) {
      yield { flag: null, value: word };
    } else {
      const [, dashedName = "", attached] = /^([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
      const flag = findFlag(dashedName, flags);
      if (flag.value === undefined && attached !== undefined) {
        throw new UsageError(`Option "--${flag.name}" takes no value, but has "${attached}"`);
      }
      yield { flag, value: attached ?? (flag.value === undefined ? "" : valueFrom(words)) };
    }
  }
}

/** The next word, or nothing if it is a flag itself. */
function valueFrom(words: Iterator<string>): string {
  const next = words.next();
  return next.done || isFlag(next.value) ? "" : next.value;
}

/** `-` alone stands for a stream, and `-1` is a number. */
function isFlag(word: string): boolean {
  return /^-[^\d.]/.test(word);
}

function findFlag(dashedName: string, flags: readonly Flag[]): Flag {
  const found = flags.find(({ name }) => `--${name}` === dashedName);
  if (found !== undefined) return found;
  const names = [...flags.map(({ name }) => name), "help"].map((name) => `--${name}`);
  const hint = /^-[^-].*[./\\]/.test(dashedName)
    ? `; a path that begins so is written "./${dashedName}"`
    : didYouMean(dashedName, names);
  throw new UsageError(`Unknown option "${dashedName}"${hint}`);
}
