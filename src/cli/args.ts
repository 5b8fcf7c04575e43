// @ts-types="./parse_args.d.ts"
import { parseArgs } from "@std/cli/parse-args";
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
  const valued = flags.filter(({ value }) => value !== undefined);
  const names = valued.map(({ name }) => name);
  const switchNames = flags.filter(({ value }) => value === undefined).map(({ name }) => name);
  const parsed = parseArgs(attachValues(args, flags), {
    string: [...names, "_"],
    boolean: switchNames,
    collect: names,
  });
  const values = new Map<string, string>();
  const lists = new Map<string, readonly string[]>();
  for (const { name, repeatable } of valued) {
    const given = parsed[name];
    if (!Array.isArray(given) || given.length === 0) continue;
    const texts = given.map(String);
    const [first = "", ...others] = texts;
    if (repeatable) lists.set(name, texts);
    else if (others.length > 0) throw new UsageError(`Option "--${name}" is there twice`);
    else values.set(name, first);
  }
  const switches = new Set(switchNames.filter((name) => parsed[name] === true));
  return { positionals: parsed._, values, lists, switches };
}

/**
 * Writes `--stride -1` and `--input -` as one word each, which the parser would take for two flags, and puts
 * what belongs to no flag behind `--`.
 *
 * @throws {UsageError} If a flag is unknown, has no value where it needs one, or one where it takes none.
 */
function attachValues(args: readonly string[], flags: readonly Flag[]): string[] {
  const end = args.indexOf(END_OF_FLAGS);
  const words = end < 0 ? args : args.slice(0, end);
  const attached: string[] = [];
  const others = end < 0 ? [] : args.slice(end + 1);
  const free: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (!isFlag(word)) {
      free.push(word);
      continue;
    }
    const [, dashedName = "", text] = /^([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    const { name, value } = findFlag(dashedName, flags);
    if (value === undefined && text !== undefined) {
      throw new UsageError(`Option "--${name}" takes no value, but has "${text}"`);
    }
    const next = words[i + 1];
    const takesNext = value !== undefined && text === undefined;
    const given = takesNext && next !== undefined && !isFlag(next) ? next : text;
    if (value !== undefined && !given) throw new UsageError(`Option "--${name}" needs a value`);
    if (takesNext) i++;
    attached.push(given === undefined ? dashedName : `${dashedName}=${given}`);
  }
  return [...attached, END_OF_FLAGS, ...free, ...others];
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
