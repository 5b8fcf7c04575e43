/**
 * How numbers lie in the files of arrays, and how they become float32.
 *
 * @module
 */

import { product } from "../../base/numbers.ts";
import { bfloatValue, halfValue } from "../../base/half.ts";

/** How one element is stored, and how it is read. */
export interface ElementType {
  /** As NumPy and PyTorch call it. */
  readonly name: string;
  readonly bytes: number;
  /** Reads an element so that one rounding to float32 is the only one. */
  read(view: DataView, offset: number, littleEndian: boolean): number;
}

/** The types that are read, by NumPy's kind letter and size; all become float32. */
export const ELEMENT_TYPES: ReadonlyMap<string, ElementType> = new Map<string, ElementType>([
  ["f2", {
    name: "float16",
    bytes: 2,
    read: (view, at, little) => halfValue(view.getUint16(at, little)),
  }],
  ["f4", { name: "float32", bytes: 4, read: (view, at, little) => view.getFloat32(at, little) }],
  ["f8", { name: "float64", bytes: 8, read: (view, at, little) => view.getFloat64(at, little) }],
  ["b1", { name: "bool", bytes: 1, read: (view, at) => view.getUint8(at) === 0 ? 0 : 1 }],
  ["i1", { name: "int8", bytes: 1, read: (view, at) => view.getInt8(at) }],
  ["i2", { name: "int16", bytes: 2, read: (view, at, little) => view.getInt16(at, little) }],
  ["i4", { name: "int32", bytes: 4, read: (view, at, little) => view.getInt32(at, little) }],
  ["i8", {
    name: "int64",
    bytes: 8,
    read: (view, at, little) =>
      joinWords(view.getInt32(little ? at + 4 : at, little), readLow(view, at, little)),
  }],
  ["u1", { name: "uint8", bytes: 1, read: (view, at) => view.getUint8(at) }],
  ["u2", { name: "uint16", bytes: 2, read: (view, at, little) => view.getUint16(at, little) }],
  ["u4", { name: "uint32", bytes: 4, read: (view, at, little) => view.getUint32(at, little) }],
  ["u8", {
    name: "uint64",
    bytes: 8,
    read: (view, at, little) =>
      joinWords(view.getUint32(little ? at + 4 : at, little), readLow(view, at, little)),
  }],
]);

/** The upper half of a float32, which NumPy does not have. */
export const BFLOAT16: ElementType = {
  name: "bfloat16",
  bytes: 2,
  read: (view, at, little) => bfloatValue(view.getUint16(at, little)),
};

/** Where the elements of an array lie among those of its type. */
export interface ArrayLayout {
  readonly shape: readonly number[];
  /** The elements from one to the next along each axis. */
  readonly strides: readonly number[];
  /** The elements in front of the first. */
  readonly offset: number;
}

/** The layout of an array that lies row by row. */
export function rowMajor(shape: readonly number[]): ArrayLayout {
  return { shape, strides: stridesOf(shape), offset: 0 };
}

/** The layout of an array that lies column by column: as the one of its axes reversed, row by row. */
export function columnMajor(shape: readonly number[]): ArrayLayout {
  return { shape, strides: stridesOf(shape.toReversed()).toReversed(), offset: 0 };
}

/** The elements from one to the next along each axis of what lies row by row. */
export function stridesOf(shape: readonly number[]): readonly number[] {
  return shape.map((_, axis) => product(shape.slice(axis + 1)));
}

/**
 * Reads an array. That its elements lie inside the bytes is known already.
 *
 * @param type How one element is stored.
 * @param bytes What the elements lie in.
 * @param littleEndian Whether the lowest byte of an element comes first.
 * @param layout Where they lie.
 * @returns The elements row by row, in an array of their own.
 */
export function readArray(
  type: ElementType,
  bytes: Uint8Array,
  littleEndian: boolean,
  layout: ArrayLayout,
): Float32Array<ArrayBuffer> {
  const { shape, offset } = layout;
  // The sizes beside a 0 may be anything, and are not counted through.
  if (shape.includes(0)) return new Float32Array(0);
  if (type === FLOAT32 && littleEndian && isRowMajor(layout)) {
    const begin = offset * type.bytes;
    const end = begin + product(shape) * type.bytes;
    // A copy begins at an address that a Float32Array may have. The slices of Node.js's buffers are none.
    return new Float32Array(new Uint8Array(bytes.subarray(begin, end)).buffer);
  }
  return gather(type, bytes, littleEndian, layout);
}

const FLOAT32 = ELEMENT_TYPES.get("f4");

function isRowMajor({ shape, strides }: ArrayLayout): boolean {
  const expected = stridesOf(shape);
  return shape.every((size, axis) => size === 1 || strides[axis] === expected[axis]);
}

/** Reads the elements one after the other, the last axis innermost. */
function gather(
  type: ElementType,
  bytes: Uint8Array,
  littleEndian: boolean,
  { shape, strides, offset }: ArrayLayout,
): Float32Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const result = new Float32Array(product(shape));
  const outer = shape.slice(0, -1);
  const length = shape.at(-1) ?? 1;
  const step = (strides.at(-1) ?? 1) * type.bytes;
  const place = outer.map(() => 0);
  let row = offset;
  for (let at = 0; at < result.length;) {
    for (let index = 0, from = row * type.bytes; index < length; index++, from += step) {
      result[at++] = type.read(view, from, littleEndian);
    }
    row += nextRow(place, outer, strides);
  }
  return result;
}

/** Counts the places of the outer axes on by one; returns how far the first element of the row moves. */
function nextRow(place: number[], sizes: readonly number[], strides: readonly number[]): number {
  let moved = 0;
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    const [size = 1, stride = 0] = [sizes[axis], strides[axis]];
    const next = (place[axis] ?? 0) + 1;
    moved += stride;
    if (next < size) {
      place[axis] = next;
      return moved;
    }
    moved -= size * stride;
    place[axis] = 0;
  }
  return moved;
}

/** From here on float64 has fewer bits than an integer of two words. */
const WIDE = 2 ** 53 / 2 ** 32;

/** The bits that float64 cannot hold beside the highest of 64. */
const LOST_BITS = 2 ** 11 - 1;

function readLow(view: DataView, at: number, littleEndian: boolean): number {
  return view.getUint32(littleEndian ? at : at + 4, littleEndian);
}

/**
 * An integer of 64 bits. Where float64 cannot hold it, the bits that are lost leave their trace in the lowest
 * one that is not: far below the last bit of a float32, but enough to say that a tie is none.
 */
function joinWords(high: number, low: number): number {
  const isLost = Math.abs(high) >= WIDE && (low & LOST_BITS) !== 0;
  const kept = isLost ? ((low & ~LOST_BITS) | (LOST_BITS + 1)) >>> 0 : low;
  return high * 2 ** 32 + kept;
}
