/**
 * PNG files written from the specification: no code is shared with what reads them, and every rule can be
 * broken.
 *
 * @module
 */

import { crc32, deflateSync } from "node:zlib";

type Bytes = ArrayLike<number> & Iterable<number>;

/** A chunk as it is in a file. */
export function chunk(type: string, data: Bytes = [], checksumError = 0): readonly number[] {
  const body = [...new TextEncoder().encode(type), ...data];
  const checksum = crc32(Uint8Array.from(body)) ^ checksumError;
  return [...word(data.length), ...body, ...word(checksum)];
}

/** A file of these chunks. */
export function pngOf(...chunks: readonly (readonly number[])[]): Uint8Array {
  return Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, ...chunks.flat()]);
}

/** The size and form of a picture. */
export interface Form {
  readonly width: number;
  readonly height: number;
  readonly bitDepth: number;
  /** 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha. */
  readonly colorType: number;
  readonly interlaced?: boolean;
}

/** A header chunk; other methods than 0 are wrong. */
export function headerOf(form: Form, compression = 0, filter = 0): readonly number[] {
  const { width, height, bitDepth, colorType, interlaced = false } = form;
  const methods = [compression, filter, interlaced ? 1 : 0];
  return chunk("IHDR", [...word(width), ...word(height), bitDepth, colorType, ...methods]);
}

/** Four bytes, the highest first. */
export function word(value: number): readonly number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

/** The parts of a PNG file that a test chooses. */
export interface PngParts extends Form {
  /** One array of bytes per line, without the filter byte. */
  readonly lines: readonly (readonly number[])[];
  /** Chunks between the header and the data, such as `PLTE`. */
  readonly chunks?: readonly (readonly [type: string, data: readonly number[]])[];
}

/** The bytes of a PNG file of these lines. */
export function makePng({ lines, chunks = [], ...form }: PngParts): Uint8Array {
  return pngOf(
    headerOf(form),
    ...chunks.map(([type, data]) => chunk(type, data)),
    chunk("IDAT", deflateSync(Uint8Array.from(lines.flatMap((line) => [0, ...line])))),
    chunk("IEND"),
  );
}

/** A sample of a picture, from 0 to the largest of its depth. */
export type Sample = (x: number, y: number, channel: number) => number;

/** The samples of a pixel, by colour type. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

export function channelsOf({ colorType }: Form): number {
  return CHANNELS[colorType] ?? NaN;
}

/**
 * The pixels of each of the seven passes, as the specification draws them: the number in the pattern is the pass
 * of the pixel there.
 */
const ADAM7 = [
  "16462646",
  "77777777",
  "56565656",
  "77777777",
  "36463646",
  "77777777",
  "56565656",
  "77777777",
];

/** The lines of a picture before they are compressed, each with another filter. */
export function linesOf(form: Form, sample: Sample): Uint8Array {
  const { width, height, bitDepth, interlaced = false } = form;
  const channels = channelsOf(form);
  const passOf = (x: number, y: number) => interlaced ? ADAM7[y % 8]?.[x % 8] : "1";
  const step = Math.max(1, channels * bitDepth / 8);
  const bytes: number[] = [];
  for (const pass of "1234567") {
    let above: readonly number[] = [];
    let filter = 0;
    for (let y = 0; y < height; y++) {
      const bits: string[] = [];
      for (let x = 0; x < width; x++) {
        if (passOf(x, y) !== pass) continue;
        for (let channel = 0; channel < channels; channel++) {
          bits.push(sample(x, y, channel).toString(2).padStart(bitDepth, "0"));
        }
      }
      if (bits.length === 0) continue;
      const line = (bits.join("").match(/.{1,8}/g) ?? []).map((byte) =>
        parseInt(byte.padEnd(8, "0"), 2)
      );
      bytes.push(filter, ...filtered(filter, line, above, step));
      above = line;
      filter = (filter + 1) % 5;
    }
  }
  return Uint8Array.from(bytes);
}

function filtered(
  filter: number,
  line: readonly number[],
  above: readonly number[],
  step: number,
): readonly number[] {
  return line.map((byte, at) => {
    const [a, b, c] = [line[at - step] ?? 0, above[at] ?? 0, above[at - step] ?? 0];
    const nearest = [a, b, c]
      .map((value, order) => ({ value, order, distance: Math.abs(a + b - c - value) }))
      .sort((p, q) => p.distance - q.distance || p.order - q.order)[0]?.value ?? 0;
    return byte - ([0, a, b, Math.floor((a + b) / 2), nearest][filter] ?? 0) & 255;
  });
}

/** A legal file of a picture, with more chunks in front of the data. */
export function pngFrom(
  form: Form,
  sample: Sample,
  ...chunks: readonly (readonly number[])[]
): Uint8Array {
  return pngOf(
    headerOf(form),
    ...chunks,
    chunk("IDAT", deflateSync(linesOf(form, sample))),
    chunk("IEND"),
  );
}
