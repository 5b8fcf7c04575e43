/**
 * Numbers in nested arrays, and back.
 *
 * @module
 */

import { describe } from "../base/checks.ts";

/** A typed array of numbers. */
export type TypedNumbers =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;

/** Numbers in nested arrays, all rows of one axis equally long. The innermost may be typed arrays. */
export type NestedNumbers = number | TypedNumbers | readonly NestedNumbers[];

/** Arrays inside so many others are taken for arrays that contain themselves. */
const MOST_AXES = 64;

/** Whether a value is a typed array of numbers. */
export function isTypedNumbers(value: unknown): value is TypedNumbers {
  return ArrayBuffer.isView(value) && !(value instanceof DataView) &&
    !(value instanceof BigInt64Array) && !(value instanceof BigUint64Array);
}

type Row = readonly unknown[] | TypedNumbers;

function isRow(value: unknown): value is Row {
  return Array.isArray(value) || isTypedNumbers(value);
}

/**
 * The numbers of nested arrays in row-major order, and their shape.
 *
 * @throws {TypeError} If an element is neither a number nor an array.
 * @throws {RangeError} If the rows of an axis differ in shape.
 */
export function flatten(
  where: string,
  nested: unknown,
): { readonly values: number[]; readonly shape: readonly number[] } {
  const shape: number[] = [];
  for (let level: unknown = nested; isRow(level); level = level[0]) {
    shape.push(level.length);
    if (shape.length > MOST_AXES) {
      throw new RangeError(`${where}: the arrays are nested more than ${MOST_AXES} deep`);
    }
  }
  const values: number[] = [];
  const path: number[] = [];
  const collect = (element: unknown) => {
    const length = shape[path.length];
    if (typeof element === "number" && length === undefined) {
      values.push(element);
      return;
    }
    checkRow(where, element, length, path);
    for (let index = 0; index < element.length; index++) {
      path.push(index);
      collect(element[index]);
      path.pop();
    }
  };
  collect(nested);
  return { values, shape };
}

/** @throws {TypeError | RangeError} If an element is no array of this length; without one it is no number. */
function checkRow(
  where: string,
  element: unknown,
  length: number | undefined,
  path: readonly number[],
): asserts element is Row {
  if (isRow(element) && element.length === length) return;
  const at = `nested${path.map((index) => `[${index}]`).join("")}`;
  if (typeof element !== "number" && !isRow(element)) {
    throw new TypeError(
      `${where}: ${at} must be a number or an array, but is ${describe(element)}`,
    );
  }
  const name = (size: number | undefined) =>
    size === undefined ? "a number" : `an array of ${size}`;
  const found = isRow(element) ? element.length : undefined;
  throw new RangeError(
    `${where}: ${at} must be ${name(length)} like those before it, but is ${name(found)}`,
  );
}

/** Numbers in plain arrays, nested as deep as a tensor has axes. */
export type NestedArrays = number | NestedArrays[];

/** The numbers of a shape in nested arrays. */
export function nest(values: Float32Array, shape: readonly number[]): NestedArrays {
  let next = 0;
  const rows = (axis: number): NestedArrays => {
    const size = shape[axis];
    if (size === undefined) return values[next++] ?? 0;
    return Array.from({ length: size }, () => rows(axis + 1));
  };
  return rows(0);
}
