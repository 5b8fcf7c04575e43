/** What was on the command line: the values of the flags by name, and the rest in order. */
export interface ParsedArgs {
  readonly _: readonly string[];
  readonly [flag: string]: string | boolean | readonly string[] | undefined;
}

/** The part of the options of `@std/cli/parse-args` that is in use. */
export interface ParseOptions {
  /** Flags that take a value. The name `_` keeps the rest from being read as numbers. */
  readonly string: readonly string[];
  /** Flags that take none. */
  readonly boolean: readonly string[];
  /** Flags whose values come as a list. */
  readonly collect: readonly string[];
}

/** Parses a command line. */
export function parseArgs(args: readonly string[], options: ParseOptions): ParsedArgs;
