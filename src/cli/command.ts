import type { Arguments, Flag } from "./args.ts";
import type { Terminal } from "./progress.ts";

/** Where a command writes to. */
export interface Output {
  /** Writes lines to standard output. */
  print(text: string): void;
  /** Writes lines to standard error. */
  warn(text: string): void;
  /** Where progress is shown: standard error if it is a terminal. Default: nowhere. */
  readonly terminal?: Terminal | undefined;
}

/** One command of the program. */
export interface Command {
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** What follows the command's name, such as `<layer> [options]`. */
  readonly usage: string;
  readonly flags: readonly Flag[];
  /** What else the help text says: paragraphs and examples. */
  readonly notes: string;
  /**
   * Does the work.
   *
   * @returns The exit code.
   * @throws {UsageError} If the arguments are wrong.
   */
  run(args: Arguments, output: Output): Promise<number>;
}
