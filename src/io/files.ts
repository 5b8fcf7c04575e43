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
  return await reading(path, () => Deno.readFile(path));
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
  const info = await reading(path, () => Deno.stat(path));
  if (!info.isFile) {
    const bytes = await readBytes(path);
    return { size: bytes.length, start: bytes, whole: () => Promise.resolve(bytes) };
  }
  const start = await reading(path, async () => {
    const file = await Deno.open(path);
    try {
      const bytes = new Uint8Array(Math.min(most, info.size));
      let length = 0;
      while (length < bytes.length) {
        const read = await file.read(bytes.subarray(length));
        if (read === null) break;
        length += read;
      }
      return bytes.subarray(0, length);
    } finally {
      // Without `using`, which is a mistake in a module to the runtimes that do not know it yet.
      file.close();
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
  const existing = await writing(path, () => statIfThere(path));
  if (existing !== null && !existing.isFile) {
    await fill(path, path, { create: false }, chunks);
    return;
  }
  const target = await writing(path, () => targetOf(path));
  // The target's own name may be as long as one can be.
  const temporary = beside(target, `tileconv-${crypto.randomUUID().slice(0, 8)}.tmp`);
  // What only some may read is not for others while it is written.
  const mode = (existing?.mode ?? 0o666) & 0o777;
  unfinished.add(temporary);
  try {
    await fill(path, temporary, { createNew: true, mode }, chunks);
    await writing(path, () => replaceFile(target, temporary, existing?.mode ?? null));
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
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
      Deno.removeSync(path);
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
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (error) {
    throw failed(`make the folder "${path}"`, error);
  }
}

/** Where links lead to; what the last of them points at need not be there. */
async function targetOf(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const link = await Deno.readLink(path).catch(() => null);
    return link === null ? path : await targetOf(beside(path, link));
  }
}

/**
 * A path as it is meant in the folder of another one. Without `node:path`, so that what decodes bytes can be
 * imported where there are no files.
 */
function beside(path: string, name: string): string {
  const isWindows = Deno.build.os === "windows";
  const absolute = isWindows ? /^([a-z]:)?[\\/]/i : /^\//;
  const lastPart = isWindows ? /[^\\/:]*$/ : /[^/]*$/;
  return absolute.test(name) ? name : path.replace(lastPart, () => name);
}

async function statIfThere(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Other runtimes have other ways to their files, and pages have none. */
function checkFiles(task: string): void {
  if ("Deno" in globalThis) return;
  throw new FileError(`Cannot ${task}: files are named by path only in Deno; use bytes here`);
}

/** Does a part of reading a file. */
async function reading<Result>(path: string, step: () => Promise<Result>): Promise<Result> {
  checkFiles(`read "${path}"`);
  try {
    return await step();
  } catch (error) {
    throw failed(`read "${path}"`, error);
  }
}

/** Does a part of writing a file. */
async function writing<Result>(path: string, step: () => Promise<Result>): Promise<Result> {
  checkFiles(`write "${path}"`);
  try {
    return await step();
  } catch (error) {
    throw failed(`write "${path}"`, error);
  }
}

/** Fills an opened file; errors are those of the path that the user named. */
async function fill(
  path: string,
  opened: string,
  options: Deno.OpenOptions,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const file = await writing(path, () => Deno.open(opened, { ...options, write: true }));
  try {
    for await (const chunk of chunks) {
      await writing(path, async () => {
        for (let done = 0; done < chunk.length;) done += await file.write(chunk.subarray(done));
      });
    }
  } finally {
    file.close();
  }
}

async function replaceFile(path: string, temporary: string, mode: number | null): Promise<void> {
  if (mode !== null && Deno.build.os !== "windows") await Deno.chmod(temporary, mode & 0o7777);
  await Deno.rename(temporary, path);
}

/** The error of a task, such as `read "a.png"`, that the system or Deno refuses. */
export function failed(task: string, error: unknown): FileError {
  return new FileError(`Cannot ${task}: ${reasonOf(error)}`, { cause: error });
}

/** The reason of a failed file operation without the system call and path that Deno's message adds. */
function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file or folder";
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder";
  if (error instanceof Deno.errors.AlreadyExists) return "a file is in its place";
  if (error instanceof Deno.errors.NotADirectory) return "a part of its path is not a folder";
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Deno.errors.NotCapable) {
    // For devices it wants more than the permission to read or write.
    const [flag = "--allow-all"] = /--allow-[a-z]+/.exec(message) ?? [];
    return `Deno was not given the permission; run with ${flag}`;
  }
  return message.replace(/ \(os error \d+\).*$/s, "").toLowerCase();
}
