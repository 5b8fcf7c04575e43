import { crc32, deflateSync } from "node:zlib";

/** The parts of a PNG file that a test chooses. */
export interface PngParts {
  readonly width: number;
  readonly height: number;
  readonly bitDepth: number;
  /** 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha. */
  readonly colorType: number;
  /** One array of bytes per line, without the filter byte. */
  readonly lines: readonly (readonly number[])[];
  /** Chunks between the header and the data, such as `PLTE`. */
  readonly chunks?: readonly (readonly [type: string, data: readonly number[]])[];
  readonly interlaced?: boolean;
}

/** The bytes of a PNG file, written here from the specification: no code is shared with what reads it. */
export function makePng(parts: PngParts): Uint8Array {
  const { width, height, bitDepth, colorType, lines, chunks = [], interlaced = false } = parts;
  const header = [...word(width), ...word(height), bitDepth, colorType, 0, 0, interlaced ? 1 : 0];
  const data = deflateSync(Uint8Array.from(lines.flatMap((line) => [0, ...line])));
  return Uint8Array.from([
    ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    ...chunk("IHDR", header),
    ...chunks.flatMap(([type, data]) => chunk(type, data)),
    ...chunk("IDAT", [...data]),
    ...chunk("IEND", []),
  ]);
}

function chunk(type: string, data: readonly number[]): readonly number[] {
  const body = [...new TextEncoder().encode(type), ...data];
  return [...word(data.length), ...body, ...word(crc32(Uint8Array.from(body)))];
}

function word(value: number): readonly number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}
