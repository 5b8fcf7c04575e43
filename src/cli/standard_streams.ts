/**
 * Standard input and output, as far as they are more than lines of text.
 *
 * @module
 */

import { FileError } from "../io/files.ts";
import { UsageError } from "./usage_error.ts";

/** What stands for standard input or output where a path is expected. */
export const STANDARD_STREAM = "-";

/**
 * Checks a path.
 *
 * @throws {UsageError} If it is empty, as a variable of the shell is that was not set.
 */
export function checkPath(path: string): void {
  if (path === "") throw new UsageError("The path of a file is empty");
}

/**
 * Writes a line to standard output. That nobody reads it any more, as with `| head -1`, is no failure.
 *
 * @throws {FileError} If it cannot be written.
 */
export function printLine(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  try {
    for (let done = 0; done < bytes.length;) done += Deno.stdout.writeSync(bytes.subarray(done));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw cannotWrite(error);
  }
}

/**
 * Writes bytes to standard output.
 *
 * @throws {FileError} If they cannot be written, also where nobody reads them any more.
 */
export async function writeStandardOutput(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  for await (const chunk of chunks) {
    for (let done = 0; done < chunk.length;) {
      try {
        done += await Deno.stdout.write(chunk.subarray(done));
      } catch (error) {
        throw cannotWrite(error);
      }
    }
  }
}

/**
 * Checks that bytes can go to standard output.
 *
 * @throws {UsageError} If it is a terminal.
 */
export function checkStandardOutput(): void {
  if (!Deno.stdout.isTerminal()) return;
  throw new UsageError(
    'Standard output is a terminal; send what "-" writes to a file or a program',
  );
}

/**
 * Checks that bytes can come from standard input.
 *
 * @throws {UsageError} If it is a terminal.
 */
export function checkStandardInput(): void {
  if (!Deno.stdin.isTerminal()) return;
  throw new UsageError(
    'Standard input is a terminal; send what "-" reads from a file or a program',
  );
}

/**
 * Copies standard input to a file: only of a file can the beginning be read by itself.
 *
 * @param path The file's path.
 */
export async function copyStandardInput(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true });
  await Deno.stdin.readable.pipeTo(file.writable, { preventClose: true });
}

/**
 * Does a part of reading standard input.
 *
 * @throws {FileError} If it fails; the message says why in one line.
 */
export async function readingStandardInput<Result>(step: () => Promise<Result>): Promise<Result> {
  try {
    return await step();
  } catch (error) {
    throw new FileError(`Cannot read standard input: ${reasonOf(error)}`, { cause: error });
  }
}

function cannotWrite(error: unknown): FileError {
  return new FileError(`Cannot write standard output: ${reasonOf(error)}`, { cause: error });
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) {
    return "it is put aside in a file, and Deno was not given the permission; run with --allow-read " +
      "and --allow-write";
  }
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/ \(os error \d+\).*$/s, "").toLowerCase();
}
