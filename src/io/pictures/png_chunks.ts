import { crc32 } from "../crc32.ts";
import { chunksOf, streamOf } from "../streams.ts";

/** The first bytes of every PNG file. */
export const SIGNATURE: Uint8Array = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** Of a chunk, the bytes that are not its data: length, type and checksum. */
export const CHUNK_FRAME = 12;

/** The width, height, bit depth, colour type and three methods in a header chunk. */
export const HEADER_LENGTH = 13;

/** What a picture's file says before its samples. */
export interface PngShape {
  readonly width: number;
  readonly height: number;
  /** One to four, see `Raster`. */
  readonly channels: number;
  readonly bitDepth: 8 | 16;
}

/** Some lines of a picture, as a file holds them before it is compressed. */
export type Lines = Uint8Array<ArrayBuffer>;

/** The colour types of one to four channels. */
const COLOR_TYPES = [0, 4, 2, 6];

/**
 * The bytes of a PNG file, made while its lines come in: the whole is never in memory.
 *
 * @param shape What the lines hold.
 * @param lines The file's lines, some at a time.
 */
export async function* pngChunks(
  { width, height, channels, bitDepth }: PngShape,
  lines: Iterable<Lines> | AsyncIterable<Lines>,
): AsyncGenerator<Uint8Array> {
  yield SIGNATURE;
  const header = new DataView(new ArrayBuffer(HEADER_LENGTH));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, bitDepth);
  header.setUint8(9, COLOR_TYPES[channels - 1] ?? 0);
  yield chunk("IHDR", new Uint8Array(header.buffer));
  for await (const data of deflate(lines)) yield chunk("IDAT", data);
  yield chunk("IEND", new Uint8Array());
}

/** A zlib stream of some bytes, as PNG files hold it. */
function deflate(bytes: Iterable<Lines> | AsyncIterable<Lines>): AsyncIterable<Uint8Array> {
  return chunksOf(streamOf(bytes).pipeThrough(new CompressionStream("deflate")));
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(CHUNK_FRAME + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}
