import { checkChoice, checkInteger, checkOptionNames, describeShape } from "../../base/checks.ts";
import type { AnyTensor } from "../../tensor/tensor.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { checkBytes, checkTensor } from "../checks.ts";
import { decodeNamed, readBytes, writeBytes } from "../files.ts";
import { kindOf } from "../file_kind.ts";
import { quoted } from "../quoted.ts";
import { ByteReader } from "../reader.ts";
import { ByteWriter } from "../writer.ts";
import type { WavFormat } from "./wav_format.ts";
import { damagedWav, FLOAT, INTEGER, readFormat } from "./wav_format.ts";

/** A sound as numbers. */
export interface Sound {
  /** Shape `(channels, samples)`. Full scale is from -1 to 1. */
  readonly samples: AnyTensor;
  /** Samples a second of each channel. */
  readonly sampleRate: number;
}

/** A sound that was read from a file. */
export interface DecodedSound extends Sound {
  /** Shape `(channels, samples)`. Integers are from -1 to 1, floats as they are in the file. */
  readonly samples: Tensor;
}

/** How a sound is written. */
export interface WavOptions {
  /**
   * How a sample is stored: as an integer of 16 bits, which clips what is beyond full scale, or as it is.
   *
   * @default {"int16"}
   */
  readonly format?: "int16" | "float32";
}

/** Sizes are numbers of four bytes. */
const LARGEST = 2 ** 32 - 1;
const MOST_CHANNELS = 65535;

/**
 * Reads the bytes of a WAV file (Microsoft and IBM, "Multimedia Programming Interface and Data Specifications", and
 * `WAVE_FORMAT_EXTENSIBLE`), its parts in any order: integers of 8, 16, 24 or 32 bits or floats of 32 or 64, of any number of channels.
 *
 * @param bytes The whole file.
 * @returns The samples, shape `(channels, samples)`: integers from -1 to 1, floats as they are.
 * @throws {SyntaxError} If the bytes are not a whole WAV file, or its samples are compressed.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { decodeWav, encodeWav } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const samples = Tensor.from([[0, 0.5, -1], [0.25, 0, 0]]);
 * const { samples: copy, sampleRate } = decodeWav(encodeWav({ samples, sampleRate: 44100 }));
 * assertEquals([copy.shape, sampleRate], [[2, 3], 44100]);
 * assertEquals(copy.data, samples.data);
 * ```
 */
export function decodeWav(bytes: Uint8Array): DecodedSound {
  const { samples, sampleRate } = storedWav(checkBytes("decodeWav()", bytes));
  return { samples, sampleRate };
}

/** Reads the bytes of a WAV file, as {@linkcode decodeWav} does, and says how the samples are stored. */
export function storedWav(bytes: Uint8Array): DecodedSound & { readonly dtype: string } {
  const { format, data } = findChunks(bytes);
  const { channels, sampleRate, type } = format;
  const length = data.length / (channels * type.bytes);
  if (!Number.isInteger(length)) {
    throw damagedWav(`its ${data.length} bytes of samples end inside of one`);
  }
  const samples = Tensor.zeros([channels, length]);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const step = channels * type.bytes;
  for (let channel = 0; channel < channels; channel++) {
    const row = samples.data.subarray(channel * length, (channel + 1) * length);
    for (let index = 0, at = channel * type.bytes; index < length; index++, at += step) {
      row[index] = type.read(view, at);
    }
  }
  return { samples, sampleRate, dtype: type.name };
}

/**
 * The bytes of a sound as a WAV file.
 *
 * @param sound The sound. NaN becomes 0 in integers.
 * @param options How a sample is stored.
 * @returns The whole file.
 * @throws {TypeError} If the samples are not a tensor, the rate is no number, or an option is unknown or of a wrong kind.
 * @throws {RangeError} If the shape is not `(channels, samples)` with 1 to 65,535 channels, the rate not a positive
 * integer, `format` none of the two, or the file would take more than 4 GiB.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { encodeWav } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const samples = Tensor.uniform([1, 16000], { low: -1, high: 1 });
 * assertEquals(encodeWav({ samples, sampleRate: 16000 }).length, 44 + 2 * 16000);
 * ```
 */
export function encodeWav(sound: Sound, options: WavOptions = {}): Uint8Array {
  const where = "encodeWav()";
  checkOptionNames(where, options, ["format"]);
  const format = checkChoice(where, "format", options.format ?? "int16", ["int16", "float32"]);
  const { channels, length, data } = checkSamples(where, sound.samples);
  const sampleRate = checkInteger(where, "sampleRate", sound.sampleRate, 1);
  const sampleBytes = format === "int16" ? 2 : 4;
  const dataBytes = channels * length * sampleBytes;
  const byteRate = sampleRate * channels * sampleBytes;
  const head = new ByteWriter()
    .uint16(format === "int16" ? INTEGER : FLOAT, channels)
    .uint32(sampleRate, byteRate)
    .uint16(channels * sampleBytes, 8 * sampleBytes);
  // What is no plain integer says that there is no more of its form, and how many samples there are.
  if (format === "float32") head.uint16(0);
  const parts = new ByteWriter();
  writeChunk(parts, "fmt ", head.join());
  if (format === "float32") writeChunk(parts, "fact", new ByteWriter().uint32(length).join());
  if (parts.length + 12 + dataBytes > LARGEST || byteRate > LARGEST) {
    throw new RangeError(
      `${where}: a WAV file holds at most ${LARGEST} bytes and as many a second, but this one ` +
        `would have ${dataBytes} and ${byteRate}`,
    );
  }
  const samples = interleave(data, channels, length, format);
  writeChunk(parts, "data", samples);
  return new ByteWriter().text("RIFF").uint32(4 + parts.length).text("WAVE").bytes(parts.join())
    .join();
}

/**
 * Reads a WAV file.
 *
 * @param path The file's path.
 * @returns The sound, as {@linkcode decodeWav} makes it.
 * @throws {FileError} If the file cannot be read or {@linkcode decodeWav} rejects it.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { readWav, writeWav } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".wav" });
 * await writeWav(path, { samples: Tensor.zeros([2, 100]), sampleRate: 48000 });
 * assertEquals((await readWav(path)).samples.shape, [2, 100]);
 * await Deno.remove(path);
 * ```
 */
export async function readWav(path: string): Promise<DecodedSound> {
  const bytes = await readBytes(path);
  return decodeNamed(path, () => decodeWav(bytes));
}

/**
 * Writes a WAV file.
 *
 * @param path The file's path. It is replaced in one step: it never holds half of the sound.
 * @param sound The sound, as {@linkcode encodeWav} takes it.
 * @param options How a sample is stored.
 * @throws {FileError} If the file cannot be written.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { readWav, writeWav } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".wav" });
 * await writeWav(path, { samples: Tensor.ones([1, 9]), sampleRate: 8000 }, { format: "float32" });
 * assertEquals((await readWav(path)).sampleRate, 8000);
 * await Deno.remove(path);
 * ```
 */
export async function writeWav(
  path: string,
  sound: Sound,
  options: WavOptions = {},
): Promise<void> {
  await writeBytes(path, encodeWav(sound, options));
}

/** The parts of a file that count. */
interface WavChunks {
  readonly format: WavFormat;
  readonly data: Uint8Array;
}

/** Looks for the parts, which may stand in any order among others. */
function findChunks(bytes: Uint8Array): WavChunks {
  const chunks = readChunks(bytes);
  const [format, data] = [chunks.get("fmt "), chunks.get("data")];
  if (format === undefined || data === undefined) {
    const missing = format === undefined ? "fmt " : "data";
    throw damagedWav(`its part "${missing}" is missing`);
  }
  return { format: readFormat(format), data };
}

function readChunks(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  if (bytes.length === 0) throw new SyntaxError("it is empty; expected a WAV file");
  if (!isWavStart(bytes)) {
    const kind = kindOf(bytes);
    throw new SyntaxError(
      kind === undefined ? "it is not a WAV file" : `it is ${kind}, not a WAV file`,
    );
  }
  const file = new ByteReader(bytes, "its RIFF part", 4);
  const size = file.uint32();
  const isStream = isOpenEnded(size);
  // What follows is no part of the sound.
  const reader = new ByteReader(file.take(isStream ? file.left : size), "its RIFF part", 4);
  const chunks = new Map<string, Uint8Array>();
  while (reader.left > 0) {
    const name = String.fromCharCode(...reader.take(4));
    const length = reader.uint32();
    if (chunks.has(name) && (name === "fmt " || name === "data")) {
      throw damagedWav(`its part ${quoted(name)} is there twice`);
    }
    const isLast = isStream && name === "data" && isOpenEnded(length);
    chunks.set(name, reader.take(isLast ? reader.left : length));
    // Parts begin at even places; after the last one some writers leave that out.
    if (length % 2 === 1 && reader.left > 0) reader.skip(1);
  }
  return chunks;
}

/**
 * Whether a size is what is written where it is not known yet, into a pipe: all bits, as by FFmpeg, or as much as whole
 * samples can take below 2 GiB, and the rest of the file with it, as by SoX.
 */
function isOpenEnded(size: number): boolean {
  return size === 0xffffffff || size >= 0x7ffff000 && size < 0x80001000;
}

/** Whether a file begins as they all do. */
export function isWavStart(bytes: Uint8Array): boolean {
  return nameAt(bytes, 0) === "RIFF" && nameAt(bytes, 8) === "WAVE";
}

function nameAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function writeChunk(to: ByteWriter, name: string, data: Uint8Array): void {
  to.text(name).uint32(data.length).bytes(data);
  if (data.length % 2 === 1) to.uint8(0);
}

interface CheckedSamples {
  readonly channels: number;
  readonly length: number;
  readonly data: Float32Array;
}

function checkSamples(where: string, samples: unknown): CheckedSamples {
  const { shape, data } = checkTensor(where, "samples", samples);
  const [channels = 0, length = 0] = shape;
  if (shape.length !== 2 || channels < 1 || channels > MOST_CHANNELS) {
    throw new RangeError(
      `${where}: samples must have shape (channels, samples) with 1 to ${MOST_CHANNELS} channels, ` +
        `but have ${describeShape(shape)}`,
    );
  }
  return { channels, length, data };
}

/** The bytes of samples, those of one moment beside each other. */
function interleave(
  data: Float32Array,
  channels: number,
  length: number,
  format: "int16" | "float32",
): Uint8Array {
  const samples = format === "int16"
    ? new Int16Array(channels * length)
    : new Float32Array(channels * length);
  const store = format === "int16" ? toInt16 : (value: number) => value;
  for (let channel = 0; channel < channels; channel++) {
    for (let index = 0; index < length; index++) {
      samples[index * channels + channel] = store(data[channel * length + index] ?? 0);
    }
  }
  return new Uint8Array(samples.buffer);
}

/** The nearest that can be stored. NaN is stored as 0. */
function toInt16(value: number): number {
  return Math.round(Math.min(Math.max(value * 2 ** 15, -(2 ** 15)), 2 ** 15 - 1));
}
