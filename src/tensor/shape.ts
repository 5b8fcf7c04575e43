import { checkInteger, describe, describeExcess, describeShape } from "../base/checks.ts";

/** The most elements a `Float32Array` may hold here: 16 GiB, the least that 64-bit hosts permit. */
export const MAX_ELEMENTS: number = 2 ** 32;

const BYTES_PER_ELEMENT = Float32Array.BYTES_PER_ELEMENT;

/**
 * The number of elements of a shape, if an array can hold them.
 *
 * @param where Whose shape it is, for the error message.
 * @param what What has the shape, for the error message.
 * @param shape Non-negative sizes.
 * @returns The product of the sizes, 1 for an empty shape.
 * @throws {RangeError} If there are more than {@linkcode MAX_ELEMENTS}; the message names the bytes.
 */
export function countElements(where: string, what: string, shape: readonly number[]): number {
  if (shape.includes(0)) return 0;
  const count = shape.reduce((product, size) => product * size, 1);
  if (count > MAX_ELEMENTS) {
    throw new RangeError(
      `${where}: ${what} of shape ${describeShape(shape)} would take ` +
        `${
          describeExcess(count * BYTES_PER_ELEMENT, MAX_ELEMENTS * BYTES_PER_ELEMENT)
        } one array ` +
        "can hold",
    );
  }
  return count;
}

/**
 * Copies and freezes a shape after checking it.
 *
 * @param where Whose shape it is, for the error message.
 * @param shape The shape: an array of non-negative integers.
 * @returns The frozen copy.
 * @throws {TypeError} If it is not an array of numbers.
 * @throws {RangeError} If a size is not a non-negative safe integer.
 */
export function checkShape(where: string, shape: unknown): readonly number[] {
  if (!Array.isArray(shape)) {
    throw new TypeError(
      `${where}: shape must be an array of sizes such as [1, 3, 8, 8], but is ${describe(shape)}`,
    );
  }
  return Object.freeze(
    Array.from(shape, (size: unknown, axis) => checkInteger(where, `shape[${axis}]`, size, 0)),
  );
}

/** Whether two shapes are equal. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
