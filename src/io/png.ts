import type { DecodedPng } from "fast-png";
import { decode, encode } from "fast-png";
import { Tensor } from "../tensor.ts";
import { FileError, readBytes, writeBytes } from "./files.ts";

/** A picture as numbers, with what is needed to write it as it was. */
export interface Picture {
  /**
   * Shape `(C, H, W)`, values from 0 to 1. One channel is grey, two are grey and alpha, three red, green
   * and blue, four these and alpha.
   */
  readonly pixels: Tensor;
  /** The bits of one sample in the file. */
  readonly bitDepth: 8 | 16;
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** Of a chunk, the bytes that are not its data: length, type and checksum. */
const CHUNK_FRAME = 12;

/** The width, height, bit depth, colour type and three methods in a header chunk. */
const HEADER_LENGTH = 13;

/** No deflate stream grows by more than this when it is unpacked. */
const BEST_COMPRESSION = 1032;

/** The samples of a pixel, by the file's colour type. */
const SAMPLES_PER_PIXEL: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [2, 3],
  [3, 1],
  [4, 2],
  [6, 4],
]);

/**
 * Reads a PNG file.
 *
 * @param path The file's path.
 * @returns The picture, as {@linkcode decodePng} makes it.
 * @throws {FileError} If the file cannot be read or {@linkcode decodePng} rejects it.
 */
export async function readPng(path: string): Promise<Picture> {
  const bytes = await readBytes(path);
  try {
    return decodePng(bytes);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new FileError(`Cannot read "${path}": ${error.message}`, { cause: error });
  }
}

/**
 * Writes a PNG file.
 *
 * @param path The file's path. It is replaced in one step: it never holds half of the picture.
 * @param picture The picture, as {@linkcode encodePng} takes it.
 * @throws {FileError} If the file cannot be written.
 * @throws {RangeError} If the shape is not that of a picture.
 */
export async function writePng(path: string, picture: Picture): Promise<void> {
  await writeBytes(path, encodePng(picture));
}

/**
 * Reads the bytes of a PNG file. Grey, grey with alpha, RGB and RGBA keep their channels. A palette
 * becomes RGB, or RGBA if it has transparent colours; one colour that stands for "transparent" becomes
 * an alpha channel. Samples of less than 8 bits count as 8.
 *
 * @param bytes The whole file.
 * @returns The picture. Colour profiles and texts are left out.
 * @throws {SyntaxError} If the bytes are not a whole, undamaged PNG file.
 */
export function decodePng(bytes: Uint8Array): Picture {
  checkPng(bytes);
  let png: DecodedPng;
  try {
    png = decode(bytes, { checkCrc: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SyntaxError(`it is a damaged PNG file (${reason})`, { cause: error });
  }
  const samples = unpackSamples(png);
  // An RGB file may carry a palette too, as a hint for screens of few colours.
  if (png.palette !== undefined && png.channels === 1) {
    return fromPalette(png, samples, png.palette);
  }
  const largest = 2 ** png.depth - 1;
  const color = planes(png, samples, png.channels, largest);
  const pixels = png.transparency === undefined
    ? color
    : withTransparency(png, samples, png.transparency, color);
  return { pixels, bitDepth: png.depth === 16 ? 16 : 8 };
}

/**
 * The bytes of a picture as a PNG file.
 *
 * @param picture The picture. Values below 0, above 1 and NaN become the nearest that can be stored, NaN
 * becomes 0.
 * @returns The whole file.
 * @throws {RangeError} If the shape is not `(C, H, W)` with one to four channels and at least one pixel.
 */
export function encodePng({ pixels, bitDepth }: Picture): Uint8Array {
  const [channels = 0, height = 0, width = 0] = pixels.shape;
  if (pixels.shape.length !== 3 || channels < 1 || channels > 4 || height < 1 || width < 1) {
    throw new RangeError(
      `A picture needs a shape (C, H, W) with 1 to 4 channels and at least one pixel, but has ` +
        `[${pixels.shape.join(", ")}]`,
    );
  }
  const plane = height * width;
  const largest = 2 ** bitDepth - 1;
  const data = bitDepth === 16 ? new Uint16Array(pixels.size) : new Uint8Array(pixels.size);
  for (let channel = 0; channel < channels; channel++) {
    for (let pixel = 0; pixel < plane; pixel++) {
      const value = pixels.data[channel * plane + pixel] ?? 0;
      // Math.max of NaN is NaN, which a typed array stores as 0.
      data[pixel * channels + channel] = Math.round(Math.min(Math.max(value, 0), 1) * largest);
    }
  }
  return encode({ width, height, data, depth: bitDepth, channels });
}

/**
 * Walks over the chunks before anything is decoded or allocated: a file that ends early is then called
 * that, and a header that claims more pixels than the file can hold is caught.
 */
function checkPng(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new SyntaxError("it is empty; expected a PNG file");
  const present = Math.min(bytes.length, SIGNATURE.length);
  if (SIGNATURE.subarray(0, present).some((byte, index) => byte !== bytes[index])) {
    throw new SyntaxError("it is not a PNG file");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let dataBytes = 0;
  let offset = SIGNATURE.length;
  for (let type = ""; type !== "IEND";) {
    const first = offset === SIGNATURE.length;
    if (offset + CHUNK_FRAME > bytes.length) {
      throw new SyntaxError("it ends early: the PNG file has no end mark");
    }
    const length = view.getUint32(offset);
    type = String.fromCharCode(...bytes.subarray(offset + 4, offset + 8));
    if (first && (type !== "IHDR" || length !== HEADER_LENGTH)) {
      throw new SyntaxError("it is a damaged PNG file (it does not begin with a header)");
    }
    if (offset + CHUNK_FRAME + length > bytes.length) {
      throw new SyntaxError(
        `it ends early: its part ${JSON.stringify(type)} takes ${length} bytes, but ` +
          `${bytes.length - offset - CHUNK_FRAME} are there`,
      );
    }
    if (type === "IDAT") dataBytes += length;
    offset += CHUNK_FRAME + length;
  }
  checkHeader(view, dataBytes);
}

function checkHeader(view: DataView, dataBytes: number): void {
  const at = SIGNATURE.length + 8;
  const [width, height] = [view.getUint32(at), view.getUint32(at + 4)];
  const [depth, colorType, interlace] = [
    view.getUint8(at + 8),
    view.getUint8(at + 9),
    view.getUint8(at + 12),
  ];
  if (width === 0 || height === 0) throw new SyntaxError("it has no pixels");
  // The decoder takes interlaced samples for whole bytes.
  if (interlace !== 0 && depth < 8) {
    throw new SyntaxError(`it is interlaced with ${depth} bits per sample; expected 8 or 16`);
  }
  const samples = SAMPLES_PER_PIXEL.get(colorType) ?? 1;
  if (width * height * samples * depth / 8 > dataBytes * BEST_COMPRESSION) {
    throw new SyntaxError(
      `it claims ${width} x ${height} pixels, more than its ${dataBytes} bytes of data can hold`,
    );
  }
}

/** One number per sample, where the decoder leaves several samples of less than 8 bits in a byte. */
function unpackSamples({ data, depth, width, height, channels }: DecodedPng): ArrayLike<number> {
  if (depth >= 8) return data;
  const perLine = width * channels;
  const perByte = 8 / depth;
  const lineBytes = Math.ceil(perLine / perByte);
  const mask = 2 ** depth - 1;
  const samples = new Uint8Array(perLine * height);
  for (let line = 0; line < height; line++) {
    for (let index = 0; index < perLine; index++) {
      const byte = data[line * lineBytes + Math.floor(index / perByte)] ?? 0;
      // The first sample of a byte is in its highest bits.
      samples[line * perLine + index] = (byte >> (8 - depth * (index % perByte + 1))) & mask;
    }
  }
  return samples;
}

/** Interleaved samples as planes from 0 to 1. */
function planes(
  { width, height }: DecodedPng,
  samples: ArrayLike<number>,
  channels: number,
  largest: number,
): Tensor {
  const plane = width * height;
  const values = new Float32Array(channels * plane);
  for (let channel = 0; channel < channels; channel++) {
    for (let pixel = 0; pixel < plane; pixel++) {
      values[channel * plane + pixel] = (samples[pixel * channels + channel] ?? 0) / largest;
    }
  }
  return new Tensor(values, [channels, height, width]);
}

function fromPalette(
  png: DecodedPng,
  indices: ArrayLike<number>,
  palette: readonly (readonly number[])[],
): Picture {
  const channels = palette[0]?.length ?? 3;
  const colors = new Uint8Array(indices.length * channels);
  for (let pixel = 0; pixel < indices.length; pixel++) {
    const color = palette[indices[pixel] ?? 0];
    if (color === undefined) {
      throw new SyntaxError("it is a damaged PNG file (a pixel has no colour in the palette)");
    }
    colors.set(color, pixel * channels);
  }
  return { pixels: planes(png, colors, channels, 255), bitDepth: 8 };
}

/** Adds an alpha channel that is 0 where a pixel has the transparent colour, and 1 elsewhere. */
function withTransparency(
  { channels, width, height }: DecodedPng,
  samples: ArrayLike<number>,
  transparent: Uint16Array,
  color: Tensor,
): Tensor {
  const plane = width * height;
  const values = new Float32Array((channels + 1) * plane);
  values.set(color.data);
  for (let pixel = 0; pixel < plane; pixel++) {
    const hidden = transparent.every((value, channel) =>
      samples[pixel * channels + channel] === value
    );
    values[channels * plane + pixel] = hidden ? 0 : 1;
  }
  return new Tensor(values, [channels + 1, height, width]);
}
