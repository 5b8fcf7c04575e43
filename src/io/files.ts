import { type FileInfo, type Files, hostFiles, type OpenFile } from "../platform/files.ts";

/** What is wrong with a file: cannot be found, opened, understood or written. The message names the file. */
export class FileError extends Error {
  /** The class name, as in a stack trace. */
  override readonly name: string = "FileError";
}

/**
 * Adds a file's name to what is wrong with its bytes.
 *
 * @param path The file's path.
 * @param decode Throws a `SyntaxError` if the bytes are not what they should be.
 * @returns What `decode` returns.
 * @throws {FileError} If it throws a `SyntaxError`; the message is one line.
 */
export function decodeNamed<Result>(path: string, decode: () => Result): Result {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new FileError(`Cannot read "${path}": ${error.message}`, { cause: error });
  }
}

/**
 * Reads a whole file.
 *
 * @param path The file's path.
 * @returns Its bytes.
 * @throws {FileError} If it cannot be read; the message says why in one line.
 */
export async function readBytes(path: string): Promise<Uint8Array> {
  return await reading(path, ({ readFile }) => readFile(path));
}

/** A file of which only the beginning was read. */
export interface PeekedFile {
  readonly size: number;
  /** The first bytes, as many as were asked for or are there; all where the file can be read only once. */
  readonly start: Uint8Array;
  /** Reads all of it. */
  whole(): Promise<Uint8Array>;
}

/**
 * Reads the beginning of a file: what a header says of the rest is known before room is made for it. A pipe
 * can be read only once, and is read to its end.
 *
 * @param path The file's path.
 * @param most How many bytes to read.
 * @throws {FileError} If it cannot be read.
 */
export async function peekFile(path: string, most: number): Promise<PeekedFile> {
  const info = await reading(path, ({ stat }) => stat(path));
  if (!info.isFile) {
    const bytes = await readBytes(path);
    return { size: bytes.length, start: bytes, whole: () => Promise.resolve(bytes) };
  }
  const start = await reading(path, async ({ open }) => {
    const file = await open(path);
    try {
      const bytes = new Uint8Array(Math.min(most, info.size));
      let length = 0;
      while (length < bytes.length) {
        const read = await file.read(bytes.subarray(length));
        if (read === 0) break;
        length += read;
      }
      return bytes.subarray(0, length);
    } finally {
      // Without `using`, which is a mistake in a module to the runtimes that do not know it yet.
      await file.close();
    }
  });
  return { size: info.size, start, whole: () => readBytes(path) };
}

/**
 * Writes a file so that its path never holds half of it: the bytes go to a temporary file in the same
 * folder, which then takes the path's place in one step. A file that is there keeps its permissions, and
 * a link keeps pointing at it.
 *
 * @param path The file's path. What exists and is not a regular file, such as `/dev/null` or a pipe, is
 * written to directly.
 * @param bytes What to write.
 * @throws {FileError} If it cannot be written; nothing is left behind then, and a file that was there is
 * unchanged.
 */
export async function writeBytes(path: string, bytes: Uint8Array): Promise<void> {
  await writeChunks(path, [bytes]);
}

/**
 * Writes a file as {@linkcode writeBytes} does, from bytes that are made one chunk after the other.
 *
 * @param path The file's path.
 * @param chunks What to write. It is not asked for anything where the file cannot be made.
 * @throws {FileError} If the file cannot be written. An error of `chunks` is thrown as it is; either way
 * nothing is left behind, and a file that was there is unchanged.
 */
export async function writeChunks(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const existing = await writing(path, (files) => statIfThere(files, path));
  if (existing !== null && !existing.isFile) {
    await fill(path, ({ openForWriting }) => openForWriting(path), chunks);
    return;
  }
  // The target's own name may be as long as one can be.
  const name = `tileconv-${crypto.randomUUID().slice(0, 8)}.tmp`;
  const { target, temporary } = await writing(path, async (files) => {
    const target = await targetOf(files, path);
    return { target, temporary: beside(files, target, name) };
  });
  // What only some may read is not for others while it is written.
  const mode = (existing?.mode ?? 0o666) & 0o777;
  unfinished.add(temporary);
  try {
    await fill(path, ({ create }) => create(temporary, mode), chunks);
    await writing(
      path,
      (files) => replaceFile(files, target, temporary, existing?.mode ?? null),
    );
  } catch (error) {
    await hostFiles()?.remove(temporary).catch(() => {});
    throw error;
  } finally {
    unfinished.delete(temporary);
  }
}

/** Temporary files that are being written. */
const unfinished = new Set<string>();

/** Removes the temporary files that are being written, for a process that ends at once. */
export function removeUnfinished(): void {
  for (const path of unfinished) {
    try {
      hostFiles()?.removeSync(path);
    } catch {
      // It was not made yet, or has just taken its place.
    }
  }
}

/**
 * Makes a folder, and those above it, where it is not there.
 *
 * @param path The folder's path.
 * @throws {FileError} If it cannot be made.
 */
export async function makeFolder(path: string): Promise<void> {
  await attempt(`make the folder "${path}"`, ({ makeFolder }) => makeFolder(path));
}

/** Where links lead to; what the last of them points at need not be there. */
async function targetOf(files: Files, path: string): Promise<string> {
  try {
    return await files.realPath(path);
  } catch (error) {
    if (!files.isNotFound(error)) throw error;
    const link = await files.readLink(path).catch(() => null);
    return link === null ? path : await targetOf(files, beside(files, path, link));
  }
}

/**
 * A path as it is meant in the folder of another one. Without `node:path`, so that what decodes bytes can be
 * imported where there are no files.
 */
function beside({ isWindows }: Files, path: string, name: string): string {
  const absolute = isWindows ? /^([a-z]:)?[\\/]/i : /^\//;
  const lastPart = isWindows ? /[^\\/:]*$/ : /[^/]*$/;
  return absolute.test(name) ? name : path.replace(lastPart, () => name);
}

async function statIfThere(files: Files, path: string): Promise<FileInfo | null> {
  try {
    return await files.stat(path);
  } catch (error) {
    if (files.isNotFound(error)) return null;
    throw error;
  }
}

/** Does something with files that may fail. */
async function attempt<Result>(
  task: string,
  step: (files: Files) => Promise<Result>,
): Promise<Result> {
  const files = hostFiles();
  if (files === null) {
    throw new FileError(
      `Cannot ${task}: files are named by path only in Deno, Node.js and Bun; use bytes here`,
    );
  }
  try {
    return await step(files);
  } catch (error) {
    throw failed(task, error);
  }
}

/** Does a part of reading a file. */
async function reading<Result>(
  path: string,
  step: (files: Files) => Promise<Result>,
): Promise<Result> {
  return await attempt(`read "${path}"`, step);
}

/** Does a part of writing a file. */
async function writing<Result>(
  path: string,
  step: (files: Files) => Promise<Result>,
): Promise<Result> {
  return await attempt(`write "${path}"`, step);
}

/** Fills an opened file; errors are those of the path that the user named. */
async function fill(
  path: string,
  open: (files: Files) => Promise<OpenFile>,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const file = await writing(path, open);
  try {
    for await (const chunk of chunks) {
      await writing(path, async () => {
        for (let done = 0; done < chunk.length;) done += await file.write(chunk.subarray(done));
      });
    }
  } finally {
    await file.close();
  }
}

async function replaceFile(
  { isWindows, setMode, rename }: Files,
  path: string,
  temporary: string,
  mode: number | null,
): Promise<void> {
  if (mode !== null && !isWindows) await setMode(temporary, mode & 0o7777);
  await rename(temporary, path);
}

/** The error of a task, such as `read "a.png"`, that the system or the runtime refuses. */
export function failed(task: string, error: unknown): FileError {
  const reason = hostFiles()?.reasonOf(error) ?? String(error);
  return new FileError(`Cannot ${task}: ${reason}`, { cause: error });
}
