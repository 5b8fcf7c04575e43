import { checkChoice, describeShape } from "../base/checks.ts";
import { product } from "../base/numbers.ts";
import { checkNumber } from "./checks.ts";

/** What comes after a layer, as far as its gain is known. `"linear"` is nothing, or another convolution. */
export type Nonlinearity = "linear" | "sigmoid" | "tanh" | "relu" | "leakyRelu" | "selu";

const NONLINEARITIES: readonly Nonlinearity[] = [
  "linear",
  "sigmoid",
  "tanh",
  "relu",
  "leakyRelu",
  "selu",
];

/**
 * By how much a nonlinearity makes values smaller, to be made up for by the weights, as
 * `torch.nn.init.calculate_gain`: 1 for `"linear"` and `"sigmoid"`, 5/3 for `"tanh"`, `sqrt(2)` for `"relu"`,
 * `sqrt(2 / (1 + negativeSlope^2))` for `"leakyRelu"` and 3/4 for `"selu"`.
 *
 * @param nonlinearity What comes after the layer.
 * @param negativeSlope The slope of `"leakyRelu"` for negative values. Default 0.01.
 * @returns The gain.
 * @throws {TypeError} If `nonlinearity` is not a string or `negativeSlope` not a number.
 * @throws {RangeError} If `nonlinearity` is unknown or `negativeSlope` not finite.
 *
 * @example
 * ```ts
 * import { init } from "@tileconv/conv/train";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(init.calculateGain("relu"), Math.SQRT2);
 * ```
 */
export function calculateGain(nonlinearity: Nonlinearity, negativeSlope: number = 0.01): number {
  const where = "calculateGain()";
  checkNumber(where, "negativeSlope", negativeSlope);
  switch (checkChoice(where, "nonlinearity", nonlinearity, NONLINEARITIES)) {
    case "linear":
    case "sigmoid":
      return 1;
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.SQRT2;
    case "leakyRelu":
      return Math.sqrt(2 / (1 + negativeSlope ** 2));
    case "selu":
      return 3 / 4;
  }
}

/** How many values go into one output, and how many outputs one value goes into. */
export interface Fans {
  readonly fanIn: number;
  readonly fanOut: number;
}

/**
 * The fans of a weight, as PyTorch counts them: `shape[1]` and `shape[0]`, times the size of the kernel. Of a
 * transposed layer they are exchanged, and groups do not count for the fan out.
 *
 * @throws {RangeError} If there are fewer than two axes.
 */
export function fansOf(where: string, shape: readonly number[]): Fans {
  const [first, second, ...kernel] = shape;
  if (first === undefined || second === undefined) {
    throw new RangeError(
      `${where}: the weight must have at least 2 axes, but has shape ${describeShape(shape)}`,
    );
  }
  const taps = product(kernel);
  return { fanIn: second * taps, fanOut: first * taps };
}
