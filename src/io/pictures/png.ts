import { describe } from "../../base/checks.ts";
import { checkBytes, checkTensor } from "../checks.ts";
import type { PeekedFile } from "../files.ts";
import { decodeNamed, peekFile, readBytes, writeChunks } from "../files.ts";
import { ByteWriter } from "../writer.ts";
import type {
  DecodedPicture,
  DecodedRaster,
  PeekedPicture,
  Picture,
  PictureOptions,
} from "./picture.ts";
import { checkPixels, mostPixelsOf, pictureOf, START_BYTES } from "./picture.ts";
import { pngChunks } from "./png_chunks.ts";
import { unpackedBytes } from "./png_lines.ts";
import type { PngHeader, PngParts } from "./png_parts.ts";
import { findData, readParts, readStart } from "./png_parts.ts";
import { readRaster, shapeOf } from "./png_samples.ts";
import { scanlines } from "./raster.ts";

/** No deflate stream grows by more than this when it is unpacked. */
const BEST_COMPRESSION = 1032;

/**
 * Reads a PNG file.
 *
 * @param path The file's path.
 * @param options How much is read at most.
 * @returns The picture, as {@linkcode decodePng} makes it.
 * @throws {FileError} If the file cannot be read or {@linkcode decodePng} rejects it.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { readPng, writePng } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".png" });
 * await writePng(path, { pixels: Tensor.uniform([3, 4, 5]), bitDepth: 8 });
 * assertEquals((await readPng(path)).pixels.shape, [3, 4, 5]);
 * await Deno.remove(path);
 * ```
 */
export async function readPng(path: string, options: PictureOptions = {}): Promise<DecodedPicture> {
  const most = mostPixelsOf("readPng()", options);
  const bytes = await readBytes(path);
  return pictureOf(decodeNamed(path, () => decodeRaster(bytes, most)));
}

/** Of lines that are unpacked, so much waits for the collector at most. */
const WAITING_BYTES = 64 * 2 ** 20;

/**
 * What a PNG file says of its picture.
 *
 * @param path The file's path.
 * @param peeked Its beginning.
 * @param mostPixels How many pixels the picture may have.
 * @throws {FileError} If the file cannot be read, or {@linkcode decodePng} would reject what stands in it in
 * front of the picture's data.
 */
export async function peekedPng(
  path: string,
  peeked: PeekedFile,
  mostPixels: number,
): Promise<PeekedPicture> {
  const { size, start, whole } = await peekToData(path, peeked);
  return decodeNamed(path, () => {
    const parts = readStart(start);
    checkSize(parts.header, size, mostPixels);
    const read = async () => {
      const bytes = await whole();
      return decodeNamed(path, () => decodeRaster(bytes, mostPixels));
    };
    const shape = shapeOf(parts);
    const samples = shape.width * shape.height * shape.channels * shape.bitDepth / 8;
    const readingBytes = size + samples + Math.min(2 * samples, WAITING_BYTES);
    return { ...shape, readingBytes, read };
  });
}

/** Reads of a file what stands in front of the picture's data; all of it where there are none. */
async function peekToData(path: string, peeked: PeekedFile): Promise<PeekedFile> {
  for (;;) {
    const { start, size } = peeked;
    const data = findData(start);
    if (data + 8 <= start.length) return { ...peeked, start: start.subarray(0, data) };
    if (start.length === size) return peeked;
    peeked = await peekFile(path, Math.max(data + START_BYTES, 2 * start.length));
  }
}

/**
 * Writes a PNG file.
 *
 * @param path The file's path. It is replaced in one step: it never holds half of the picture.
 * @param picture The picture, as {@linkcode encodePng} takes it.
 * @throws {FileError} If the file cannot be written.
 * @throws {RangeError} If the shape is not that of a picture.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { readPng, writePng } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".png" });
 * await writePng(path, { pixels: Tensor.ones([1, 4, 5]), bitDepth: 16 });
 * assertEquals((await readPng(path)).bitDepth, 16);
 * await Deno.remove(path);
 * ```
 */
export async function writePng(path: string, picture: Picture): Promise<void> {
  await writeChunks(path, chunksOf(picture));
}

/**
 * Reads the bytes of a PNG file (ISO/IEC 15948). Grey, grey with alpha, RGB and RGBA keep their channels. A palette
 * becomes RGB, or RGBA if it has transparent colours; one colour that stands for "transparent" becomes
 * an alpha channel. Samples of less than 8 bits count as 8.
 *
 * @param bytes The whole file.
 * @param options How much is read at most.
 * @returns The picture. Colour profiles and texts are left out.
 * @throws {SyntaxError} If the bytes are not a whole PNG file, undamaged in all that the picture is made of,
 * or it has too many pixels.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { decodePng, encodePng } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const pixels = Tensor.from([[[0, 1], [1, 0]]]);
 * const bytes = await encodePng({ pixels, bitDepth: 8 });
 * assertEquals(decodePng(bytes).pixels.data, pixels.data);
 * ```
 */
export function decodePng(bytes: Uint8Array, options: PictureOptions = {}): DecodedPicture {
  const most = mostPixelsOf("decodePng()", options);
  return pictureOf(decodeRaster(checkBytes("decodePng()", bytes), most));
}

/**
 * The bytes of a picture as a PNG file.
 *
 * @param picture The picture. Values below 0, above 1 and NaN become the nearest that can be stored, NaN
 * becomes 0.
 * @returns The whole file.
 * @throws {RangeError} If the shape is not `(C, H, W)` with one to four channels and at least one pixel.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { decodePng, encodePng } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const pixels = Tensor.full([4, 8, 8], 2); // Four channels: alpha too.
 * const { pixels: read } = decodePng(await encodePng({ pixels, bitDepth: 16 }));
 * assertEquals([...read.data], new Array(256).fill(1));
 * ```
 */
export async function encodePng(picture: Picture): Promise<Uint8Array> {
  const bytes = new ByteWriter();
  for await (const chunk of chunksOf(picture)) bytes.bytes(chunk);
  return bytes.join();
}

function chunksOf({ pixels, bitDepth }: Picture): AsyncIterable<Uint8Array> {
  checkTensor("A picture", "pixels", pixels);
  if (bitDepth !== 8 && bitDepth !== 16) {
    throw new RangeError(`A picture: bitDepth must be 8 or 16, but is ${describe(bitDepth)}`);
  }
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

function decodeRaster(bytes: Uint8Array, mostPixels: number): DecodedRaster {
  const parts = readParts(bytes);
  checkSize(parts.header, dataBytes(parts), mostPixels);
  return { ...readRaster(parts), warnings: parts.warnings };
}

function dataBytes({ data }: PngParts): number {
  return data.reduce((sum, { length }) => sum + length, 0);
}

/** Refuses what is too large before room is made for it. */
function checkSize(header: PngHeader, packedBytes: number, mostPixels: number): void {
  const { width, height } = header;
  if (unpackedBytes(header) > packedBytes * BEST_COMPRESSION) {
    throw new SyntaxError(
      `it claims ${width} x ${height} pixels, more than its ${packedBytes} bytes of data can hold`,
    );
  }
  checkPixels(width, height, mostPixels);
}
