/**
 * Writes a baseline JPEG file: components that are not thinned out, and Huffman codes made for the picture.
 *
 * @module
 */

import { BitWriter } from "./bit_writer.ts";
import type { SamplePlane } from "./forward.ts";
import { coefficientsOf } from "./forward.ts";
import { BLOCK } from "./frame.ts";
import type { Frequencies, WrittenCode } from "./huffman_code.ts";
import { codeOfFrequencies } from "./huffman_code.ts";
import { tablesOf } from "./quality.ts";
import { ZIGZAG } from "./scan.ts";
import * as markers from "./segments.ts";

/** "JFIF", version 1.1, pixels that are square, and no small picture. */
const JFIF = [0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0];

/** What is written of a coefficient: which code says it, its value there, and bits behind it. */
type Write = (code: CodeName, value: number, bits: number, size: number) => void;

/** The codes of first coefficients and of the others, of brightness and of colours. */
type CodeName = 0 | 1 | 2 | 3;
const OTHERS = 2;

/** Zeros in front of a coefficient are counted up to 15; the value for 16 of them, and for the end of a block. */
const SIXTEEN_ZEROS = 0xf0;
const END_OF_BLOCK = 0;

/**
 * The bytes of a picture.
 *
 * @param planes Its brightness, or brightness and two colours, all of the same size.
 * @param quality From 1 to 100.
 */
export function encodePlanes(planes: readonly SamplePlane[], quality: number): Uint8Array {
  const [{ width, height } = { width: 0, height: 0 }] = planes;
  const isGrey = planes.length === 1;
  const tables = tablesOf(quality).slice(0, isGrey ? 1 : 2);
  const coefficients = planes.map((plane, index) =>
    coefficientsOf(plane, tables[tableOf(index)] ?? new Uint8Array())
  );
  const codes = codesFor(coefficients);
  const used = codes.filter((_, name) => !isGrey || name % OTHERS === 0);
  const bytes: number[] = [0xff, markers.START];
  const append = (marker: number, data: readonly number[]) => {
    bytes.push(0xff, marker, data.length + 2 >> 8, data.length + 2 & 255, ...data);
  };
  append(markers.JFIF, JFIF);
  tables.forEach((table, index) =>
    append(markers.QUANTIZATION, [index, ...Array.from(ZIGZAG, (place) => table[place] ?? 0)])
  );
  const components = planes.map((_, index) => [index + 1, 0x11, tableOf(index)]);
  const size = [height >> 8, height & 255, width >> 8, width & 255];
  append(markers.BASELINE, [8, ...size, planes.length, ...components.flat()]);
  used.forEach(({ table: { counts, values } }, index) => {
    const perKind = isGrey ? 1 : 2;
    const number = Math.floor(index / perKind) << 4 | index % perKind;
    append(markers.HUFFMAN, [number, ...counts, ...values]);
  });
  const parts = planes.map((_, index) => [index + 1, tableOf(index) * 0x11]);
  append(markers.SCAN, [planes.length, ...parts.flat(), 0, BLOCK - 1, 0]);
  const data = encodeScan(coefficients, codes);
  const file = new Uint8Array(bytes.length + data.length + 2);
  file.set(bytes);
  file.set(data, bytes.length);
  file.set([0xff, markers.END], bytes.length + data.length);
  return file;
}

/** Brightness has tables of its own, the colours share theirs. */
function tableOf(component: number): 0 | 1 {
  return component === 0 ? 0 : 1;
}

function codesFor(planes: readonly Int16Array[]): readonly WrittenCode[] {
  const frequencies: readonly Frequencies[] = Array.from(
    { length: 4 },
    () => new Float64Array(256),
  );
  writeScan(planes, (code, value) => {
    const counted = frequencies[code];
    if (counted !== undefined) counted[value] = (counted[value] ?? 0) + 1;
  });
  return frequencies.map(codeOfFrequencies);
}

function encodeScan(planes: readonly Int16Array[], codes: readonly WrittenCode[]): Uint8Array {
  const writer = new BitWriter();
  writeScan(planes, (code, value, bits, size) => {
    const { bits: codeBits, lengths } = codes[code] ?? { bits: [], lengths: [] };
    writer.put(codeBits[value] ?? 0, lengths[value] ?? 0);
    writer.put(bits, size);
  });
  return writer.finish();
}

/** Writes the blocks; those of the components take turns. */
function writeScan(planes: readonly Int16Array[], write: Write): void {
  const [{ length } = { length: 0 }] = planes;
  const previous = planes.map(() => 0);
  for (let at = 0; at < length; at += BLOCK) {
    for (const [index, coefficients] of planes.entries()) {
      const table = tableOf(index);
      const first = coefficients[at] ?? 0;
      writeValue(table, 0, first - (previous[index] ?? 0), write);
      previous[index] = first;
      writeOthers(table === 0 ? 2 : 3, coefficients, at, write);
    }
  }
}

/** All coefficients of a block but the first. */
function writeOthers(code: CodeName, coefficients: Int16Array, at: number, write: Write): void {
  let zeros = 0;
  for (let index = 1; index < BLOCK; index++) {
    const value = coefficients[at + (ZIGZAG[index] ?? 0)] ?? 0;
    if (value === 0) {
      zeros++;
      continue;
    }
    for (; zeros > 15; zeros -= 16) write(code, SIXTEEN_ZEROS, 0, 0);
    writeValue(code, zeros, value, write);
    zeros = 0;
  }
  if (zeros > 0) write(code, END_OF_BLOCK, 0, 0);
}

/** A number as how many bits it has, and these; of a negative one they are those of one less. */
function writeValue(code: CodeName, zeros: number, value: number, write: Write): void {
  const size = 32 - Math.clz32(Math.abs(value));
  write(code, zeros << 4 | size, value < 0 ? value - 1 : value, size);
}
