/**
 * Tensors of other packages, told by what is in them.
 *
 * @module
 */

import { checkInteger, describe, describeShape } from "../base/checks.ts";
import { halfValue } from "../base/half.ts";
import { isTypedNumbers } from "./nested.ts";
import { checkShape, countElements } from "./shape.ts";
import { columnMajorStrides, rowMajorStrides, type View } from "./strided.ts";
import { plainView } from "./values.ts";

/** A tensor of ONNX Runtime, and of what is built on it. */
export interface OnnxTensor {
  /** The size of each axis. */
  readonly dims: readonly number[];
  /** The values in row-major order. */
  readonly data: ArrayLike<unknown>;
  /** What the values are: `"float16"` may lie in a `Uint16Array`. */
  readonly type?: string;
}

/** An array of `ndarray`, of `npyjs`, or any other with a shape and data. */
export interface ShapedArray {
  /** The size of each axis. */
  readonly shape: readonly number[];
  /** The values. */
  readonly data: ArrayLike<unknown> | ArrayBufferView | {
    readonly length: number;
    get(index: number): unknown;
  };
  /** How far apart neighbours along each axis are, in values. Default: they lie one after another. */
  readonly stride?: readonly number[];
  /** Another name of it. */
  readonly strides?: readonly number[];
  /** Where the first value is. Default 0. */
  readonly offset?: number;
  /** Whether, without strides, the first axis varies fastest. Default `false`. */
  readonly fortranOrder?: boolean;
  /** What the values are: `"float16"` may lie in a `Uint16Array`. */
  readonly dtype?: string;
}

/** A tensor of TensorFlow.js or an array of jax-js. */
export interface DeviceTensor {
  /** The size of each axis. */
  readonly shape: readonly number[];
  /** What the values are. */
  readonly dtype?: string;
  /** Reads the values. */
  dataSync(): ArrayLike<unknown>;
}

/** A tensor of another package. */
export type ForeignTensor = OnnxTensor | ShapedArray | DeviceTensor;

/** The elements of a shape, wherever they lie. */
export interface Elements {
  readonly shape: readonly number[];
  readonly view: View<ArrayLike<number>>;
}

/**
 * What is in a tensor of another package.
 *
 * @param where Who asks, for error messages.
 * @param tensor It.
 * @returns Its elements, all of which its data has; `undefined` if it is no such tensor.
 * @throws {TypeError} If it holds anything but numbers.
 * @throws {RangeError} If its shape, its strides and its data do not fit together.
 */
export function foreignElements(where: string, tensor: object): Elements | undefined {
  const parts = partsOf(tensor);
  if (parts === undefined) return undefined;
  const shape = checkShape(where, parts.shape);
  const count = countElements(where, "a tensor", shape);
  const data = numbersOf(where, parts.data, parts.type);
  if (parts.strides === undefined && parts.offset === undefined && data.length !== count) {
    throw new RangeError(
      `${where}: shape ${
        describeShape(shape)
      } takes ${count} values, but the data has ${data.length}`,
    );
  }
  const strides = parts.strides === undefined
    ? defaultStrides(parts, shape)
    : checkStrides(where, parts.strides, shape.length);
  const view = { data, strides, offset: checkInteger(where, "offset", parts.offset ?? 0, 0) };
  if (count > 0) checkReach(where, shape, view);
  return { shape, view };
}

function defaultStrides({ fortranOrder }: Parts, shape: readonly number[]): readonly number[] {
  return fortranOrder === true ? columnMajorStrides(shape) : rowMajorStrides(shape);
}

/** What another package says of a tensor, not checked yet. */
interface Parts {
  readonly shape: unknown;
  readonly data: unknown;
  readonly type: unknown;
  readonly strides?: unknown;
  readonly offset?: unknown;
  readonly fortranOrder?: unknown;
}

type Unchecked<Type> = { readonly [Name in keyof Type]?: unknown };

function partsOf(
  tensor: Unchecked<OnnxTensor & ShapedArray & DeviceTensor>,
): Parts | undefined {
  if (typeof tensor.dataSync === "function") {
    return { shape: tensor.shape, data: readDevice(tensor), type: tensor.dtype };
  }
  const { shape = tensor.dims } = tensor;
  if (shape === undefined || tensor.data === undefined) return undefined;
  const { data, dtype: type = tensor.type, stride: strides = tensor.strides } = tensor;
  const { offset, fortranOrder } = tensor;
  return { shape, data, type, strides, offset, fortranOrder };
}

/** The values of a tensor that may be anywhere. */
function readDevice(tensor: Unchecked<DeviceTensor> & { readonly ref?: unknown }): unknown {
  // What reads an array of jax-js takes a reference to it away: it gets one of its own.
  const { ref = tensor } = tensor;
  return (ref as DeviceTensor).dataSync();
}

const COMPLEX = /^(complex|c8$|c16$)/;
const HALF = /^(float16|f2)$/;

/** @throws {TypeError} If the data is anything but numbers. */
function numbersOf(where: string, data: unknown, type: unknown): ArrayLike<number> {
  const name = typeof type === "string" ? type : "";
  if (COMPLEX.test(name)) {
    throw new TypeError(
      `${where}: the values must be real numbers, but are of type ${describe(name)}`,
    );
  }
  if (data instanceof Uint16Array && HALF.test(name)) return Float32Array.from(data, halfValue);
  if (isTypedNumbers(data)) return plainView(data);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    return Float32Array.from(data, Number);
  }
  const numbers = Array.isArray(data) ? data : readStore(where, data);
  if (numbers === undefined) {
    throw new TypeError(`${where}: data must be an array of numbers, but is ${describe(data)}`);
  }
  for (let index = 0; index < numbers.length; index++) {
    if (typeof numbers[index] === "number") continue;
    throw new TypeError(
      `${where}: data[${index}] must be a number, but is ${describe(numbers[index])}`,
    );
  }
  return numbers as readonly number[];
}

/** The values of a store of `ndarray`'s that is no array. */
function readStore(where: string, data: unknown): readonly unknown[] | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const store = data as { readonly length?: unknown; get?(index: number): unknown };
  if (typeof store.get !== "function") return undefined;
  const length = checkInteger(where, "data.length", store.length, 0);
  return Array.from({ length }, (_, index) => store.get?.(index));
}

function checkStrides(where: string, strides: unknown, rank: number): readonly number[] {
  if (!Array.isArray(strides) || strides.length !== rank) {
    throw new RangeError(
      `${where}: the strides must be ${rank} numbers, one an axis, but are ${describe(strides)}`,
    );
  }
  return Array.from(strides, (stride: unknown, axis) => {
    if (Number.isSafeInteger(stride)) return stride as number;
    throw new RangeError(
      `${where}: stride[${axis}] must be an integer, but is ${describe(stride)}`,
    );
  });
}

/** @throws {RangeError} If a value would not be in the data. */
function checkReach(
  where: string,
  shape: readonly number[],
  { data, strides, offset }: View<ArrayLike<number>>,
): void {
  let [first, last] = [offset, offset];
  for (const [axis, size] of shape.entries()) {
    const reach = (size - 1) * (strides[axis] ?? 0);
    if (reach < 0) first += reach;
    else last += reach;
  }
  if (first >= 0 && last < data.length) return;
  throw new RangeError(
    `${where}: shape ${describeShape(shape)} with strides ${
      describeShape(strides)
    } from ${offset} on takes the ` +
      `values ${first} to ${last}, but the data has ${data.length}`,
  );
}
