// @ts-types="./parse_args.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { nearestName } from "../base/checks.ts";
import { UsageError } from "./usage_error.ts";

/** A flag that a command knows. */
export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  /** What its value is called in the help text; a flag without one is a switch. */
  readonly value?: string;
  readonly description: string;
}

/** A parsed command line. */
export interface Arguments {
  /** What is not a flag, in order. */
  readonly positionals: readonly string[];
  /** The values of the flags that are there. */
  readonly values: ReadonlyMap<string, string>;
  /** The switches that are there. */
  readonly switches: ReadonlySet<string>;
}

/**
 * Parses a command line.
 *
 * @param args What follows the command's name.
 * @param flags What the command knows.
 * @returns The parts.
 * @throws {UsageError} If a flag is unknown or has no value where it needs one.
 */
export function parseArguments(args: readonly string[], flags: readonly Flag[]): Arguments {
  const named = flags.filter((flag) => flag.value !== undefined).map((flag) => flag.name);
  const switchNames = flags.filter((flag) => flag.value === undefined).map((flag) => flag.name);
  const parsed = parseArgs(attachNegativeNumbers(args, named), {
    string: [...named, "_"],
    boolean: switchNames,
    unknown: (arg, key) => {
      if (key === undefined) return true;
      const name = arg.replace(/=.*$/s, "");
      const guess = nearestName(name, flags.map((flag) => `--${flag.name}`));
      const hint = guess === undefined ? "" : `, did you mean "${guess}"?`;
      throw new UsageError(`Unknown option "${name}"${hint}`);
    },
  });
  const values = new Map<string, string>();
  for (const name of named) {
    const value = parsed[name];
    if (value === undefined) continue;
    if (typeof value !== "string" || value === "") {
      throw new UsageError(`Option "--${name}" needs a value`);
    }
    values.set(name, value);
  }
  const switches = new Set(switchNames.filter((name) => parsed[name] === true));
  return { positionals: parsed._, values, switches };
}

/** Writes `--stride -1` as `--stride=-1`: alone, the number would be taken for a flag. */
function attachNegativeNumbers(args: readonly string[], named: readonly string[]): string[] {
  const attached: string[] = [];
  let open = true;
  for (const arg of args) {
    const last = attached.at(-1) ?? "";
    if (open && /^-\d/.test(arg) && last.startsWith("--") && named.includes(last.slice(2))) {
      attached[attached.length - 1] = `${last}=${arg}`;
    } else {
      attached.push(arg);
    }
    if (arg === "--") open = false;
  }
  return attached;
}
