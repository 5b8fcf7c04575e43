/**
 * What operators are applied to: numbers that are known while a network is prepared, and those that its steps compute.
 *
 * @module
 */

import { product } from "../../base/numbers.ts";
import type { ElementKind, OnnxTensor } from "../../io/models/onnx/model.ts";

/** Numbers of either width: those of floating point have 32 bits, integers are exact up to 2^53. */
export type Numbers = Float32Array | Float64Array;

/** Numbers that are known. */
export interface Constant {
  readonly isConstant: true;
  readonly kind: ElementKind;
  readonly shape: readonly number[];
  readonly data: Numbers;
}

/** Elements that a step makes. Its identity is what counts: shapes may share one. */
export interface Storage {
  readonly length: number;
}

/** Float32 numbers that steps compute. */
export interface Computed {
  readonly isConstant: false;
  readonly kind: "float";
  readonly shape: readonly number[];
  readonly storage: Storage;
}

/** What a name in a graph stands for. */
export type Value = Constant | Computed;

/** A new array for some numbers. */
export function numbersOf(kind: ElementKind, length: number): Numbers {
  return kind === "float" ? new Float32Array(length) : new Float64Array(length);
}

/** A constant of some numbers, which are rounded to what its kind holds. */
export function constantOf(
  kind: ElementKind,
  shape: readonly number[],
  numbers: ArrayLike<number>,
): Constant {
  const data = kind === "float" ? Float32Array.from(numbers) : Float64Array.from(numbers);
  return { isConstant: true, kind, shape, data };
}

/** A tensor of a file as a constant, without a copy. */
export function constantTensor({ kind, shape, data }: OnnxTensor): Constant {
  return { isConstant: true, kind, shape, data };
}

/** Something that is going to be computed. */
export function computedOf(shape: readonly number[]): Computed {
  return { isConstant: false, kind: "float", shape, storage: { length: product(shape) } };
}
