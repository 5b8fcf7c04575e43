/**
 * The weights of the convolutions of a network: they stay, whatever the shapes of its inputs.
 *
 * @module
 */

import { product } from "../../base/numbers.ts";
import { copyWalk, stepsOf } from "./strides.ts";
import { ArrayValues, type Values } from "../../tensor/values.ts";

/** Every channel times a number, plus a number. Its identity is that of the node that it comes from. */
export interface Affine {
  readonly scale: Float32Array;
  readonly shift: Float32Array;
}

/** How the weights of a convolution lie. */
export interface WeightLayout {
  readonly transposed: boolean;
  readonly groups: number;
  /** As in `torch.nn`: `(out, in / groups, k...)`, transposed `(in, out / groups, k...)`. */
  readonly shape: readonly number[];
}

/** Some taps of a kernel that follow each other along an axis. */
export interface TapRange {
  readonly first: number;
  readonly count: number;
}

/** Weights that do not change, and what they become with what is behind them. */
export class ConvolutionWeights {
  readonly layout: WeightLayout;
  readonly weight: Float32Array;
  readonly values: Values;
  readonly bias: Float32Array | null;
  readonly #behind = new WeakMap<Affine, ConvolutionWeights>();
  readonly #cropped = new Map<string, ConvolutionWeights>();

  constructor(layout: WeightLayout, weight: Float32Array, bias: Float32Array | null) {
    this.layout = layout;
    this.weight = weight;
    this.values = new ArrayValues(weight);
    this.bias = bias;
  }

  /** The weights of the convolution with an affine map behind it: the same ones for the same map. */
  followedBy(affine: Affine): ConvolutionWeights {
    const known = this.#behind.get(affine);
    if (known !== undefined) return known;
    const { scale, shift } = affine;
    const bias = shift.map((value, c) => value + (this.bias?.[c] ?? 0) * (scale[c] ?? 0));
    const weights = new ConvolutionWeights(this.layout, this.#scaled(scale), bias);
    this.#behind.set(affine, weights);
    return weights;
  }

  /** The weights of some of the taps along each axis: the same ones for the same taps. */
  cropped(ranges: readonly TapRange[]): ConvolutionWeights {
    const key = ranges.map(({ first, count }) => `${first} ${count}`).join();
    const known = this.#cropped.get(key);
    if (known !== undefined) return known;
    const channels = this.layout.shape.slice(0, 2);
    const shape = [...channels, ...ranges.map(({ count }) => count)];
    const steps = stepsOf(this.layout.shape);
    const first = [0, 0, ...ranges.map(({ first }) => first)];
    const start = first.reduce((sum, index, axis) => sum + index * (steps[axis] ?? 0), 0);
    const weight = new Float32Array(product(shape));
    const to = { start: 0, steps: stepsOf(shape) };
    copyWalk(shape, this.weight, { start, steps }, weight, to);
    const weights = new ConvolutionWeights({ ...this.layout, shape }, weight, this.bias);
    this.#cropped.set(key, weights);
    return weights;
  }

  #scaled(scale: Float32Array): Float32Array {
    const { transposed, groups, shape } = this.layout;
    const [first = 0, second = 0, ...kernel] = shape;
    const taps = product(kernel);
    const weight = this.weight.slice();
    for (let a = 0; a < first; a++) {
      const group = transposed ? Math.floor(a / (first / groups)) : 0;
      for (let b = 0; b < second; b++) {
        const factor = scale[transposed ? group * second + b : a] ?? 0;
        const start = (a * second + b) * taps;
        for (let i = start; i < start + taps; i++) weight[i] = (weight[i] ?? 0) * factor;
      }
    }
    return weight;
  }
}
