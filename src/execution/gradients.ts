/**
 * From arrays to the gradients of a convolution: which convolutions of which arrays they are, and what becomes
 * of their outputs.
 *
 * @module
 */

import { product, range } from "../base/numbers.ts";
import {
  biasGradientGeometry,
  elementsGeometry,
  hasMirroredPadding,
  inputGradientGeometry,
  paddedSizes,
  paddingGradientGeometry,
  weightGradientGeometry,
} from "../convolution/adjoint.ts";
import type { Algorithm } from "../convolution/algorithm.ts";
import type { ActivationSettings } from "../convolution/epilogue.ts";
import type { Geometry, Triple } from "../convolution/geometry.ts";
import { padSegments } from "../convolution/padding.ts";
import { allowsWinograd } from "../kernels/winograd/applies.ts";
import { ArrayValues, type Values } from "../tensor/values.ts";
import type { Operands } from "./operands.ts";
import type { Pass } from "./passes.ts";

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
  return {
    geometry,
    operands: { ...PLAIN, ...operands, algorithm, pass: "forward" },
    finish: (output) => output,
  };
}

/**
 * The gradient of the input.
 *
 * @param g The convolution, or transposed convolution.
 * @param gradient That of the output.
 * @param memoryBytes What the engine has.
 */
export function inputGradientPass(
  g: Geometry,
  gradient: Values,
  weights: Weights,
  algorithm: Algorithm,
  memoryBytes: number,
): Pass {
  const geometry = inputGradientGeometry(g);
  const operands = {
    ...PLAIN,
    ...weights,
    input: gradient,
    algorithm: algorithmFor(geometry, algorithm),
    pass: "forward",
  } as const;
  const plain = { geometry, operands, finish: (output: Values) => output };
  if (!hasMirroredPadding(g) || g.batch === 0) return plain;
  const planeBytes = product(geometry.output) * Float32Array.BYTES_PER_ELEMENT;
  // A plane is not cut: one that the memory does not hold twice, with something else in it, is read here.
  if (2 * planeBytes > memoryBytes / 2) {
    const finish = (output: Values) => new ArrayValues(foldPadding(g, output.elements));
    return { ...plain, finish };
  }
  const most = Math.max(1, Math.floor(memoryBytes / MEMORY_SHARE / planeBytes));
  return { ...plain, next: (padded) => paddingGradientPasses(g, padded, most) };
}

/** Passes that add the gradient of what the padding holds to where it came from, some planes each. */
function paddingGradientPasses(g: Geometry, padded: Values, most: number): Pass[] {
  const planes = g.batch * g.inChannels;
  const pass = (input: Values, count: number): Pass => ({
    geometry: paddingGradientGeometry(g, count),
    operands: { ...GRADIENT, pass: "padding gradient", input, weight: NOTHING },
    finish: (output) => output,
  });
  if (planes <= most) return [pass(padded, planes)];
  const { elements } = padded;
  const plane = elements.length / planes;
  return range(Math.ceil(planes / most)).map((i) => {
    const some = elements.subarray(i * most * plane, (i + 1) * most * plane);
    return pass(new ArrayValues(some), some.length / plane);
  });
}

/** Adds the gradient of what the padding holds to where it came from, where memory is short. */
function foldPadding(g: Geometry, padded: Float32Array): Float32Array {
  const gradient = new Float32Array(g.batch * g.inChannels * product(g.input));
  eachPaddedRow(g, (to, from, columns) => {
    columns.forEach((column, i) => {
      gradient[to + column] = (gradient[to + column] ?? 0) + (padded[from + i] ?? 0);
    });
  });
  return gradient;
}

/**
 * Calls `each` for every row of the padded input with where the row that it holds begins in the input, where it
 * begins itself, and the columns that its positions hold.
 */
function eachPaddedRow(
  g: Geometry,
  each: (row: number, paddedRow: number, columns: Int32Array) => void,
): void {
  const [depth, height, width] = g.input;
  const [planes, rows, columns] = [sourcesOf(g, 0), sourcesOf(g, 1), sourcesOf(g, 2)];
  let paddedRow = 0;
  for (let channel = 0; channel < g.batch * g.inChannels; channel++) {
    for (const plane of planes) {
      for (const row of rows) {
        each(((channel * depth + plane) * height + row) * width, paddedRow, columns);
        paddedRow += columns.length;
      }
    }
  }
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
 * The gradient of the weights: the sum of what the passes make.
 *
 * @param g The convolution, or transposed convolution, with at least one batch item.
 * @param gradient That of the output.
 * @param algorithm How the convolution is computed: the sums are, too, where they can be.
 * @param memoryBytes What the engine has: by it and the sizes the sum is cut into parts.
 */
export function weightGradientPasses(
  g: Geometry,
  input: Values,
  gradient: Values,
  algorithm: Algorithm,
  memoryBytes: number,
): Pass[] {
  // Of transposed convolutions input and output have exchanged their parts.
  const whole = g.transposed
    ? { geometry: inputGradientGeometry(g), seen: gradient, seeing: input }
    : { geometry: g, seen: input, seeing: gradient };
  const parts = partsOf(whole, memoryBytes / MEMORY_SHARE);
  return parts.map(({ geometry, seen, seeing }) => ({
    geometry: weightGradientGeometry(geometry),
    operands: { ...GRADIENT, pass: "weight gradient", input: seen, weight: seeing, algorithm },
    finish: (output) => output,
  }));
}

/** An output's gradient, as far as that of the biases depends on it. */
type OutputSizes = Pick<Geometry, "rank" | "batch" | "outChannels" | "output">;

/**
 * The gradient of the biases: the sum of what the passes make.
 *
 * @param g The convolution, or transposed convolution, with at least one batch item.
 * @param gradient That of the output.
 * @param memoryBytes What the engine has.
 */
export function biasGradientPasses(
  g: OutputSizes,
  gradient: Values,
  memoryBytes: number,
): Pass[] {
  const most = mostElements(memoryBytes);
  if (gradient.length <= most) return [biasGradientPass(g, gradient, (sums) => sums)];
  const pixels = product(g.output);
  const { elements } = gradient;
  return range(g.batch * g.outChannels).flatMap((plane) => {
    const channel = plane % g.outChannels;
    const finish = (sums: Values) => {
      const all = new Float32Array(g.outChannels);
      all.set(sums.elements, channel);
      return new ArrayValues(all);
    };
    return range(Math.ceil(pixels / most)).map((part) => {
      const start = plane * pixels + part * most;
      const some = elements.subarray(start, Math.min(start + most, (plane + 1) * pixels));
      const sizes = { ...g, batch: 1, outChannels: 1, output: [1, 1, some.length] } as const;
      return biasGradientPass(sizes, new ArrayValues(some), finish);
    });
  });
}

function biasGradientPass(g: OutputSizes, gradient: Values, finish: Pass["finish"]): Pass {
  return {
    geometry: biasGradientGeometry(g),
    operands: { ...GRADIENT, pass: "bias gradient", input: gradient, weight: NOTHING },
    finish,
  };
}

const NOTHING = new ArrayValues(new Float32Array());

/** Nothing is kept of what a gradient is made of. */
const GRADIENT: Omit<Operands, "input" | "weight" | "pass"> = {
  ...PLAIN,
  algorithm: "auto",
  frozenKey: null,
  weightKey: {},
};

/** Gradients in front of activations are read where they are made, as other gradients are not. */
const BEFORE_ACTIVATION = {};

/** What the operands of a part may take of the memory: they are packed, too, and so is what they make. */
const MEMORY_SHARE = 8;

/** The largest array that is an operand of a part. */
function mostElements(memoryBytes: number): number {
  return Math.floor(memoryBytes / MEMORY_SHARE / Float32Array.BYTES_PER_ELEMENT);
}

/** Some of the products that a weight's gradient is the sum of. */
interface WeightPart {
  readonly geometry: Geometry;
  /** The input, and the gradient of the output. */
  readonly seen: Values;
  readonly seeing: Values;
}

/** The same with its padding as a part of the input where it {@linkcode hasMirroredPadding}. */
function withPadding(part: WeightPart): WeightPart {
  const { geometry: g, seen: { elements: seen } } = part;
  if (!hasMirroredPadding(g)) return part;
  const input = paddedSizes(g);
  const padded = new Float32Array(g.batch * g.inChannels * product(input));
  eachPaddedRow(g, (from, to, columns) => {
    columns.forEach((column, i) => padded[to + i] = seen[from + column] ?? 0);
  });
  const geometry = { ...g, input, padBegin: NONE, padEnd: NONE, paddingMode: "zeros" } as const;
  return { ...part, geometry, seen: new ArrayValues(padded) };
}

const NONE: Triple = [0, 0, 0];

/** Cuts a sum into parts whose operands take no more than so many bytes, if they can be cut so far. */
function partsOf(part: WeightPart, bytes: number): WeightPart[] {
  const { geometry: g, seen, seeing } = part;
  const itemBytes = (seen.length + seeing.length) / g.batch * Float32Array.BYTES_PER_ELEMENT;
  const items = Math.floor(bytes / itemBytes);
  if (items >= g.batch) return [part];
  const starts = range(Math.ceil(g.batch / Math.max(1, items))).map((i) => i * Math.max(1, items));
  return starts.flatMap((start) => {
    const some = itemsOf(part, start, Math.min(g.batch, start + Math.max(1, items)));
    return items > 0 ? [some] : rowParts(withPadding(some), bytes / itemBytes);
  });
}

/** Some batch items. */
function itemsOf({ geometry: g, seen, seeing }: WeightPart, from: number, to: number): WeightPart {
  const of = ({ elements }: Values) => {
    const item = elements.length / g.batch;
    return new ArrayValues(elements.subarray(from * item, to * item));
  };
  return { geometry: { ...g, batch: to - from }, seen: of(seen), seeing: of(seeing) };
}

/** One batch item by rows of outputs, along the first axis of which there are several. */
function rowParts(part: WeightPart, share: number): WeightPart[] {
  const { output } = part.geometry;
  const axis = output[0] > 1 ? 0 : output[1] > 1 ? 1 : 2;
  const rows = Math.max(1, Math.floor(output[axis] * share));
  return range(Math.ceil(output[axis] / rows)).flatMap((i) =>
    rowsOf(part, axis, i * rows, Math.min(output[axis], (i + 1) * rows))
  );
}

/** The rows of outputs from one to another, with what they see; nothing where that is padding alone. */
function rowsOf(
  { geometry: g, seen, seeing }: WeightPart,
  axis: 0 | 1 | 2,
  from: number,
  to: number,
): WeightPart[] {
  const origin = from * g.stride[axis] - g.padBegin[axis];
  const end = (to - 1) * g.stride[axis] + (g.kernel[axis] - 1) * g.dilation[axis] + 1 -
    g.padBegin[axis];
  const first = Math.max(0, origin);
  const last = Math.min(g.input[axis], end);
  if (last <= first) return [];
  const geometry = {
    ...g,
    input: replaced(g.input, axis, last - first),
    output: replaced(g.output, axis, to - from),
    padBegin: replaced(g.padBegin, axis, first - origin),
    padEnd: replaced(g.padEnd, axis, end - last),
  };
  return [{
    geometry,
    seen: rowsAlong(seen, g.input, axis, first, last),
    seeing: rowsAlong(seeing, g.output, axis, from, to),
  }];
}

function replaced(sizes: Triple, axis: 0 | 1 | 2, size: number): Triple {
  const [depth, height, width] = sizes;
  return axis === 0
    ? [size, height, width]
    : axis === 1
    ? [depth, size, width]
    : [depth, height, size];
}

/** The elements between two positions of an axis. */
function rowsAlong(
  { elements: values }: Values,
  sizes: Triple,
  axis: 0 | 1 | 2,
  from: number,
  to: number,
): Values {
  const inner = product(sizes.slice(axis + 1));
  const [whole, part] = [sizes[axis] * inner, (to - from) * inner];
  const outer = values.length / whole;
  const rows = new Float32Array(outer * part);
  for (let i = 0; i < outer; i++) {
    rows.set(values.subarray(i * whole + from * inner, i * whole + to * inner), i * part);
  }
  return new ArrayValues(rows);
}

/** Whether the output alone says where the activation was steep. */
export function isSeenInOutput({ activation, negativeSlope }: ActivationSettings): boolean {
  return activation !== "leakyRelu" || negativeSlope >= 0;
}

/**
 * The gradient in front of an activation, as PyTorch has it: where it bends, that of the lower side. Its elements are
 * what the passes make, one after the other.
 *
 * @param gradient That behind it, with at least one element.
 * @param values What the activation was applied to, or its output where {@linkcode isSeenInOutput}.
 * @param memoryBytes What the engine has.
 */
export function activationGradientPasses(
  activation: ActivationSettings,
  gradient: Values,
  values: Values,
  memoryBytes: number,
): Pass[] {
  const most = mostElements(memoryBytes);
  const pass = (input: Values, add: Values): Pass => ({
    geometry: elementsGeometry(input.length),
    operands: {
      ...GRADIENT,
      pass: "activation gradient",
      input,
      weight: NOTHING,
      add,
      activation,
      weightKey: BEFORE_ACTIVATION,
    },
    finish: (output) => output,
  });
  if (gradient.length <= most) return [pass(gradient, values)];
  const [behind, at] = [gradient.elements, values.elements];
  const partOf = (all: Float32Array, i: number) =>
    new ArrayValues(all.subarray(i * most, (i + 1) * most));
  return range(Math.ceil(behind.length / most)).map((i) => pass(partOf(behind, i), partOf(at, i)));
}

/** How much sums that are added up again may differ, in proportion to the largest. */
const REPEATED = 1e-3;

/** Whether an output is that of leaky sums, but for rounding. */
export function isOutputOf(
  { negativeSlope }: ActivationSettings,
  { elements: sums }: Values,
  { elements: output }: Values,
): boolean {
  const largest = sums.reduce((most, sum) => Math.max(most, Math.abs(sum)), 0);
  return sums.every((sum, i) => {
    const expected = sum > 0 ? sum : negativeSlope * sum;
    return !(Math.abs((output[i] ?? NaN) - expected) > REPEATED * largest);
  });
}
