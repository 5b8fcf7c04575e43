/**
 * From arrays to the gradients of a convolution: which convolutions of which arrays they are, and what becomes
 * of their outputs.
 *
 * @module
 */

import { product } from "../base/numbers.ts";
import {
  hasMirroredPadding,
  inputGradientGeometry,
  paddedSizes,
  weightGradientGeometry,
} from "../convolution/adjoint.ts";
import type { Algorithm } from "../convolution/algorithm.ts";
import type { ActivationSettings } from "../convolution/epilogue.ts";
import type { Geometry } from "../convolution/geometry.ts";
import { padSegments } from "../convolution/padding.ts";
import { allowsWinograd } from "../kernels/winograd/choice.ts";
import { ArrayValues, type Values } from "../tensor/values.ts";
import type { Operands } from "./convolve.ts";

/** A convolution, and what its output is made into. */
export interface Pass {
  readonly geometry: Geometry;
  readonly operands: Operands;
  /** Makes the result, row-major. */
  readonly finish: (output: Values) => Values;
}

/** The weights of a convolution, by which the engine may know what it has made of them. */
export type Weights = Pick<Operands, "weight" | "frozenKey" | "weightKey">;

/** Nothing is added, and nothing applied. */
const PLAIN: Pick<Operands, "bias" | "add" | "out" | "activation"> = {
  bias: null,
  add: null,
  out: null,
  activation: { activation: null, negativeSlope: 0 },
};

/** How a gradient is computed where the convolution's algorithm was asked for. */
function algorithmFor(geometry: Geometry, algorithm: Algorithm): Algorithm {
  return algorithm === "winograd" && !allowsWinograd(geometry) ? "auto" : algorithm;
}

/** The sums of a convolution in front of its activation. */
export function sumsPass(
  geometry: Geometry,
  operands: Pick<Operands, "input" | "weight" | "bias" | "frozenKey" | "weightKey">,
  algorithm: Algorithm,
): Pass {
  return { geometry, operands: { ...PLAIN, ...operands, algorithm }, finish: (output) => output };
}

/**
 * The gradient of the input.
 *
 * @param g The convolution, or transposed convolution.
 * @param gradient That of the output.
 */
export function inputGradientPass(
  g: Geometry,
  gradient: Values,
  weights: Weights,
  algorithm: Algorithm,
): Pass {
  const geometry = inputGradientGeometry(g);
  const operands = {
    ...PLAIN,
    ...weights,
    input: gradient,
    algorithm: algorithmFor(geometry, algorithm),
  };
  const finish = (output: Values) =>
    hasMirroredPadding(g) ? new ArrayValues(foldPadding(g, output.elements)) : output;
  return { geometry, operands, finish };
}

/** Adds the gradient of what the padding holds to where it came from. */
function foldPadding(g: Geometry, padded: Float32Array): Float32Array {
  const [paddedDepth, paddedHeight, paddedWidth] = paddedSizes(g);
  const [depth, height, width] = g.input;
  const [planes, rows, columns] = [sourcesOf(g, 0), sourcesOf(g, 1), sourcesOf(g, 2)];
  const gradient = new Float32Array(g.batch * g.inChannels * depth * height * width);
  for (let channel = 0; channel < g.batch * g.inChannels; channel++) {
    for (let d = 0; d < paddedDepth; d++) {
      const plane = channel * depth + (planes[d] ?? 0);
      for (let h = 0; h < paddedHeight; h++) {
        const to = (plane * height + (rows[h] ?? 0)) * width;
        const from = ((channel * paddedDepth + d) * paddedHeight + h) * paddedWidth;
        for (let w = 0; w < paddedWidth; w++) {
          const place = to + (columns[w] ?? 0);
          gradient[place] = (gradient[place] ?? 0) + (padded[from + w] ?? 0);
        }
      }
    }
  }
  return gradient;
}

/** The input position that each position of a padded axis holds. */
function sourcesOf(g: Geometry, axis: 0 | 1 | 2): Int32Array {
  const count = paddedSizes(g)[axis];
  const sources = new Int32Array(count);
  const padded = { count, step: 1, first: -g.padBegin[axis] };
  for (const { start, count, source, step } of padSegments(padded, g.input[axis], g.paddingMode)) {
    for (let i = 0; i < count; i++) sources[start + i] = (source ?? 0) + i * step;
  }
  return sources;
}

/**
 * The gradient of the weights.
 *
 * @param g The convolution, or transposed convolution, with at least one batch item.
 * @param gradient That of the output.
 * @param key An identity under which the engine may keep what it makes of the output's gradient, from call to
 * call.
 */
export function weightGradientPass(
  g: Geometry,
  input: Values,
  gradient: Values,
  algorithm: Algorithm,
  key: object,
): Pass {
  // Of transposed convolutions input and output have exchanged their parts.
  const [convolution, seen, seeing] = g.transposed
    ? [inputGradientGeometry(g), gradient, input]
    : [g, input, gradient];
  const { batch, groups, inChannels, outChannels, input: inputSizes, output } = convolution;
  const geometry = weightGradientGeometry(convolution);
  const operands = {
    ...PLAIN,
    input: new ArrayValues(
      channelsFirst(seen.elements, [batch, groups, inChannels / groups], product(inputSizes)),
    ),
    weight: channelsFirst(seeing.elements, [batch, 1, outChannels], product(output)),
    frozenKey: null,
    weightKey: key,
    algorithm: algorithmFor(geometry, algorithm),
  };
  const sizes = [inChannels / groups, 1, outChannels] as const;
  const finish = ({ elements }: Values) =>
    new ArrayValues(channelsFirst(elements, sizes, product(g.kernel)));
  return { geometry, operands, finish };
}

/** Planes `[item][group][channel]` as `[channel][group][item]`; as they are where that is the same. */
function channelsFirst(
  planes: Float32Array,
  [items, groups, channels]: readonly [items: number, groups: number, channels: number],
  plane: number,
): Float32Array {
  if (items * groups === 1 || groups * channels === 1) return planes;
  const sorted = new Float32Array(planes.length);
  for (let item = 0; item < items; item++) {
    for (let group = 0; group < groups; group++) {
      for (let channel = 0; channel < channels; channel++) {
        const from = ((item * groups + group) * channels + channel) * plane;
        const to = ((channel * groups + group) * items + item) * plane;
        sorted.set(planes.subarray(from, from + plane), to);
      }
    }
  }
  return sorted;
}

/** The gradient of the bias: for each channel the sum of the output's gradient. */
export function sumOverOutputs(
  gradient: Float32Array,
  batch: number,
  channels: number,
  sizes: readonly number[],
): Float32Array<ArrayBuffer> {
  const plane = product(sizes);
  const sums = new Float64Array(channels);
  for (let item = 0; item < batch; item++) {
    for (let channel = 0; channel < channels; channel++) {
      const from = (item * channels + channel) * plane;
      let sum = 0;
      for (let i = from; i < from + plane; i++) sum += gradient[i] ?? 0;
      sums[channel] = (sums[channel] ?? 0) + sum;
    }
  }
  return Float32Array.from(sums);
}

/** The limit of `"relu6"`, from which on nothing changes. */
const RELU6_LIMIT = 6;

/** Whether the output alone says where the activation was steep. */
export function isSeenInOutput({ activation, negativeSlope }: ActivationSettings): boolean {
  return activation !== "leakyRelu" || negativeSlope >= 0;
}

/**
 * The gradient in front of an activation, as PyTorch has it: where it bends, that of the lower side.
 *
 * @param gradient That behind it.
 * @param values What the activation was applied to, or its output where {@linkcode isSeenInOutput}.
 */
export function activationGradient(
  { activation, negativeSlope }: ActivationSettings,
  gradient: Float32Array,
  values: Float32Array,
): Float32Array {
  if (activation === null) return gradient;
  const most = activation === "relu6" ? RELU6_LIMIT : Infinity;
  const lowSlope = activation === "leakyRelu" ? negativeSlope : 0;
  return gradient.map((value, i) => {
    const at = values[i] ?? 0;
    // Not a number is on no side.
    if (activation === "relu6" && at >= most) return 0;
    return at <= 0 ? lowSlope === 0 ? 0 : lowSlope * value : value;
  });
}
