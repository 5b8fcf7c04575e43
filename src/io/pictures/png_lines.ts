/**
 * From the compressed data of a PNG file to the lines of its picture. Only a few lines are there at a time,
 * and no more is unpacked than the picture takes.
 *
 * @module
 */

import { Inflate } from "fflate";
import type { PngHeader, PngParts } from "./png_parts.ts";
import { damaged } from "./png_parts.ts";

/** The pixels of a picture that come one after the other: all, or those of one of seven grids. */
export interface Pass {
  /** The first pixel, and the steps from one to the next. */
  readonly left: number;
  readonly top: number;
  readonly across: number;
  readonly down: number;
  /** How many there are. */
  readonly width: number;
  readonly height: number;
}

/** The grids of an interlaced picture: left, top, across, down. */
const INTERLACED = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** The passes of a picture. Those of small ones may be empty, and are left out: they have no lines. */
export function passesOf({ width, height, interlaced }: PngHeader): readonly Pass[] {
  const grids = interlaced ? INTERLACED : [[0, 0, 1, 1] as const];
  return grids.map(([left, top, across, down]) => ({
    left,
    top,
    across,
    down,
    width: Math.ceil((width - left) / across),
    height: Math.ceil((height - top) / down),
  })).filter((pass) => pass.width > 0 && pass.height > 0);
}

/** The bytes of a line of so many pixels, with the one that names its filter. */
function lineBytes({ samples, depth }: PngHeader, width: number): number {
  return 1 + Math.ceil(width * samples * depth / 8);
}

/** What the compressed data unpack to. */
export function unpackedBytes(header: PngHeader): number {
  return passesOf(header)
    .reduce((sum, { width, height }) => sum + height * lineBytes(header, width), 0);
}

/** A line of a pass. */
export interface PassLine {
  readonly pass: Pass;
  readonly row: number;
  /** Its samples as they are packed in the file. They change with the next line. */
  readonly bytes: Uint8Array;
}

/**
 * The lines of a picture, their filters undone.
 *
 * @param parts The picture's file.
 * @throws {SyntaxError} If the data are damaged, or more or less than the picture takes.
 */
export function* linesOf({ header, data }: PngParts): Generator<PassLine> {
  const step = Math.max(header.samples * header.depth / 8, 1);
  const source = new ByteSource(inflate(data));
  for (const pass of passesOf(header)) {
    // In front of the first pixel stand the zeros of one more. The last of them is the filter's place in the file.
    const margin = step - 1;
    let line = new Uint8Array(margin + lineBytes(header, pass.width));
    let above = new Uint8Array(line.length);
    for (let row = 0; row < pass.height; row++) {
      if (!source.fill(line.subarray(margin))) {
        throw damaged("its picture data end before its last line");
      }
      const filter = line[margin] ?? 0;
      line[margin] = 0;
      undoFilter(filter, line, above, step);
      yield { pass, row, bytes: line.subarray(step) };
      [line, above] = [above, line];
    }
  }
  if (!source.isAtEnd()) throw damaged("its picture data go on after its last line");
}

/** Bytes that are made in chunks and taken in others. */
class ByteSource {
  readonly #chunks: Iterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array();

  constructor(chunks: Iterator<Uint8Array>) {
    this.#chunks = chunks;
  }

  /** Takes as many bytes as an array holds, if there are so many. */
  fill(target: Uint8Array): boolean {
    for (let filled = 0; filled < target.length;) {
      if (this.isAtEnd()) return false;
      const part = this.#chunk.subarray(0, target.length - filled);
      target.set(part, filled);
      filled += part.length;
      this.#chunk = this.#chunk.subarray(part.length);
    }
    return true;
  }

  isAtEnd(): boolean {
    while (this.#chunk.length === 0) {
      const { done, value } = this.#chunks.next();
      if (done) return true;
      this.#chunk = value;
    }
    return false;
  }
}

/** The bytes that are unpacked at once: they become 1032 times as many at most. */
const SLICE_BYTES = 16384;

/** Of a zlib stream, the bytes in front of the compressed data and behind them. */
const ZLIB_HEADER = 2;
const ZLIB_TRAILER = 4;

/** Unpacks a zlib stream, slice by slice. */
function* inflate(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  const total = pieces.reduce((sum, { length }) => sum + length, 0);
  const source = new ByteSource(pieces.values());
  const take = (length: number) => {
    const bytes = new Uint8Array(length);
    source.fill(bytes);
    return bytes;
  };
  checkZlibHeader(take(ZLIB_HEADER));
  let unpacked: Uint8Array = new Uint8Array();
  const inflater = new Inflate((bytes) => unpacked = bytes);
  let sum = 1;
  for (let left = total - ZLIB_HEADER - ZLIB_TRAILER; left > 0;) {
    const slice = take(Math.min(left, SLICE_BYTES));
    left -= slice.length;
    try {
      inflater.push(slice, left === 0);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw damaged(`its picture data cannot be unpacked: ${reason}`, error);
    }
    sum = adler32(sum, unpacked);
    yield unpacked;
  }
  if (new DataView(take(ZLIB_TRAILER).buffer).getUint32(0) !== sum) {
    throw damaged("the checksum of its unpacked picture data is wrong");
  }
}

/** Deflate with a window of at most 32 KiB, no dictionary, and a checksum of its own. */
function checkZlibHeader([method = 0, flags = 0]: Uint8Array): void {
  const right = (method & 15) === 8 && method >> 4 <= 7 && (flags & 0x20) === 0 &&
    (method << 8 | flags) % 31 === 0;
  if (!right) throw damaged("its picture data do not begin as compressed data do");
}

/** So many bytes can be added up before the sums leave 31 bits, and with them what is fast. */
const ADLER_BLOCK = 3800;
const ADLER_MODULUS = 65521;

/** The Adler-32 of bytes, from that of those before them. */
function adler32(before: number, bytes: Uint8Array): number {
  let low = before & 0xffff;
  let high = before >>> 16;
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(at + ADLER_BLOCK, bytes.length);
    for (; at < end; at++) high += low += bytes[at] ?? 0;
    low %= ADLER_MODULUS;
    high %= ADLER_MODULUS;
  }
  return (high << 16 | low) >>> 0;
}

/**
 * Turns the differences in a line into its bytes, in place.
 *
 * @param filter What they are differences to.
 * @param line Zeros for the pixel in front of the first one, and the line.
 * @param above The line above in the same form, or zeros.
 * @param step The bytes of a pixel, at least 1.
 */
function undoFilter(filter: number, line: Uint8Array, above: Uint8Array, step: number): void {
  switch (filter) {
    case 0:
      return;
    case 1:
      for (let at = step; at < line.length; at++) {
        line[at] = (line[at] ?? 0) + (line[at - step] ?? 0);
      }
      return;
    case 2:
      for (let at = step; at < line.length; at++) line[at] = (line[at] ?? 0) + (above[at] ?? 0);
      return;
    case 3:
      for (let at = step; at < line.length; at++) {
        line[at] = (line[at] ?? 0) + (((line[at - step] ?? 0) + (above[at] ?? 0)) >> 1);
      }
      return;
    case 4:
      for (let at = step; at < line.length; at++) {
        line[at] = (line[at] ?? 0) +
          paeth(line[at - step] ?? 0, above[at] ?? 0, above[at - step] ?? 0);
      }
      return;
    default:
      throw damaged(`a line has filter ${filter}; expected 0 to 4`);
  }
}

/** Of three neighbours, the one nearest to the plane through them. */
function paeth(left: number, above: number, aboveLeft: number): number {
  const estimate = left + above - aboveLeft;
  const toLeft = Math.abs(estimate - left);
  const toAbove = Math.abs(estimate - above);
  const toAboveLeft = Math.abs(estimate - aboveLeft);
  if (toLeft <= toAbove && toLeft <= toAboveLeft) return left;
  return toAbove <= toAboveLeft ? above : aboveLeft;
}
