/** What is wrong with a file: cannot be found, opened, understood or written. The message names the file. */
export class FileError extends Error {
  /** The class name, as in a stack trace. */
  override readonly name: string = "FileError";
}

/**
 * Reads a whole file.
 *
 * @param path The file's path.
 * @returns Its bytes.
 * @throws {FileError} If it cannot be read; the message says why in one line.
 */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw new FileError(`Cannot read "${path}": ${reasonOf(error)}`, { cause: error });
  }
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
  try {
    const existing = await statIfThere(path);
    if (existing !== null && !existing.isFile) {
      await Deno.writeFile(path, bytes);
      return;
    }
    const target = existing === null ? path : await Deno.realPath(path);
    await replaceFile(target, bytes, existing?.mode ?? null);
  } catch (error) {
    throw new FileError(`Cannot write "${path}": ${reasonOf(error)}`, { cause: error });
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
    throw new FileError(`Cannot make the folder "${path}": ${reasonOf(error)}`, { cause: error });
  }
}

async function statIfThere(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function replaceFile(path: string, bytes: Uint8Array, mode: number | null): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    await Deno.writeFile(temporary, bytes, { createNew: true });
    if (mode !== null && Deno.build.os !== "windows") await Deno.chmod(temporary, mode & 0o7777);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

/** The reason of a failed file operation without the system call and path that Deno's message adds. */
function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file or folder";
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder";
  if (error instanceof Deno.errors.AlreadyExists) return "a file is in its place";
  if (error instanceof Deno.errors.NotADirectory) return "a part of its path is not a folder";
  if (error instanceof Deno.errors.NotCapable) {
    return "Deno was not given the permission; run with --allow-read and --allow-write";
  }
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/ \(os error \d+\).*$/s, "").toLowerCase();
}
