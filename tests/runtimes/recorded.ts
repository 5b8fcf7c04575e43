/**
 * What is recorded of a layer: what it is, and what it must give in every runtime.
 *
 * @module
 */

import {
  type Activation,
  type Algorithm,
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type Engine,
  type Layer,
  Tensor,
} from "../../mod.ts";
import type { LayerCase } from "../_arbitrary.ts";

/** A layer, an input for it, and how its output leaves. */
export interface RecordedCase extends LayerCase {
  readonly algorithm: Algorithm;
  readonly activation: Activation | null;
  /** Whether a residual is added. */
  readonly add: boolean;
}

/** A few numbers that stand for many. */
export interface Digest {
  readonly length: number;
  /** The largest absolute value. */
  readonly largest: number;
  /** Sums of every fourth value from the first, second, third and fourth on, each value times its weight. */
  readonly sums: readonly number[];
}

/** A case and its results by the formula. */
export interface RecordedLayer {
  readonly layer: RecordedCase;
  readonly output: Digest;
  readonly inputGradient: Digest;
  readonly weightGradient: Digest;
  /** `null` without a bias. */
  readonly biasGradient: Digest | null;
}

/** Tensors that a case is computed on: the same in every runtime, as no function is used whose last bit may differ. */
export interface RecordedOperands {
  readonly input: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  readonly add: Tensor | null;
  readonly gradOutput: Tensor;
}

const CONVS = [Conv1d, Conv2d, Conv3d] as const;
const CONV_TRANSPOSES = [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d] as const;

/** Builds the layer of a case. */
export function buildLayer(recorded: RecordedCase, engine: Engine): Layer {
  const { transposed, rank, inChannels, outChannels, kernelSize, bias, options } = recorded;
  const { algorithm, activation } = recorded;
  const Kind = (transposed ? CONV_TRANSPOSES : CONVS)[rank - 1] ?? Conv1d;
  return new Kind(inChannels, outChannels, kernelSize, {
    ...options,
    ...(activation === null ? {} : { activation }),
    algorithm,
    bias,
    engine,
  });
}

/** The options of a case's forward pass. */
export function forwardOptions(
  { outputSize }: RecordedCase,
  { add }: RecordedOperands,
): { readonly add?: Tensor; readonly outputSize?: readonly number[] } {
  return { ...(add === null ? {} : { add }), ...(outputSize === undefined ? {} : { outputSize }) };
}

/** Makes the tensors of a case, and gives its layer the parameters. */
export function operandsFor(recorded: RecordedCase, layer: Layer): RecordedOperands {
  const { batch, inChannels, spatial, seed, outputSize } = recorded;
  let next = seed;
  const random = (shape: readonly number[]) =>
    Tensor.uniform(shape, { low: -1, high: 1, seed: next++ });
  const input = random([...(batch === null ? [] : [batch]), inChannels, ...spatial]);
  const outputShape = outputSize !== undefined && layer instanceof ConvTranspose
    ? layer.outputShape(input.shape, { outputSize })
    : layer.outputShape(input.shape);
  const weight = random(layer.weight.shape);
  const bias = layer.bias && random(layer.bias.shape);
  layer.weight.data.set(weight.data);
  if (bias) layer.bias?.data.set(bias.data);
  const gradOutput = random(outputShape);
  return { input, weight, bias, gradOutput, add: recorded.add ? random(outputShape) : null };
}

const SUMS = 4;

/** From 1 to 2, scattered (Knuth's multiplicative hash): values that change places change a sum. */
function weightOf(index: number): number {
  return 1 + (Math.imul(index, 2654435761) >>> 0) / 2 ** 32;
}

/** Takes the digest of some values. */
export function digestOf(values: ArrayLike<number>): Digest {
  const sums = new Array<number>(SUMS).fill(0);
  let largest = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? NaN;
    // NaN stays NaN.
    largest = Math.max(largest, Math.abs(value));
    sums[index % SUMS] = (sums[index % SUMS] ?? 0) + weightOf(index) * value;
  }
  const rounded = (value: number) => Number(value.toPrecision(9));
  return { length: values.length, largest: rounded(largest), sums: sums.map(rounded) };
}

/** The largest difference from the formula in proportion to the largest element, as in the tests of layers. */
const MOST_ERROR = 1e-5;

/** Whether values may be those that a digest was taken of. */
export function agrees(values: ArrayLike<number>, { length, largest, sums }: Digest): boolean {
  const actual = digestOf(values);
  const most = MOST_ERROR * largest;
  const weights = 2 * Math.ceil(length / SUMS);
  return actual.length === length && Math.abs(actual.largest - largest) <= most &&
    sums.every((sum, index) => Math.abs((actual.sums[index] ?? NaN) - sum) <= most * weights);
}
