/**
 * Files of arrays as commands take them: arrays and tensors by name, pictures and sounds, by what is in them.
 *
 * @module
 */

import { describe, describeBytes, didYouMean } from "../../base/checks.ts";
import { isNpyStart, LONGEST_HEADER, peekedNpy } from "../../io/arrays/npy.ts";
import { UNNAMED } from "../../io/arrays/dict.ts";
import { isTensorsStart, storedTensors } from "../../io/arrays/tensors.ts";
import { kindOf } from "../../io/file_kind.ts";
import type { PeekedFile } from "../../io/files.ts";
import { decodeNamed, FileError, peekFile } from "../../io/files.ts";
import { BudgetError } from "../../io/memory_budget.ts";
import { isPictureStart, peekedPicture } from "../../io/pictures/peek.ts";
import { pictureOf, START_BYTES } from "../../io/pictures/picture.ts";
import { isWavStart, storedWav } from "../../io/sound/wav.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { InputFile } from "../input_file.ts";
import type { MemoryLimit } from "../memory.ts";
import { bytesLeft, checkMemory } from "../memory.ts";
import { printable } from "../report.ts";

/** An array that is known but perhaps not read yet. */
export interface StoredArray {
  readonly name: string;
  readonly shape: readonly number[];
  /** The type of its values in the file. */
  readonly dtype: string;
  read(): Promise<Tensor>;
}

/** A file of arrays. */
export interface ArrayFile {
  /** How the user knows it. */
  readonly name: string;
  /** The same in a sentence. */
  readonly quoted: string;
  readonly arrays: readonly StoredArray[];
  /** What is in memory while an array is read, besides the array. */
  readonly fileBytes: number;
  /** What is in memory all the time. */
  readonly heldBytes: number;
  /** Samples a second, of a sound. */
  readonly sampleRate?: number;
  /** Bits of a sample, of a picture. */
  readonly bitDepth?: 8 | 16;
}

/** What is known of a file before its name is. */
type Contents = Omit<ArrayFile, "name" | "quoted">;

/** How files are opened. */
export interface OpenOptions {
  readonly limit: MemoryLimit;
  /** Receives what is to be disposed of when the arrays are read. */
  readonly files: DisposableStack;
  /** Writes lines to standard error. */
  readonly warn: (text: string) => void;
}

/** In so many bytes is what says how large an array or a picture is; most often. */
const FIRST_BYTES = Math.max(LONGEST_HEADER, START_BYTES);

/** A file of bytes, and what they become: of float32 it is less. What is unpacked is counted as it is. */
const BYTES_A_BYTE = 1 + Float32Array.BYTES_PER_ELEMENT;

/**
 * Opens a file of arrays. Of large arrays and pictures only the beginning is read; all else is.
 *
 * @param path As the user wrote it; `-` is standard input.
 * @param options The memory that there is, and what goes on.
 * @throws {UsageError} If there is no path, or it is standard input and a terminal.
 * @throws {FileError} If the file cannot be read or is of no kind that is known.
 * @throws {Error} If it would take too much memory.
 */
export async function openArrays(
  path: string,
  { limit, files, warn }: OpenOptions,
): Promise<ArrayFile> {
  const file = files.use(await InputFile.open(path));
  const contents = await file.read(async (path) => {
    const peeked = await peekFile(path, FIRST_BYTES);
    return await contentsOf({ file, path, peeked, limit, warn });
  });
  const arrays = contents.arrays.map((array) => ({
    ...array,
    read: () => file.read(() => array.read()),
  }));
  return { ...contents, arrays, name: file.name, quoted: file.quoted };
}

/** A file of which the beginning was read. */
interface Opened extends Pick<OpenOptions, "limit" | "warn"> {
  readonly file: InputFile;
  /** Where it is read. */
  readonly path: string;
  readonly peeked: PeekedFile;
}

async function contentsOf(opened: Opened): Promise<Contents> {
  const { path, peeked } = opened;
  const { start, size } = peeked;
  if (isNpyStart(start)) {
    const array = { name: UNNAMED, ...peekedNpy(path, peeked) };
    return { arrays: [array], fileBytes: size, heldBytes: 0 };
  }
  if (isPictureStart(start)) return await pictureIn(opened);
  if (!isWavStart(start) && !isTensorsStart(start)) throw unknownFile(path, start);
  checkMemory(opened.limit, `Reading ${opened.file.quoted}`, size * BYTES_A_BYTE);
  return isWavStart(start) ? await soundIn(opened) : await tensorsIn(opened);
}

async function pictureIn({ path, peeked, file, warn }: Opened): Promise<Contents> {
  const picture = await peekedPicture(path, peeked, Infinity);
  const { channels, height, width, bitDepth, readingBytes } = picture;
  const read = async () => {
    const decoded = pictureOf(await picture.read());
    for (const warning of decoded.warnings) warn(printable(`warning: ${file.name}: ${warning}`));
    return decoded.pixels;
  };
  const shape = [channels, height, width];
  const pixels = { name: "pixels", shape, dtype: `uint${bitDepth}`, read };
  return { arrays: [pixels], fileBytes: readingBytes, heldBytes: 0, bitDepth };
}

/** Of many sounds only one is to be there at a time: it is read once more when it is needed. */
async function soundIn({ path, peeked }: Opened): Promise<Contents> {
  const decode = async () => {
    const bytes = await peeked.whole();
    return decodeNamed(path, () => storedWav(bytes));
  };
  const { samples: { shape }, sampleRate, dtype } = await decode();
  const samples = { name: "samples", shape, dtype, read: async () => (await decode()).samples };
  return { arrays: [samples], fileBytes: peeked.size, heldBytes: 0, sampleRate };
}

async function tensorsIn({ path, peeked, limit }: Opened): Promise<Contents> {
  const bytes = await peeked.whole();
  const mostBytes = bytesLeft(limit) - peeked.size;
  const stored = decodeNamed(path, () => {
    try {
      return storedTensors(bytes, { mostBytes });
    } catch (error) {
      if (!(error instanceof BudgetError)) throw error;
      const found = `it unpacks to more than the ${describeBytes(mostBytes)} that are left for it`;
      throw new SyntaxError(`${found}; allow more with --memory`, { cause: error });
    }
  });
  const arrays = stored.map(({ name, dtype, tensor }) => ({
    name,
    dtype,
    shape: tensor.shape,
    read: () => Promise.resolve(tensor),
  }));
  const heldBytes = stored.reduce((sum, { tensor }) => sum + tensor.data.byteLength, 0);
  return { arrays, fileBytes: 0, heldBytes };
}

function unknownFile(path: string, start: Uint8Array): FileError {
  const kind = start.length === 0 ? "empty" : kindOf(start) ?? "none of the files that are known";
  return new FileError(
    `Cannot read "${path}": it is ${kind}; expected .npy, .npz, .safetensors, .pt, PNG, JPEG or WAV`,
  );
}

/**
 * An array of a file.
 *
 * @param file The file.
 * @param name What the user calls it; where there is only one, it need not be called.
 * @param flag The option that calls it.
 * @throws {FileError} If there is none of that name, or several and no name.
 */
export function arrayOf(file: ArrayFile, name: string | undefined, flag: string): StoredArray {
  const [first, ...others] = file.arrays;
  if (name === undefined && first !== undefined && others.length === 0) return first;
  const names = file.arrays.map(({ name }) => name);
  const found = file.arrays.find((array) => array.name === name);
  if (found !== undefined) return found;
  if (first === undefined) throw new FileError(`${file.quoted} holds no arrays`);
  throw new FileError(
    name === undefined
      ? `${file.quoted} holds ${names.length} arrays (${listOf(names)}); name one with ${flag}`
      : `${file.quoted} has no array ${describe(name)}${
        didYouMean(name, names) || `, but ${listOf(names)}`
      }`,
  );
}

/** So many names are listed: enough to see what they are like. */
const MOST_LISTED = 8;

/** Names in a sentence. */
export function listOf(names: readonly string[]): string {
  const more = names.length > MOST_LISTED ? `, and ${names.length - MOST_LISTED} more` : "";
  return names.slice(0, MOST_LISTED).map((name) => describe(name)).join(", ") + more;
}
