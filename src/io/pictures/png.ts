import type { DecodedPng } from "fast-png";
import { decode } from "fast-png";
import { Tensor } from "../../tensor/tensor.ts";
import { FileError, peekFile, readBytes, writeChunks } from "../files.ts";
import type { PngShape } from "./png_chunks.ts";
import { CHUNK_FRAME, HEADER_LENGTH, pngChunks, SIGNATURE } from "./png_chunks.ts";
import type { Raster } from "./raster.ts";
import { readRows, scanlines } from "./raster.ts";

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

/** No deflate stream grows by more than this when it is unpacked. */
const BEST_COMPRESSION = 1032;

/** The colour type of a picture whose samples are places in a palette. */
const PALETTE = 3;

/** The samples of a pixel, by the file's colour type. */
const SAMPLES_PER_PIXEL: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [2, 3],
  [3, 1],
  [4, 2],
  [6, 4],
]);

/** Whether a colour counts as transparent is said before the samples, and they begin within so many bytes. */
const START_BYTES = 65536;

/**
 * Reads a PNG file.
 *
 * @param path The file's path.
 * @returns The picture, as {@linkcode decodePng} makes it.
 * @throws {FileError} If the file cannot be read or {@linkcode decodePng} rejects it.
 */
export async function readPng(path: string): Promise<Picture> {
  return pictureOf(decodeNamed(path, await readBytes(path)));
}

/** A picture in a file of which only the beginning was read. */
export interface PeekedPng extends PngShape {
  readonly fileBytes: number;
  /** Reads the picture, its samples as they are in the file. */
  read(): Promise<Raster>;
}

/**
 * Reads of a PNG file what says how large the picture is.
 *
 * @param path The file's path.
 * @throws {FileError} If the file cannot be read or does not begin as a PNG file.
 */
export async function peekPng(path: string): Promise<PeekedPng> {
  const { size, start, whole } = await peekFile(path, START_BYTES);
  return named(path, () => ({
    ...shapeOf(start, size),
    fileBytes: size,
    read: async () => decodeNamed(path, await whole()),
  }));
}

function decodeNamed(path: string, bytes: Uint8Array): Raster {
  return named(path, () => decodeRaster(bytes));
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
  await writeChunks(path, chunksOf(picture));
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
  return pictureOf(decodeRaster(bytes));
}

/**
 * The bytes of a picture as a PNG file.
 *
 * @param picture The picture. Values below 0, above 1 and NaN become the nearest that can be stored, NaN
 * becomes 0.
 * @returns The whole file.
 * @throws {RangeError} If the shape is not `(C, H, W)` with one to four channels and at least one pixel.
 */
export async function encodePng(picture: Picture): Promise<Uint8Array> {
  return await new Response(ReadableStream.from(chunksOf(picture))).bytes();
}

function chunksOf({ pixels, bitDepth }: Picture): AsyncIterable<Uint8Array> {
  const [channels = 0, height = 0, width = 0] = pixels.shape;
  if (pixels.shape.length !== 3 || channels < 1 || channels > 4 || height < 1 || width < 1) {
    throw new RangeError(
      `A picture needs a shape (C, H, W) with 1 to 4 channels and at least one pixel, but has ` +
        `[${pixels.shape.join(", ")}]`,
    );
  }
  const plane = height * width;
  const planes = Array.from(
    { length: channels },
    (_, channel) => pixels.data.subarray(channel * plane, (channel + 1) * plane),
  );
  const lines = scanlines(planes, width, 0, height, bitDepth);
  return pngChunks({ width, height, channels, bitDepth }, [lines]);
}

function pictureOf(raster: Raster): Picture {
  const { channels, height, width, bitDepth } = raster;
  const pixels = Tensor.zeros([channels, height, width]);
  readRows(raster, 0, pixels.data);
  return { pixels, bitDepth };
}

/** Adds the file's name to what is wrong with its bytes. */
function named<Result>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new FileError(`Cannot read "${path}": ${error.message}`, { cause: error });
  }
}

function decodeRaster(bytes: Uint8Array): Raster {
  checkPng(bytes);
  let png: DecodedPng;
  try {
    png = decode(bytes, { checkCrc: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SyntaxError(`it is a damaged PNG file (${reason})`, { cause: error });
  }
  const { width, height, channels, depth } = png;
  const raster = {
    width,
    height,
    channels,
    largest: 2 ** depth - 1,
    bitDepth: depth === 16 ? 16 : 8,
    samples: unpackSamples(png),
  } as const;
  // An RGB file may carry a palette too, as a hint for screens of few colours.
  if (png.palette !== undefined && channels === 1) return fromPalette(raster, png.palette);
  return png.transparency === undefined ? raster : withTransparency(raster, png.transparency);
}

/**
 * Walks over the chunks before anything is decoded or allocated: a file that ends early is then called
 * that, and a header that claims more pixels than the file can hold is caught.
 */
function checkPng(bytes: Uint8Array): void {
  const header = readHeader(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let dataBytes = 0;
  let offset = SIGNATURE.length;
  for (let type = ""; type !== "IEND";) {
    if (offset + CHUNK_FRAME > bytes.length) {
      throw new SyntaxError("it ends early: the PNG file has no end mark");
    }
    const length = view.getUint32(offset);
    type = typeAt(bytes, offset);
    if (offset + CHUNK_FRAME + length > bytes.length) {
      throw new SyntaxError(
        `it ends early: its part ${JSON.stringify(type)} takes ${length} bytes, but ` +
          `${bytes.length - offset - CHUNK_FRAME} are there`,
      );
    }
    if (type === "IDAT") dataBytes += length;
    offset += CHUNK_FRAME + length;
  }
  checkHeader(header, dataBytes);
}

/** What the header chunk says. */
interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colorType: number;
  readonly interlace: number;
}

function readHeader(bytes: Uint8Array): Header {
  if (bytes.length === 0) throw new SyntaxError("it is empty; expected a PNG file");
  const present = Math.min(bytes.length, SIGNATURE.length);
  if (SIGNATURE.subarray(0, present).some((byte, index) => byte !== bytes[index])) {
    throw new SyntaxError("it is not a PNG file");
  }
  const at = SIGNATURE.length + 8;
  if (bytes.length < at + HEADER_LENGTH) {
    throw new SyntaxError("it ends early: the PNG file has no end mark");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (
    typeAt(bytes, SIGNATURE.length) !== "IHDR" ||
    view.getUint32(SIGNATURE.length) !== HEADER_LENGTH
  ) {
    throw new SyntaxError("it is a damaged PNG file (it does not begin with a header)");
  }
  return {
    width: view.getUint32(at),
    height: view.getUint32(at + 4),
    depth: view.getUint8(at + 8),
    colorType: view.getUint8(at + 9),
    interlace: view.getUint8(at + 12),
  };
}

/** The type of the chunk at an offset. */
function typeAt(bytes: Uint8Array, offset: number): string {
  return String.fromCharCode(...bytes.subarray(offset + 4, offset + 8));
}

function checkHeader(header: Header, dataBytes: number): void {
  const { width, height, depth, colorType, interlace } = header;
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

/** The size of a picture, from how its file begins. */
function shapeOf(bytes: Uint8Array, fileBytes: number): PngShape {
  const header = readHeader(bytes);
  checkHeader(header, fileBytes);
  const { width, height, depth, colorType } = header;
  const colors = colorType === PALETTE ? 3 : SAMPLES_PER_PIXEL.get(colorType) ?? 1;
  const hasOwnAlpha = colors % 2 === 0;
  const channels = !hasOwnAlpha && mayBeTransparent(bytes) ? colors + 1 : colors;
  return { width, height, channels, bitDepth: depth === 16 ? 16 : 8 };
}

/** Whether a chunk says what is transparent; what lies behind the bytes could. */
function mayBeTransparent(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = SIGNATURE.length;
  while (offset + 8 <= bytes.length) {
    const type = typeAt(bytes, offset);
    if (type === "IDAT") return false;
    if (type === "tRNS") return true;
    offset += CHUNK_FRAME + view.getUint32(offset);
  }
  return true;
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

function fromPalette(raster: Raster, palette: readonly (readonly number[])[]): Raster {
  const { samples: indices } = raster;
  const channels = palette[0]?.length ?? 3;
  const samples = new Uint8Array(indices.length * channels);
  for (let pixel = 0; pixel < indices.length; pixel++) {
    const color = palette[indices[pixel] ?? 0];
    if (color === undefined) {
      throw new SyntaxError("it is a damaged PNG file (a pixel has no colour in the palette)");
    }
    samples.set(color, pixel * channels);
  }
  return { ...raster, channels, largest: 255, bitDepth: 8, samples };
}

/** Adds an alpha channel that is 0 where a pixel has the transparent colour, and 1 elsewhere. */
function withTransparency(raster: Raster, transparent: Uint16Array): Raster {
  const { width, height, channels, largest, bitDepth, samples: colors } = raster;
  const count = (channels + 1) * width * height;
  const samples = bitDepth === 16 ? new Uint16Array(count) : new Uint8Array(count);
  for (let pixel = 0; pixel < width * height; pixel++) {
    let hidden = true;
    for (let channel = 0; channel < channels; channel++) {
      const sample = colors[pixel * channels + channel] ?? 0;
      samples[pixel * (channels + 1) + channel] = sample;
      hidden &&= sample === transparent[channel];
    }
    samples[pixel * (channels + 1) + channels] = hidden ? 0 : largest;
  }
  return { ...raster, channels: channels + 1, samples };
}
