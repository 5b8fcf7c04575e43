/**
 * Standard input and output, as far as they are more than lines of text.
 *
 * @module
 */

import { failed } from "../io/files.ts";
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
    if (!(error instanceof Deno.errors.BrokenPipe)) throw failed(WRITE, error);
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
      done += await streaming(WRITE, () => Deno.stdout.write(chunk.subarray(done)));
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
 * Makes a file for what comes from standard input: only of a file can the beginning be read by itself.
 *
 * @returns The file's path.
 * @throws {FileError} If there can be no such file.
 */
export function makeFileForInput(): string {
  try {
    return Deno.makeTempFileSync({ prefix: "tileconv-" });
  } catch (error) {
    throw failed("put standard input aside in a file", error);
  }
}

/**
 * Copies standard input to a file.
 *
 * @param path The file's path.
 * @throws {FileError} If it cannot be read.
 */
export async function copyStandardInput(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true });
  const copy = () => Deno.stdin.readable.pipeTo(file.writable, { preventClose: true });
  await streaming("read standard input", copy);
}

const WRITE = "write standard output";

/** Does a part of reading or writing. */
async function streaming<Result>(task: string, step: () => Promise<Result>): Promise<Result> {
  try {
    return await step();
  } catch (error) {
    throw failed(task, error);
  }
}
