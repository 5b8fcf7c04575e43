/**
 * Operators that normalise, and softmax.
 *
 * Source: the operators' specifications, https://onnx.ai/onnx/operators/.
 *
 * @module
 */

import { product } from "../../base/numbers.ts";
import type { OnnxNode } from "../../io/models/onnx/model.ts";
import type { ElementMap } from "../../kernels/maps/elements.ts";
import { AFFINE } from "../../kernels/maps/formulas.ts";
import { planNormalization } from "../../kernels/maps/normalization.ts";
import { planSoftmax, type Softmax } from "../../kernels/maps/softmax.ts";
import type { MapWork } from "../../kernels/maps/work.ts";
import type { Target } from "../../codegen/target.ts";
import { stepsOf } from "../graph/strides.ts";
import type { Operator, Site } from "../graph/site.ts";
import type { Numbers, Value } from "../graph/values.ts";
import type { Affine } from "../graph/weights.ts";
import { planeLength } from "./windows.ts";

/** Maps by the node that they are of. */
const affines = new WeakMap<OnnxNode, Affine>();

/** With the statistics of training, a number and a shift for each channel. */
function batchNormalization(site: Site): Value {
  if (site.number("training_mode", 0) !== 0) site.fail("training_mode must be 0");
  const input = site.input(0);
  const affine = affines.get(site.node) ?? normalizing(site, input.shape[1] ?? 0);
  affines.set(site.node, affine);
  const { scale, shift } = affine;
  const plane = planeLength(input.shape);
  return site.map({
    inputs: [input],
    shape: input.shape,
    meaning: { kind: "affine", affine },
    elements: affineMap(input.shape, affine),
    compute: ([x], y) => {
      if (x === undefined) return;
      eachPlane(y, plane, scale.length, (start, channel) => {
        const [factor = 0, term = 0] = [scale[channel], shift[channel]];
        for (let i = start; i < start + plane; i++) y[i] = (x[i] ?? 0) * factor + term;
      });
    },
  });
}

function affineMap(shape: readonly number[], { scale, shift }: Affine): ElementMap {
  const steps = shape.map((_, axis) => axis === 1 ? 1 : 0);
  const numbersOf = (numbers: Float32Array) => ({ length: numbers.length, steps, numbers });
  const inputs = [
    { length: product(shape), steps: stepsOf(shape) },
    numbersOf(scale),
    numbersOf(shift),
  ];
  return { name: "affine map", shape, inputs, steps: stepsOf(shape), formula: AFFINE };
}

function normalizing(site: Site, channels: number): Affine {
  const epsilon = site.number("epsilon", 1e-5);
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((input) => {
    const { data } = site.constant(input);
    if (data.length === channels) return data;
    return site.fail(`input ${input} must have ${channels} numbers, but has ${data.length}`);
  });
  const scale = new Float32Array(channels);
  const shift = new Float32Array(channels);
  for (let c = 0; c < channels; c++) {
    const factor = (gamma?.[c] ?? 0) / Math.sqrt((variance?.[c] ?? 0) + epsilon);
    scale[c] = factor;
    shift[c] = (beta?.[c] ?? 0) - (mean?.[c] ?? 0) * factor;
  }
  return { scale, shift };
}

function eachPlane(
  all: Numbers,
  plane: number,
  channels: number,
  visit: (start: number, channel: number) => void,
): void {
  if (plane === 0) return;
  for (let start = 0, index = 0; start < all.length; start += plane, index++) {
    visit(start, index % channels);
  }
}

/** Every channel of every item by its own mean and variance. */
function instanceNormalization(site: Site): Value {
  const input = site.input(0);
  const gamma = site.constant(1).data;
  const beta = site.constant(2).data;
  const epsilon = site.number("epsilon", 1e-5);
  const plane = planeLength(input.shape);
  const [groups = 1, rows = 1] = input.shape;
  const affine = { scale: Float32Array.from(gamma), shift: Float32Array.from(beta) };
  const isComplete = gamma.length === rows && beta.length === rows && plane > 0;
  return site.map({
    inputs: [input],
    shape: input.shape,
    ...(isComplete && {
      plan: (target: Target) =>
        planNormalization(
          { groups, rows, length: plane, epsilon, ...affine, per: "row" },
          target,
        ),
    }),
    compute: ([x], y) => {
      if (x === undefined) return;
      eachPlane(y, plane, input.shape[1] ?? 1, (start, channel) => {
        const { mean, variance } = momentsOf(x, start, start + plane);
        const factor = (gamma[channel] ?? 0) / Math.sqrt(variance + epsilon);
        const term = (beta[channel] ?? 0) - mean * factor;
        for (let i = start; i < start + plane; i++) y[i] = (x[i] ?? 0) * factor + term;
      });
    },
  });
}

function momentsOf(x: Numbers, start: number, end: number): { mean: number; variance: number } {
  const count = end - start;
  let sum = 0;
  for (let i = start; i < end; i++) sum += x[i] ?? 0;
  const mean = sum / count;
  let squares = 0;
  for (let i = start; i < end; i++) squares += ((x[i] ?? 0) - mean) ** 2;
  return { mean, variance: squares / count };
}

/** The rest of the axes behind one by their mean and variance. */
function layerNormalization(site: Site): Value {
  const input = site.input(0);
  const axis = site.axis(site.number("axis", -1), input.shape.length);
  const length = product(input.shape.slice(axis));
  const epsilon = site.number("epsilon", 1e-5);
  const gamma = site.constant(1).data;
  const beta = site.optionalConstant(2)?.data ?? null;
  if (gamma.length !== length) {
    site.fail(`the scale must have ${length} numbers, but has ${gamma.length}`);
  }
  const rows = length === 0 ? 0 : product(input.shape) / length;
  const affine = {
    scale: Float32Array.from(gamma),
    shift: beta === null ? new Float32Array(length) : Float32Array.from(beta),
  };
  const isComplete = length > 0 && affine.shift.length === length;
  return site.map({
    inputs: [input],
    shape: input.shape,
    ...(isComplete && {
      plan: (target: Target) =>
        planNormalization(
          { groups: 1, rows, length, epsilon, ...affine, per: "element" },
          target,
        ),
    }),
    compute: ([x], y) => {
      if (x === undefined) return;
      for (let start = 0; start < y.length; start += length) {
        const { mean, variance } = momentsOf(x, start, start + length);
        const factor = 1 / Math.sqrt(variance + epsilon);
        for (let i = 0; i < length; i++) {
          const normal = ((x[start + i] ?? 0) - mean) * factor;
          y[start + i] = normal * (gamma[i] ?? 0) + (beta?.[i] ?? 0);
        }
      }
    },
  });
}

/** Each element by the squares of those at its place in neighbouring channels. */
function localResponse(site: Site): Value {
  const input = site.input(0);
  const size = site.number("size", 1);
  const alpha = site.number("alpha", 1e-4);
  const beta = site.number("beta", 0.75);
  const bias = site.number("bias", 1);
  const plane = planeLength(input.shape);
  const channels = input.shape[1] ?? 1;
  const before = Math.floor((size - 1) / 2);
  const after = size - 1 - before;
  return site.map({
    inputs: [input],
    shape: input.shape,
    compute: ([x], y) => {
      if (x === undefined) return;
      eachPlane(y, plane, channels, (start, channel) => {
        const first = Math.max(0, channel - before) - channel;
        const last = Math.min(channels - 1, channel + after) - channel;
        for (let i = start; i < start + plane; i++) {
          let squares = 0;
          for (let c = first; c <= last; c++) squares += (x[i + c * plane] ?? 0) ** 2;
          y[i] = (x[i] ?? 0) / (bias + alpha / size * squares) ** beta;
        }
      });
    },
  });
}

/** Exponentials in proportion to their sum along an axis, before version 13 along all from it on. */
function softmax(
  site: Site,
  finish: (value: number, sum: number) => number,
  planOf?: (sizes: Softmax, target: Target) => MapWork,
): Value {
  const input = site.input(0);
  const { shape } = input;
  const isOld = site.opset < 13;
  const axis = site.axis(site.number("axis", isOld ? 1 : -1), shape.length);
  const inner = isOld ? 1 : product(shape.slice(axis + 1));
  const count = isOld ? product(shape.slice(axis)) : shape[axis] ?? 1;
  const outer = count * inner === 0 ? 0 : product(shape) / (count * inner);
  return site.map({
    inputs: [input],
    shape,
    ...(planOf && { plan: (target: Target) => planOf({ outer, count, inner }, target) }),
    compute: ([x], y) => {
      if (x === undefined || count === 0) return;
      for (let outer = 0; outer < y.length; outer += count * inner) {
        for (let start = outer; start < outer + inner; start++) {
          const end = start + count * inner;
          let most = -Infinity;
          for (let i = start; i < end; i += inner) most = Math.max(most, x[i] ?? 0);
          let sum = 0;
          for (let i = start; i < end; i += inner) sum += Math.exp((x[i] ?? 0) - most);
          for (let i = start; i < end; i += inner) y[i] = finish((x[i] ?? 0) - most, sum);
        }
      }
    },
  });
}

/** The operators. */
export const NORMALIZATIONS: Readonly<Record<string, Operator>> = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization,
  LRN: localResponse,
  Softmax: (site) => softmax(site, (value, sum) => Math.exp(value) / sum, planSoftmax),
  LogSoftmax: (site) => softmax(site, (value, sum) => value - Math.log(sum)),
};
