import { checkOptionNames, describe, describeShape } from "../base/checks.ts";
import { formatTensor } from "./format.ts";
import { createRandom, fillNormal, fillUniform } from "./random.ts";
import { checkShape, countElements } from "./shape.ts";
import { ArrayValues, type Values } from "./values.ts";

/** Numbers in nested arrays, all rows of one axis equally long. */
export type NestedNumbers = number | readonly NestedNumbers[];

/** What a {@linkcode Tensor} can be made of: any array of numbers, typed or not. */
export type TensorData<Buffer extends ArrayBufferLike = ArrayBufferLike> =
  | Float32Array<Buffer>
  | readonly number[]
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;

/** Options of {@linkcode Tensor.randn}. */
export interface RandnOptions {
  /** A non-negative integer that fixes the values. Without it they differ from call to call. */
  readonly seed?: number;
}

/** Options of {@linkcode Tensor.uniform}. */
export interface UniformOptions {
  /** The least value. Default 0. */
  readonly low?: number;
  /** The bound of the values. Default 1. */
  readonly high?: number;
  /** A non-negative integer that fixes the values. Without it they differ from call to call. */
  readonly seed?: number;
}

const NO_SHAPE: readonly number[] = Object.freeze([0]);

let tensorOfValues: <Buffer extends ArrayBufferLike>(
  values: Values,
  shape: readonly number[],
) => Tensor<Buffer>;
let partsOfTensor: (tensor: AnyTensor) => TensorParts;

/**
 * A dense array of float32 numbers with a shape, in row-major order: the last axis varies fastest.
 * Images are `(N, C, H, W)` or `(C, H, W)`. An axis may have size 0, and the shape `[]` holds one number.
 *
 * `Buffer` is what the values lie in: an `ArrayBuffer`, unless the tensor was made of an array over shared
 * memory.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const x = Tensor.from([[1, 2, 3], [4, 5, 6]]);
 * assertEquals(x.shape, [2, 3]);
 * assertEquals(x.data[1 * 3 + 2], 6);
 * assertEquals(x.reshape([3, -1]).shape, [3, 2]);
 * ```
 */
export class Tensor<Buffer extends ArrayBufferLike = ArrayBuffer> {
  static {
    tensorOfValues = <Buffer extends ArrayBufferLike>(values: Values, shape: readonly number[]) => {
      const tensor: Tensor<Buffer> = new Tensor<Buffer>([], NO_SHAPE);
      tensor.#values = values;
      tensor.#shape = shape;
      return tensor;
    };
    partsOfTensor = (tensor) => ({ values: tensor.#values, shape: tensor.#shape });
  }

  #values: Values;
  #shape: readonly number[];

  /**
   * Makes a tensor of values in row-major order.
   *
   * @param data The values. A `Float32Array` is used as it is, without a copy, so that a write to it is
   * a write to the tensor; anything else is copied and rounded to float32.
   * @param shape The size of each axis; their product is the number of values.
   * @throws {TypeError} If `data` is not an array of numbers or `shape` not an array of numbers.
   * @throws {RangeError} If a size is not a non-negative integer or `data` has another length than
   * `shape` says.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * const values = new Float32Array(6);
   * const x = new Tensor(values, [2, 3]);
   * values[5] = 7;
   * assertEquals(x.data[5], 7);
   * ```
   */
  constructor(data: TensorData<Buffer>, shape: readonly number[]) {
    this.#shape = checkShape("Tensor", shape);
    const size = countElements("Tensor", "a tensor", this.#shape);
    const values = new ArrayValues(toFloat32(data));
    if (values.length !== size) {
      throw new RangeError(
        `Tensor: shape ${describeShape(this.#shape)} takes ${size} values, but data has ` +
          `${values.length}`,
      );
    }
    this.#values = values;
  }

  /** The size of each axis. Frozen. */
  get shape(): readonly number[] {
    return this.#shape;
  }

  /** The number of values: the product of the shape. */
  get size(): number {
    return this.#shape.reduce((product, size) => product * size, 1);
  }

  /** The values in row-major order. The same live array on every read. */
  get data(): Float32Array<Buffer> {
    return this.#values.data as Float32Array<Buffer>;
  }

  /**
   * The same values with another shape. Nothing is copied: both tensors share their data.
   *
   * @param shape The new sizes, with the same product. One of them may be -1 and is then worked out.
   * @returns The reshaped tensor.
   * @throws {TypeError} If `shape` is not an array of numbers.
   * @throws {RangeError} If the sizes do not hold as many values as the tensor has.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * assertEquals(Tensor.zeros([2, 3, 4]).reshape([2, -1]).shape, [2, 12]);
   * ```
   */
  reshape(shape: readonly number[]): Tensor<Buffer> {
    const where = "Tensor.reshape()";
    const sizes: readonly unknown[] = Array.isArray(shape) ? shape : [];
    const open = sizes.indexOf(-1);
    const resolved = open < 0 ? shape : shape.with(open, 1);
    const target = checkShape(where, resolved);
    const known = countElements(where, "a tensor", target);
    const missing = this.size / known;
    if (open >= 0 && Number.isInteger(missing)) {
      return tensorOf(this.#values, checkShape("Tensor", target.with(open, missing)));
    }
    if (known !== this.size || open >= 0) {
      throw new RangeError(
        `${where}: shape ${describeShape(shape)} does not hold the ${this.size} values of shape ` +
          describeShape(this.#shape),
      );
    }
    return tensorOf(this.#values, target);
  }

  /**
   * A tensor of zeros.
   *
   * @param shape The size of each axis.
   * @returns A new tensor.
   * @throws {TypeError} If `shape` is not an array of numbers.
   * @throws {RangeError} If a size is not a non-negative integer, or they are too large for an array.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * assertEquals([...Tensor.zeros([2, 2]).data], [0, 0, 0, 0]);
   * ```
   */
  static zeros(shape: readonly number[]): Tensor {
    return allocate("Tensor.zeros()", shape);
  }

  /**
   * A tensor of ones.
   *
   * @param shape The size of each axis.
   * @returns A new tensor.
   * @throws {TypeError} If `shape` is not an array of numbers.
   * @throws {RangeError} If a size is not a non-negative integer, or they are too large for an array.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * assertEquals([...Tensor.ones([3]).data], [1, 1, 1]);
   * ```
   */
  static ones(shape: readonly number[]): Tensor {
    const tensor = allocate("Tensor.ones()", shape);
    tensor.data.fill(1);
    return tensor;
  }

  /**
   * A tensor with one value everywhere.
   *
   * @param shape The size of each axis.
   * @param value The value.
   * @returns A new tensor.
   * @throws {TypeError} If `shape` is not an array of numbers or `value` not a number.
   * @throws {RangeError} If a size is not a non-negative integer, or they are too large for an array.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * assertEquals([...Tensor.full([3], 0.5).data], [0.5, 0.5, 0.5]);
   * ```
   */
  static full(shape: readonly number[], value: number): Tensor {
    checkNumber("Tensor.full()", "value", value);
    const tensor = allocate("Tensor.full()", shape);
    tensor.data.fill(value);
    return tensor;
  }

  /**
   * A tensor of values from the standard normal distribution: mean 0, variance 1.
   *
   * @param shape The size of each axis.
   * @param options The seed.
   * @returns A new tensor.
   * @throws {TypeError} If `shape` is not an array of numbers, or an option is unknown or no number.
   * @throws {RangeError} If a size or the seed is not a non-negative integer, or the sizes are too
   * large for an array.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * const a = Tensor.randn([2, 3], { seed: 0 });
   * const b = Tensor.randn([2, 3], { seed: 0 });
   * assertEquals(a.data, b.data);
   * ```
   */
  static randn(shape: readonly number[], options: RandnOptions = {}): Tensor {
    const where = "Tensor.randn()";
    checkOptionNames(where, options, ["seed"]);
    const random = createRandom(where, options.seed);
    const tensor = allocate(where, shape);
    fillNormal(tensor.data, random);
    return tensor;
  }

  /**
   * A tensor of values uniform between two bounds.
   *
   * @param shape The size of each axis.
   * @param options The bounds and the seed.
   * @returns A new tensor.
   * @throws {TypeError} If `shape` is not an array of numbers, or an option is unknown or no number.
   * @throws {RangeError} If a size or the seed is not a non-negative integer, a bound is not finite,
   * `low` is above `high`, or the sizes are too large for an array.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assert } from "@std/assert";
   *
   * const x = Tensor.uniform([100], { low: -1, high: 1, seed: 0 });
   * assert(x.data.every((value) => value >= -1 && value <= 1));
   * ```
   */
  static uniform(shape: readonly number[], options: UniformOptions = {}): Tensor {
    const where = "Tensor.uniform()";
    checkOptionNames(where, options, ["low", "high", "seed"]);
    const { low = 0, high = 1, seed } = options;
    checkNumber(where, "low", low);
    checkNumber(where, "high", high);
    if (!(Number.isFinite(low) && Number.isFinite(high) && low <= high)) {
      throw new RangeError(
        `${where}: low and high must be finite with low <= high, but are ${low} and ${high}`,
      );
    }
    const random = createRandom(where, seed);
    const tensor = allocate(where, shape);
    fillUniform(tensor.data, low, high, random);
    return tensor;
  }

  /**
   * A tensor from numbers in nested arrays; the shape is theirs.
   *
   * @param nested A number, or arrays nested as deep as the tensor has axes.
   * @returns A new tensor.
   * @throws {TypeError} If an element is neither a number nor an array.
   * @throws {RangeError} If the rows of an axis differ in shape.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * assertEquals(Tensor.from([[[1], [2]]]).shape, [1, 2, 1]);
   * ```
   */
  static from(nested: NestedNumbers): Tensor {
    const shape: number[] = [];
    for (let level = nested; Array.isArray(level); level = level[0]) shape.push(level.length);
    const values: number[] = [];
    collect(nested, shape, [], values);
    return new Tensor(values, shape);
  }

  /**
   * What `JSON.stringify()` writes.
   *
   * @returns The shape and the values, as the constructor takes them. JSON has no infinities and no NaN: it
   * writes `null` for them.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * const text = JSON.stringify(Tensor.from([[1, 2], [3, 4]]));
   * assertEquals(text, '{"shape":[2,2],"data":[1,2,3,4]}');
   * ```
   */
  toJSON(): { shape: number[]; data: number[] } {
    return { shape: [...this.#shape], data: Array.from(this.#values.elements) };
  }

  /** Shows the shape and the values, the middle of large tensors left out. */
  [Symbol.for("Deno.customInspect")](): string {
    return formatTensor("Tensor", this.data, this.#shape);
  }

  /** The same for Node.js and what imitates it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return formatTensor("Tensor", this.data, this.#shape);
  }
}

/** A tensor, whatever its values lie in. */
export type AnyTensor = Tensor<ArrayBufferLike>;

/**
 * A tensor of a checked shape over values that need not be in an array yet. What they lie in or will lie in,
 * the caller says.
 */
export function tensorOf<Buffer extends ArrayBufferLike = ArrayBuffer>(
  values: Values,
  shape: readonly number[],
): Tensor<Buffer> {
  return tensorOfValues(values, shape);
}

/** What a tensor is, whatever a subclass says. */
export interface TensorParts {
  /** The values, not brought into an array yet. */
  readonly values: Values;
  readonly shape: readonly number[];
}

/** The inside of a tensor. */
export function partsOf(tensor: AnyTensor): TensorParts {
  return partsOfTensor(tensor);
}

function allocate(where: string, shape: readonly number[]): Tensor {
  const sizes = checkShape(where, shape);
  return new Tensor(new Float32Array(countElements(where, "a tensor", sizes)), sizes);
}

function checkNumber(where: string, what: string, value: unknown): void {
  if (typeof value !== "number") {
    throw new TypeError(`${where}: ${what} must be a number, but is ${describe(value)}`);
  }
}

function toFloat32(data: unknown): Float32Array {
  if (data instanceof Float32Array) return data;
  if (Array.isArray(data)) {
    data.forEach((value: unknown, index) => checkNumber("Tensor", `data[${index}]`, value));
    return Float32Array.from(data);
  }
  if (
    ArrayBuffer.isView(data) && !(data instanceof DataView) &&
    !(data instanceof BigInt64Array) && !(data instanceof BigUint64Array)
  ) {
    return new Float32Array(data as Float64Array);
  }
  throw new TypeError(
    `Tensor: data must be a Float32Array or another array of numbers, but is ${describe(data)}`,
  );
}

/** Appends the numbers of one level to `values`, checking that its shape is what remains of `shape`. */
function collect(
  nested: unknown,
  shape: readonly number[],
  path: readonly number[],
  values: number[],
): void {
  const at = `nested${path.map((index) => `[${index}]`).join("")}`;
  if (typeof nested !== "number" && !Array.isArray(nested)) {
    throw new TypeError(
      `Tensor.from(): ${at} must be a number or an array, but is ${describe(nested)}`,
    );
  }
  const length = shape[path.length];
  const found = Array.isArray(nested) ? nested.length : undefined;
  if (found !== length) {
    const name = (size: number | undefined) =>
      size === undefined ? "a number" : `an array of ${size}`;
    throw new RangeError(
      `Tensor.from(): ${at} must be ${name(length)} like those before it, but is ${name(found)}`,
    );
  }
  if (Array.isArray(nested)) {
    nested.forEach((row: unknown, index) => collect(row, shape, [...path, index], values));
  } else {
    values.push(nested);
  }
}
