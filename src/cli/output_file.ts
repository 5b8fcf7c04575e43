import { basename, dirname, extname, join } from "node:path";
import { FileError, removeUnfinished, writeChunks } from "../io/files.ts";
import { onInterrupt } from "./interrupt.ts";
import {
  checkPath,
  checkStandardOutput,
  STANDARD_STREAM,
  writeStandardOutput,
} from "./standard_streams.ts";
import { UsageError } from "./usage_error.ts";

/** What a command writes. */
export interface Format {
  /** With an article, such as `a PNG file`. */
  readonly name: string;
  /** With its dot. */
  readonly extension: string;
}

/** Where an output goes. */
export interface OutputFile {
  /** As the user knows it. */
  readonly name: string;
  /** Whether it is standard output, which then has no room for anything else. */
  readonly isStandard: boolean;
  /** Writes all of it, or nothing where it is a file. */
  write(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>;
}

/**
 * Where the outputs of some inputs go: that of one to a path, those of any number into a folder, each under
 * the name of its input.
 *
 * @param inputs The paths of the inputs; `-` is what has no name.
 * @param target The path of the output or of an existing folder; `-` is standard output.
 * @param format What is written.
 * @throws {UsageError} If the outputs have nowhere to go, would take the same place, or would have the
 * extension of something else.
 * @throws {FileError} If the folder for an output is not there.
 */
export async function outputsOf(
  inputs: readonly string[],
  target: string,
  format: Format,
): Promise<readonly OutputFile[]> {
  checkPath(target);
  if (target === STANDARD_STREAM && inputs.length === 1) {
    checkStandardOutput();
    return [{ name: "standard output", isStandard: true, write: writeStandardOutput }];
  }
  if (await isFolder(target)) {
    return namesInFolder(inputs, target, format).map(writerOf);
  }
  if (inputs.length !== 1) {
    throw new UsageError(
      `${inputs.length} inputs need a folder for their outputs, but "${target}" is not one`,
    );
  }
  if (await isDevice(target)) return [writerOf(target)];
  const output = fileAt(target, format);
  // A path that ends with a slash names a folder itself.
  const folder = /[/\\]$/.test(target) ? target : dirname(target);
  if (await isMissing(folder)) {
    throw new FileError(`Cannot write "${target}": there is no folder "${folder}"`);
  }
  return [output];
}

function namesInFolder(
  inputs: readonly string[],
  folder: string,
  { extension }: Format,
): readonly string[] {
  const inputOf = new Map<string, string>();
  for (const input of inputs) {
    if (input === STANDARD_STREAM) {
      throw new UsageError(`"${folder}" is a folder; name the file to write`);
    }
    const name = basename(input);
    const path = join(
      folder,
      hasOther(extension, name) ? basename(name, extname(name)) + extension : name,
    );
    const other = inputOf.get(path);
    if (other !== undefined) {
      throw new UsageError(`"${other}" and "${input}" would both be written to "${path}"`);
    }
    inputOf.set(path, input);
  }
  return [...inputOf.keys()];
}

/** Whether a path has the extension of something else. */
function hasOther(extension: string, path: string): boolean {
  const actual = extname(path).toLowerCase();
  return actual.length > 1 && actual !== extension;
}

/** @throws {UsageError} If the path has the extension of something else. */
function fileAt(path: string, { name, extension }: Format): OutputFile {
  if (hasOther(extension, path)) {
    const actual = extname(path);
    const stem = path.slice(0, -actual.length);
    const better = extname(stem).toLowerCase() === extension ? stem : stem + extension;
    throw new UsageError(
      `What is written is ${name}, but "${path}" ends in ${actual}; call it "${better}"`,
    );
  }
  return writerOf(path);
}

function writerOf(path: string): OutputFile {
  const write: OutputFile["write"] = async (chunks) => {
    using _cleanup = onInterrupt(removeUnfinished);
    await writeChunks(path, chunks);
  };
  return { name: path, isStandard: false, write };
}

async function isFolder(path: string): Promise<boolean> {
  return await Deno.stat(path).then((info) => info.isDirectory, () => false);
}

/** Whether something is there that has no need of an extension, such as a pipe or `/dev/null`. */
async function isDevice(path: string): Promise<boolean> {
  return await Deno.stat(path).then((info) => !info.isFile, () => false);
}

/** Whether a folder is not there; why else it cannot be written to is found out then. */
async function isMissing(folder: string): Promise<boolean> {
  return await Deno.stat(folder).then(
    (info) => !info.isDirectory,
    (error) => error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory,
  );
}
