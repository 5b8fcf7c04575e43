/**
 * Initial values of weights, as `torch.nn.init` defines them. Every function fills a parameter or tensor in place
 * and returns it; with the same `seed` it fills in the same values.
 *
 * @example
 * ```ts
 * import { Conv2d } from "@tileconv/conv";
 * import { init } from "@tileconv/conv/train";
 *
 * const layer = new Conv2d(3, 16, 3, { activation: "relu" });
 * init.kaimingNormal(layer.weight, { nonlinearity: "relu", mode: "fanOut", seed: 0 });
 * if (layer.bias) init.zeros(layer.bias);
 * ```
 *
 * @module
 */

import {
  checkChoice,
  checkInteger,
  checkOptionNames,
  describe,
  describeShape,
} from "../base/checks.ts";
import { clamp, product } from "../base/numbers.ts";
import { checkTensor } from "../layers/call.ts";
import { Parameter, tensorOfParameter } from "../layers/parameter.ts";
import { createRandom, fillNormal, fillUniform, type Random } from "../tensor/random.ts";
import { type AnyTensor, Tensor } from "../tensor/tensor.ts";
import { checkNumber } from "./checks.ts";
import { calculateGain, fansOf, type Nonlinearity } from "./fan.ts";
import { orthonormalize } from "./orthogonal.ts";

export { calculateGain, type Nonlinearity } from "./fan.ts";

/** What can be filled. */
export type Target = Parameter | AnyTensor;

/** What fixes random values. */
export interface SeedOptions {
  /** A non-negative integer that fixes the values. Without it they differ from call to call. */
  readonly seed?: number;
}

/** Options of {@linkcode uniform}. */
export interface UniformInitOptions extends SeedOptions {
  /** The least value. Default 0. */
  readonly low?: number;
  /** The bound of the values. Default 1. */
  readonly high?: number;
}

/** Options of {@linkcode normal}. */
export interface NormalInitOptions extends SeedOptions {
  /** The mean. Default 0. */
  readonly mean?: number;
  /** The standard deviation. Default 1. */
  readonly std?: number;
}

/** Options of {@linkcode truncatedNormal}. */
export interface TruncatedNormalInitOptions extends NormalInitOptions {
  /** The least value. Default -2. */
  readonly low?: number;
  /** The greatest value. Default 2. */
  readonly high?: number;
}

/** Options of {@linkcode kaimingUniform} and {@linkcode kaimingNormal}. */
export interface KaimingOptions extends SeedOptions {
  /** Whether values keep their size forward, `"fanIn"`, or gradients backward. Default `"fanIn"`. */
  readonly mode?: "fanIn" | "fanOut";
  /** What comes after the layer. Default `"leakyRelu"`. */
  readonly nonlinearity?: Nonlinearity;
  /** The slope of `"leakyRelu"` for negative values. Default 0: that of `"relu"`. */
  readonly negativeSlope?: number;
}

/** Options of {@linkcode xavierUniform}, {@linkcode xavierNormal} and {@linkcode orthogonal}. */
export interface GainOptions extends SeedOptions {
  /** What the values are multiplied by, see {@linkcode calculateGain}. Default 1. */
  readonly gain?: number;
}

/** Options of {@linkcode dirac}. */
export interface DiracOptions {
  /** The groups of the layer. Default 1. */
  readonly groups?: number;
}

/**
 * Fills with one value, as `torch.nn.init.constant_`.
 *
 * @param target What is filled.
 * @param value The value.
 * @returns `target`.
 * @throws {TypeError} If `target` is neither a parameter nor a tensor, or `value` not a number.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { init } from "@tileconv/conv/train";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...init.constant(Tensor.zeros([2]), 0.5).data], [0.5, 0.5]);
 * ```
 */
export function constant<Filled extends Target>(target: Filled, value: number): Filled {
  const where = "constant()";
  if (typeof value !== "number") {
    throw new TypeError(`${where}: value must be a number, but is ${describe(value)}`);
  }
  partsOfTarget(where, target).elements.fill(value);
  return target;
}

/**
 * Fills with zeros, as `torch.nn.init.zeros_`.
 *
 * @param target What is filled.
 * @returns `target`.
 * @throws {TypeError} If `target` is neither a parameter nor a tensor.
 *
 * @example
 * ```ts
 * import { Conv2d } from "@tileconv/conv";
 * import { init } from "@tileconv/conv/train";
 * import { assert } from "@std/assert";
 *
 * const { bias } = new Conv2d(3, 8, 3);
 * if (bias) init.zeros(bias);
 * assert(bias?.data.every((value) => value === 0));
 * ```
 */
export function zeros<Filled extends Target>(target: Filled): Filled {
  partsOfTarget("zeros()", target).elements.fill(0);
  return target;
}

/**
 * Fills with ones, as `torch.nn.init.ones_`.
 *
 * @param target What is filled.
 * @returns `target`.
 * @throws {TypeError} If `target` is neither a parameter nor a tensor.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { init } from "@tileconv/conv/train";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...init.ones(Tensor.zeros([2])).data], [1, 1]);
 * ```
 */
export function ones<Filled extends Target>(target: Filled): Filled {
  partsOfTarget("ones()", target).elements.fill(1);
  return target;
}

/**
 * Fills with values uniform between two bounds, as `torch.nn.init.uniform_`.
 *
 * @param target What is filled.
 * @param options The bounds and the seed.
 * @returns `target`.
 * @throws {TypeError} If `target` is neither a parameter nor a tensor, or an option unknown or no number.
 * @throws {RangeError} If a bound is not finite, `low` is above `high`, or the seed is no non-negative integer.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { init } from "@tileconv/conv/train";
 * import { assert } from "@std/assert";
 *
 * const values = init.uniform(Tensor.zeros([100]), { low: -1, high: 1, seed: 0 });
 * assert(values.data.every((value) => value >= -1 && value <= 1));
 * ```
 */
export function uniform<Filled extends Target>(
  target: Filled,
  options: UniformInitOptions = {},
): Filled {
  const where = "uniform()";
  const { elements } = partsOfTarget(where, target);
  checkOptionNames(where, options, ["low", "high", "seed"]);
  const { low = 0, high = 1, seed } = options;
  checkInterval(where, low, high);
  fillUniform(elements, low, high, createRandom(where, seed));
  return target;
}

/**
 * Fills with values of a normal distribution, as `torch.nn.init.normal_`.
 *
 * @param target What is filled.
 * @param options Mean, standard deviation and seed.
 * @returns `target`.
 * @throws {TypeError} If `target` is neither a parameter nor a tensor, or an option unknown or no number.
 * @throws {RangeError} If the mean is not finite, `std` is negative, or the seed is no non-negative integer.
 *
 * @example
 * ```ts
 * import { Conv2d } from "@tileconv/conv";
 * import { init } from "@tileconv/conv/train";
 *
 * init.normal(new Conv2d(3, 8, 3).weight, { std: 0.02, seed: 0 });
 * ```
 */
export function normal<Filled extends Target>(
  target: Filled,
  options: NormalInitOptions = {},
): Filled {
  const where = "normal()";
  const { elements } = partsOfTarget(where, target);
  checkOptionNames(where, options, ["mean", "std", "seed"]);
  const { mean = 0, std = 1, seed } = options;
  checkNumber(where, "mean", mean);
  checkNumber(where, "std", std, { least: 0 });
  fillScaledNormal(elements, mean, std, createRandom(where, seed));
  return target;
}

/**
 * Fills with values of a normal distribution of which only what lies between two bounds is taken, as
 * `torch.nn.init.trunc_normal_`. The bounds are values, not multiples of `std`, and may lie anywhere.
 *
 * @param target What is filled.
 * @param options Mean, standard deviation, bounds and seed.
 * @returns `target`.
 * @throws {TypeError} If `target` is neither a parameter nor a tensor, or an option unknown or no number.
 * @throws {RangeError} If a number is not finite, `std` is not above 0, `low` is above `high`, or the seed is no
 * non-negative integer.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { init } from "@tileconv/conv/train";
 * import { assert } from "@std/assert";
 *
 * const values = init.truncatedNormal(Tensor.zeros([100]), { std: 0.02, low: -0.04, high: 0.04, seed: 0 });
 * assert(values.data.every((value) => Math.abs(value) <= 0.0401));
 * ```
 */
export function truncatedNormal<Filled extends Target>(
  target: Filled,
  options: TruncatedNormalInitOptions = {},
): Filled {
  const where = "truncatedNormal()";
  const { elements } = partsOfTarget(where, target);
  checkOptionNames(where, options, ["mean", "std", "low", "high", "seed"]);
  const { mean = 0, std = 1, low = -2, high = 2, seed } = options;
  checkNumber(where, "mean", mean);
  checkNumber(where, "std", std, { least: 0 });
  if (std === 0) throw new RangeError(`${where}: std must be above 0, but is 0`);
  checkInterval(where, low, high);
  const random = createRandom(where, seed);
  const draw = truncatedDraw((low - mean) / std, (high - mean) / std, random);
  for (let i = 0; i < elements.length; i++) {
    elements[i] = clamp(mean + std * draw(), low, high);
  }
  return target;
}

/**
 * Fills a weight with values uniform in `±gain * sqrt(3 / fan)`, as `torch.nn.init.kaiming_uniform_`. The fan in is
 * `shape[1]`, the fan out `shape[0]`, times the size of the kernel.
 *
 * From "Delving deep into rectifiers" (He et al., 2015).
 *
 * @param target What is filled, of at least 2 axes.
 * @param options The fan, what comes after the layer, and the seed.
 * @returns `target`.
 * @throws {TypeError} If `target` is neither a parameter nor a tensor, or an option unknown or of the wrong kind.
 * @throws {RangeError} If `target` has fewer than 2 axes, or an option is out of range.
 *
 * @example
 * ```ts
 * import { Conv2d } from "@tileconv/conv";
 * import { init } from "@tileconv/conv/train";
 *
 * init.kaimingUniform(new Conv2d(3, 8, 3).weight, { nonlinearity: "relu", seed: 0 });
 * ```
 */
export function kaimingUniform<Filled extends Target>(
  target: Filled,
  options: KaimingOptions = {},
): Filled {
  const where = "kaimingUniform()";
  const { elements, shape } = partsOfTarget(where, target);
  const bound = Math.sqrt(3) * kaimingDeviation(where, shape, options);
  fillUniform(elements, -bound, bound, createRandom(where, options.seed));
  return target;
}

/**
 * Fills a weight with values of a normal distribution of mean 0 and standard deviation `gain / sqrt(fan)`, as
 * `torch.nn.init.kaiming_normal_`; see {@linkcode kaimingUniform}.
 *
 * @param target What is filled, of at least 2 axes.
 * @param options The fan, what comes after the layer, and the seed.
 * @returns `target`.
 * @throws {TypeError} If `target` is neither a parameter nor a tensor, or an option unknown or of the wrong kind.
 * @throws {RangeError} If `target` has fewer than 2 axes, or an option is out of range.
 *
 * @example
 * ```ts
 * import { Conv2d } from "@tileconv/conv";
 * import { init } from "@tileconv/conv/train";
 *
 * init.kaimingNormal(new Conv2d(3, 8, 3).weight, { mode: "fanOut", seed: 0 });
 * ```
 */
export function kaimingNormal<Filled extends Target>(
  target: Filled,
  options: KaimingOptions = {},
): Filled {
  const where = "kaimingNormal()";
  const { elements, shape } = partsOfTarget(where, target);
  const std = kaimingDeviation(where, shape, options);
  fillScaledNormal(elements, 0, std, createRandom(where, options.seed));
  return target;
}

/**
 * Fills a weight with values uniform in `±gain * sqrt(6 / (fanIn + fanOut))`, as `torch.nn.init.xavier_uniform_`.
 *
 * From "Understanding the difficulty of training deep feedforward neural networks" (Glorot and Bengio, 2010).
 *
 * @param target What is filled, of at least 2 axes.
 * @param options The gain and the seed.
 * @returns `target`.
 * @throws {TypeError} If `target` is neither a parameter nor a tensor, or an option unknown or no number.
 * @throws {RangeError} If `target` has fewer than 2 axes, the gain is not finite, or the seed is no non-negative
 * integer.
 *
 * @example
 * ```ts
 * import { Conv2d } from "@tileconv/conv";
 * import { init } from "@tileconv/conv/train";
 *
 * init.xavierUniform(new Conv2d(3, 8, 3).weight, { gain: init.calculateGain("tanh"), seed: 0 });
 * ```
 */
export function xavierUniform<Filled extends Target>(
  target: Filled,
  options: GainOptions = {},
): Filled {
  const where = "xavierUniform()";
  const { elements, shape } = partsOfTarget(where, target);
  const bound = Math.sqrt(3) * xavierDeviation(where, shape, options);
  fillUniform(elements, -bound, bound, createRandom(where, options.seed));
  return target;
}

/**
 * Fills a weight with values of a normal distribution of mean 0 and standard deviation
 * `gain * sqrt(2 / (fanIn + fanOut))`, as `torch.nn.init.xavier_normal_`; see {@linkcode xavierUniform}.
 *
 * @param target What is filled, of at least 2 axes.
 * @param options The gain and the seed.
 * @returns `target`.
 * @throws {TypeError} If `target` is neither a parameter nor a tensor, or an option unknown or no number.
 * @throws {RangeError} If `target` has fewer than 2 axes, the gain is not finite, or the seed is no non-negative
 * integer.
 *
 * @example
 * ```ts
 * import { Conv2d } from "@tileconv/conv";
 * import { init } from "@tileconv/conv/train";
 *
 * init.xavierNormal(new Conv2d(3, 8, 3).weight, { seed: 0 });
 * ```
 */
export function xavierNormal<Filled extends Target>(
  target: Filled,
  options: GainOptions = {},
): Filled {
  const where = "xavierNormal()";
  const { elements, shape } = partsOfTarget(where, target);
  const std = xavierDeviation(where, shape, options);
  fillScaledNormal(elements, 0, std, createRandom(where, options.seed));
  return target;
}

/**
 * Fills the weight of a convolution so that it passes its channels on, as many as there are on both sides, as
 * `torch.nn.init.dirac_`: ones at the kernel's middle, `floor(k / 2)`, and zeros elsewhere.
 *
 * @param target What is filled, of 3, 4 or 5 axes.
 * @param options The groups: each passes on its own channels.
 * @returns `target`.
 * @throws {TypeError} If `target` is neither a parameter nor a tensor, or an option unknown or no number.
 * @throws {RangeError} If `target` has other axes, or its first is no multiple of `groups`.
 *
 * @example
 * ```ts
 * import { Conv1d, Tensor } from "@tileconv/conv";
 * import { init } from "@tileconv/conv/train";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new Conv1d(2, 2, 3, { padding: 1, bias: false });
 * init.dirac(layer.weight);
 * const x = Tensor.from([[1, 2, 3], [4, 5, 6]]);
 * assertEquals([...layer.forwardSync(x).data], [...x.data]);
 * ```
 */
export function dirac<Filled extends Target>(target: Filled, options: DiracOptions = {}): Filled {
  const where = "dirac()";
  const { elements, shape } = partsOfTarget(where, target);
  checkOptionNames(where, options, ["groups"]);
  const { groups = 1 } = options;
  checkInteger(where, "groups", groups, 1);
  const [out = 0, channels = 0, ...kernel] = shape;
  if (shape.length < 3 || shape.length > 5) {
    throw new RangeError(
      `${where}: the weight must have 3, 4 or 5 axes, but has shape ${describeShape(shape)}`,
    );
  }
  if (out % groups !== 0) {
    throw new RangeError(
      `${where}: the weight's first axis must be a multiple of the ${groups} groups, but is ${out}`,
    );
  }
  const perGroup = out / groups;
  const taps = product(kernel);
  const middle = kernel.reduce((index, size) => index * size + Math.floor(size / 2), 0);
  elements.fill(0);
  for (let group = 0; group < groups && taps > 0; group++) {
    for (let channel = 0; channel < Math.min(perGroup, channels); channel++) {
      elements[((group * perGroup + channel) * channels + channel) * taps + middle] = 1;
    }
  }
  return target;
}

/**
 * Fills a weight, taken as a matrix of `shape[0]` rows, with a random orthogonal one, as
 * `torch.nn.init.orthogonal_`: rows of length 1 that are orthogonal to each other, or columns where there are more
 * rows than columns.
 *
 * From "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks" (Saxe et al., 2014).
 *
 * @param target What is filled, of at least 2 axes.
 * @param options The gain and the seed.
 * @returns `target`.
 * @throws {TypeError} If `target` is neither a parameter nor a tensor, or an option unknown or no number.
 * @throws {RangeError} If `target` has fewer than 2 axes, the gain is not finite, or the seed is no non-negative
 * integer.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { init } from "@tileconv/conv/train";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const [a = 0, b = 0, c = 0, d = 0] = init.orthogonal(Tensor.zeros([2, 2]), { seed: 0 }).data;
 * assertAlmostEquals(a * a + b * b, 1, 1e-6);
 * assertAlmostEquals(a * c + b * d, 0, 1e-6);
 * ```
 */
export function orthogonal<Filled extends Target>(
  target: Filled,
  options: GainOptions = {},
): Filled {
  const where = "orthogonal()";
  const { elements, shape } = partsOfTarget(where, target);
  checkOptionNames(where, options, ["gain", "seed"]);
  const { gain = 1, seed } = options;
  checkNumber(where, "gain", gain);
  const random = createRandom(where, seed);
  // For its error.
  fansOf(where, shape);
  const [rows = 0, ...rest] = shape;
  const columns = product(rest);
  const count = Math.min(rows, columns);
  const length = Math.max(rows, columns);
  const units = Array.from(
    { length: count },
    () => Float64Array.from(fillNormal(new Float32Array(length), random)),
  );
  orthonormalize(units);
  const [step, distance] = rows <= columns ? [1, columns] : [columns, 1];
  units.forEach((unit, index) => {
    for (let i = 0; i < length; i++) elements[index * distance + i * step] = gain * (unit[i] ?? 0);
  });
  return target;
}

interface Parts {
  readonly elements: Float32Array;
  readonly shape: readonly number[];
}

function partsOfTarget(where: string, target: unknown): Parts {
  if (!(target instanceof Parameter) && !(target instanceof Tensor)) {
    throw new TypeError(
      `${where}: target must be a Parameter or a Tensor, but is ${describe(target)}`,
    );
  }
  const tensor = target instanceof Parameter ? tensorOfParameter(target) : target;
  const { values, shape } = checkTensor(where, "target", tensor);
  return { elements: values.elements, shape };
}

function checkInterval(where: string, low: number, high: number): void {
  checkNumber(where, "low", low);
  checkNumber(where, "high", high);
  if (low <= high) return;
  throw new RangeError(`${where}: low must not be above high, but they are ${low} and ${high}`);
}

function kaimingDeviation(
  where: string,
  shape: readonly number[],
  options: KaimingOptions,
): number {
  checkOptionNames(where, options, ["mode", "nonlinearity", "negativeSlope", "seed"]);
  const { mode = "fanIn", nonlinearity = "leakyRelu", negativeSlope = 0 } = options;
  checkChoice(where, "mode", mode, ["fanIn", "fanOut"]);
  return calculateGain(nonlinearity, negativeSlope) / Math.sqrt(fansOf(where, shape)[mode]);
}

function xavierDeviation(where: string, shape: readonly number[], options: GainOptions): number {
  checkOptionNames(where, options, ["gain", "seed"]);
  const { gain = 1 } = options;
  checkNumber(where, "gain", gain);
  const { fanIn, fanOut } = fansOf(where, shape);
  return gain * Math.sqrt(2 / (fanIn + fanOut));
}

function fillScaledNormal(
  elements: Float32Array,
  mean: number,
  std: number,
  random: Random,
): void {
  fillNormal(elements, random);
  for (let i = 0; i < elements.length; i++) elements[i] = mean + std * (elements[i] ?? 0);
}

/** Half the square of a distance beyond which the density is 2^-60 of its greatest value and less. */
const NEGLIGIBLE_EXPONENT = 60 * Math.LN2;

/** Bounds further away are the same, and their squares are finite. */
const FARTHEST = 1e150;

/**
 * Draws from the standard normal distribution between two bounds: uniform values, of which as many are rejected as
 * the density says. About one in fifty is taken at least, wherever the bounds lie.
 */
function truncatedDraw(low: number, high: number, random: Random): Random {
  const least = clamp(low, -FARTHEST, FARTHEST);
  const most = clamp(high, -FARTHEST, FARTHEST);
  const peak = clamp(0, least, most);
  const reach = Math.hypot(peak, Math.sqrt(2 * NEGLIGIBLE_EXPONENT));
  const begin = Math.max(least, -reach);
  const end = Math.min(most, reach);
  return () => {
    for (;;) {
      const value = begin + (end - begin) * random();
      if (random() < Math.exp((peak - value) * (peak + value) / 2)) return value;
    }
  };
}
