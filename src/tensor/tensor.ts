import { checkOptionNames, describe, describeShape } from "../base/checks.ts";
import { formatTensor } from "./format.ts";
import { isTypedNumbers, nest, type NestedArrays, type TypedNumbers } from "./nested.ts";
import { imageData } from "./picture.ts";
import { createRandom, fillNormal, fillUniform } from "./random.ts";
import { concatenated, type Dense, dense, padded, permuted, selected } from "./rearrange.ts";
import type { Elements } from "./foreign.ts";
import { cropped, margins, permutation, selection, type SliceRange } from "./select.ts";
import { checkShape, countElements } from "./shape.ts";
import { arranged, readSource, type TensorSource } from "./source.ts";
import { wholeView } from "./strided.ts";
import { ArrayValues, checkAttached, type Values } from "./values.ts";

/** What a {@linkcode Tensor} can be made of: any array of numbers, typed or not. */
export type TensorData<Buffer extends ArrayBufferLike = ArrayBufferLike> =
  | Float32Array<Buffer>
  | readonly number[]
  | Exclude<TypedNumbers, Float32Array>;

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

/** Options of {@linkcode Tensor.from}. */
export interface TensorFromOptions {
  /**
   * The axes of what is given, by their letters: those of a batch or an item are N, C and D, H, W or L (of a signal),
   * and come into the order N, C, D, H, W or L; those of a weight are O, I and the same, and come into the order O, I,
   * D, H, W or L. So `"NHWC"` is what TensorFlow.js has for pictures, `"HWIO"` for weights (those of its transposed
   * convolutions, too, whose outputs are called inputs there), `"OHWI"` what TensorFlow Lite has, and `"HWIM"` depthwise
   * weights, M outputs of each input: they become `(I * M, 1, H, W)`, for `groups` = I. Default: the order is right.
   */
  readonly layout?: string;
}

/** Options of {@linkcode Tensor.pad}. */
export interface PadOptions {
  /** What is added. Default 0. */
  readonly value?: number;
}

/** Options of {@linkcode Tensor.crop}. */
export interface CropOptions {
  /** Where the part begins, an index for each size. Default: so that it is in the middle, half an element before it. */
  readonly at?: readonly number[];
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
   * The same values with the axes in another order.
   *
   * @param axes For each axis of the result, which one it is here; below 0 they count from the last.
   * @returns A new tensor, a copy.
   * @throws {TypeError} If `axes` is no array of numbers, or the values are lost.
   * @throws {RangeError} If `axes` does not name each axis once.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * const pictures = Tensor.zeros([8, 3, 32, 48]);
   * assertEquals(pictures.permute([0, 2, 3, 1]).shape, [8, 32, 48, 3]);
   * ```
   */
  permute(axes: readonly number[]): Tensor {
    const where = "Tensor.permute()";
    const order = permutation(where, axes, this.#shape);
    return fromDense(dense(permuted(this.#elements(where), order)));
  }

  /**
   * A part of the tensor, as `x[3, :, 0:10:2]` in Python.
   *
   * @param ranges What is taken of the first axes, all of the others: an index, which leaves the axis out,
   * `[start, end]`, `[start, end, step]`, or `null` for all. As in `Array.prototype.slice()`, `end` is not taken, what is
   * below 0 counts from the end, and ranges end where the axis does; `null` is the start or the end.
   * @returns A new tensor, a copy.
   * @throws {TypeError} If a range is none, or the values are lost.
   * @throws {RangeError} If there are more ranges than axes, an index is outside its axis, a bound is no integer, or a
   * step not at least 1.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * const pictures = Tensor.zeros([8, 4, 32, 48]);
   * assertEquals(pictures.slice([0]).shape, [4, 32, 48]);
   * assertEquals(pictures.slice([[-2], [0, 3], null, [0, null, 2]]).shape, [2, 3, 32, 24]);
   * ```
   */
  slice(ranges: readonly SliceRange[]): Tensor {
    const where = "Tensor.slice()";
    const part = selection(where, ranges, this.#shape);
    return fromDense(dense(selected(this.#elements(where), part)));
  }

  /**
   * The tensor in the midst of others of one value.
   *
   * @param padding How many are added to the last axes: `[before, after]` or one number for both. Two entries are
   * those of the height and the width of pictures.
   * @param options The value.
   * @returns A new tensor, a copy.
   * @throws {TypeError} If `padding` or an entry is of the wrong kind, an option is unknown or no number, or the values
   * are lost.
   * @throws {RangeError} If there are more entries than axes, or one is no integer of at least 0.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * const x = Tensor.from([[1, 2]]);
   * assertEquals(x.pad([[0, 1], 1], { value: 9 }).toNested(), [[9, 1, 2, 9], [9, 9, 9, 9]]);
   * ```
   */
  pad(
    padding: readonly (number | readonly [before: number, after: number])[],
    options: PadOptions = {},
  ): Tensor {
    const where = "Tensor.pad()";
    checkOptionNames(where, options, ["value"]);
    const { value = 0 } = options;
    checkNumber(where, "value", value);
    const added = margins(where, padding, this.#shape);
    return fromDense(padded(where, this.#elements(where), added, value));
  }

  /**
   * A part of the tensor of a given size.
   *
   * @param size How much is kept of the last axes. Two entries are the height and the width of pictures.
   * @param options Where the part begins, `at`: the middle is the default.
   * @returns A new tensor, a copy.
   * @throws {TypeError} If `size` or `at` is no array of numbers, an option is unknown, or the values are lost.
   * @throws {RangeError} If the part is not within the tensor.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * const picture = Tensor.zeros([3, 240, 320]);
   * assertEquals(picture.crop([224, 224]).shape, [3, 224, 224]);
   * assertEquals(Tensor.from([1, 2, 3, 4]).crop([2], { at: [0] }).toNested(), [1, 2]);
   * ```
   */
  crop(size: readonly number[], options: CropOptions = {}): Tensor {
    const where = "Tensor.crop()";
    checkOptionNames(where, options, ["at"]);
    const part = cropped(where, size, options.at, this.#shape);
    return fromDense(dense(selected(this.#elements(where), part)));
  }

  /**
   * The values in nested arrays, as {@linkcode Tensor.from} takes them.
   *
   * @returns As many levels of arrays as there are axes; of the shape `[]` the number itself.
   * @throws {TypeError} If the values are lost.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * assertEquals(new Tensor([1, 2, 3, 4], [2, 2]).toNested(), [[1, 2], [3, 4]]);
   * ```
   */
  toNested(): NestedArrays {
    return nest(this.#attached("Tensor.toNested()"), this.#shape);
  }

  /**
   * The tensor as a picture for a canvas. Values from 0 to 1 become bytes from 0 to 255; what lies outside is
   * clamped, and NaN is 0.
   *
   * @returns A new `ImageData`; in runtimes without them, such as Node.js, an object with the same properties.
   * @throws {TypeError} If the values are lost.
   * @throws {RangeError} If the shape is not `(C, H, W)` with 1 to 4 channels (grey; grey and alpha; red, green and blue;
   * these and alpha) and at least one pixel.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * const orange = Tensor.from([[[1]], [[0.5]], [[0]]]);
   * const { width, height, data } = orange.toImageData();
   * assertEquals([width, height, ...data], [1, 1, 255, 128, 0, 255]);
   * ```
   */
  toImageData(): ImageData {
    const where = "Tensor.toImageData()";
    return imageData(where, this.#attached(where), this.#shape);
  }

  /** The values, if they are still there. */
  #attached(where: string): Float32Array {
    checkAttached(where, "the tensor", this.#values, this.#shape);
    return this.#values.elements;
  }

  #elements(where: string): Elements {
    return { shape: this.#shape, view: wholeView(this.#attached(where), this.#shape) };
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
   * A tensor of what is given in another form:
   *
   * - numbers in nested arrays, the innermost perhaps typed, of the shape that they have;
   * - a tensor of another package, told by what is in it: `ort.Tensor` of ONNX Runtime, tensors of TensorFlow.js, arrays of
   *   jax-js and `ndarray`, results of `npyjs`, and any object with `shape` (or `dims`) and `data`, and perhaps `stride`,
   *   `offset` or `fortranOrder`;
   * - a picture: `ImageData` or any object with `width`, `height` and `data`, its channels together. It becomes
   *   `(C, H, W)`, values from 0 to 1, as those of picture files do;
   * - a tensor.
   *
   * Values are copied and rounded to float32; what is given stays as it is, and stays to be disposed of where its package
   * wants that. Where another package reads values only asynchronously, read them first:
   * `new Tensor(await x.data(), x.shape)`.
   *
   * @param source What is given.
   * @param options The order of its axes, `layout`: by their letters, such as `"NHWC"` or `"HWIO"`.
   * @returns A new tensor, in this library's order: `(N, C, D, H, W)`, weights `(O, I, D, H, W)`.
   * @throws {TypeError} If it is none of these, or holds anything but numbers, or an option is unknown.
   * @throws {RangeError} If the rows of an axis differ in shape, shape, strides and data do not fit together, or the layout
   * is none or has not as many axes.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * assertEquals(Tensor.from([[[1], [2]]]).shape, [1, 2, 1]);
   *
   * const channelsLast = { dims: [1, 2, 1, 3], data: new Float32Array([1, 2, 3, 4, 5, 6]) };
   * const x = Tensor.from(channelsLast, { layout: "NHWC" });
   * assertEquals(x.toNested(), [[[[1], [4]], [[2], [5]], [[3], [6]]]]);
   *
   * const picture = new ImageData(new Uint8ClampedArray([255, 0, 0, 255]), 1, 1);
   * assertEquals(Tensor.from(picture).slice([[0, 3]]).toNested(), [[[1]], [[0]], [[0]]]);
   * ```
   */
  static from(source: TensorSource | AnyTensor, options: TensorFromOptions = {}): Tensor {
    const where = "Tensor.from()";
    checkOptionNames(where, options, ["layout"]);
    const { layout } = options;
    return fromDense(
      source instanceof Tensor
        ? arranged(where, source.#elements(where), layout)
        : readSource(where, source, layout),
    );
  }

  /**
   * Tensors one behind the other along an axis.
   *
   * @param tensors At least one, all of the same shape but for the axis.
   * @param axis The axis; below 0 it counts from the last. Default 0; 1 are the channels of a batch.
   * @returns A new tensor.
   * @throws {TypeError} If `tensors` is no array of tensors or `axis` no number, or the values of one are lost.
   * @throws {RangeError} If there are no tensors, no such axis, or shapes differ in another.
   *
   * @example
   * ```ts
   * import { Tensor } from "@tileconv/conv";
   * import { assertEquals } from "@std/assert";
   *
   * const [a, b] = [Tensor.zeros([1, 3, 8, 8]), Tensor.ones([1, 5, 8, 8])];
   * assertEquals(Tensor.concat([a, b], 1).shape, [1, 8, 8, 8]);
   * ```
   */
  static concat(tensors: readonly AnyTensor[], axis: number = 0): Tensor {
    const where = "Tensor.concat()";
    if (!Array.isArray(tensors)) {
      throw new TypeError(
        `${where}: tensors must be an array of tensors, but is ${describe(tensors)}`,
      );
    }
    if (tensors.length === 0) {
      throw new RangeError(`${where}: tensors must be at least one, but is []`);
    }
    const parts = Array.from(tensors, (tensor: unknown, index) => {
      if (tensor instanceof Tensor) return tensor.#elements(where);
      throw new TypeError(
        `${where}: tensors[${index}] must be a Tensor, but is ${describe(tensor)}`,
      );
    });
    return fromDense(concatenated(where, parts, axis));
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

function fromDense({ data, shape }: Dense): Tensor {
  return new Tensor(data, shape);
}

function allocate(where: string, shape: readonly number[]): Tensor {
  const sizes = checkShape(where, shape);
  return new Tensor(new Float32Array(countElements(where, "a tensor", sizes)), sizes);
}

function checkNumber(where: string, what: string, value: unknown): asserts value is number {
  if (typeof value !== "number") {
    throw new TypeError(`${where}: ${what} must be a number, but is ${describe(value)}`);
  }
}

function toFloat32(data: unknown): Float32Array {
  if (data instanceof Float32Array) return data;
  if (Array.isArray(data)) {
    return Float32Array.from(data, (value: unknown, index) => {
      checkNumber("Tensor", `data[${index}]`, value);
      return value;
    });
  }
  if (isTypedNumbers(data)) return new Float32Array(data);
  throw new TypeError(
    `Tensor: data must be a Float32Array or another array of numbers, but is ${describe(data)}`,
  );
}
