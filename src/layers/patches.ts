/**
 * The way from options and operands to what {@linkcode Unfold} and {@linkcode Fold} make, the same for layers and
 * functions.
 *
 * @module
 */

import { checkOptionNames, describe, describeShape } from "../base/checks.ts";
import { product } from "../base/numbers.ts";
import { inputGradientGeometry } from "../convolution/adjoint.ts";
import { type Geometry, geometryOf } from "../convolution/geometry.ts";
import type { ConvSettings, Padding, Size } from "../convolution/settings.ts";
import { resolveSettings, resolveSize, shortPadding } from "../convolution/settings.ts";
import { defaultEngine, type Engine } from "../engine/engine.ts";
import { checkShape } from "../tensor/shape.ts";
import type { AnyTensor, Tensor, TensorParts } from "../tensor/tensor.ts";
import { ArrayValues, type Values } from "../tensor/values.ts";
import { type BackwardOptions, checkSameShape, resolveWanted } from "./backward.ts";
import { checkInputShape, checkOutputOperands, checkTensor } from "./call.ts";
import { checkEngine, type Work } from "./compute.ts";

/** Options of {@linkcode Unfold} and {@linkcode Fold}. */
export interface UnfoldOptions {
  /** How far the blocks are apart. Default 1. */
  readonly stride?: Size;
  /** What is added around the image, zeros. Default 0. */
  readonly padding?: Padding;
  /** The distance of the elements of a block. Default 1. */
  readonly dilation?: Size;
  /** Who computes. Default: an engine that all calls share, with one thread per core. */
  readonly engine?: Engine;
}

/** Options of a forward pass of {@linkcode Unfold} and {@linkcode Fold}. */
export interface UnfoldForwardOptions<Buffer extends ArrayBufferLike = ArrayBuffer> {
  /** A tensor of the output's shape that receives the output and is returned, in place of a new one. */
  readonly out?: Tensor<Buffer>;
  /** Nothing is added here, unlike by the layers of convolutions. */
  readonly add?: never;
}

/** Options of {@linkcode unfold} and {@linkcode fold}. */
export interface UnfoldFunctionOptions<Buffer extends ArrayBufferLike = ArrayBuffer>
  extends UnfoldOptions, UnfoldForwardOptions<Buffer> {}

const FORWARD: Readonly<Record<Exclude<keyof UnfoldForwardOptions, "add">, true>> = { out: true };
const OPTIONS: Readonly<Record<keyof UnfoldOptions, true>> = {
  stride: true,
  padding: true,
  dilation: true,
  engine: true,
};
const FORWARD_NAMES: readonly string[] = Object.keys(FORWARD);

/** The options that layers take, and those of functions. */
export const LAYER_NAMES: readonly string[] = Object.keys(OPTIONS);
export const FUNCTION_NAMES: readonly string[] = [...LAYER_NAMES, ...FORWARD_NAMES];

/** How blocks lie in images, options checked. */
export interface Patches {
  /** A convolution of one channel, with an output channel for each tap. */
  readonly settings: ConvSettings;
  /** The image's sizes that blocks are added up in; `null` where the image is what is given. */
  readonly outputSize: readonly number[] | null;
  readonly engine: Engine | undefined;
}

/** An array that is unfolded or folded into another. */
interface PatchCall {
  readonly geometry: Geometry;
  readonly outputShape: readonly number[];
}

/** There are none. */
const NO_WEIGHT = new ArrayValues(new Float32Array());

/** The spatial axes if no size says how many there are: those of PyTorch. */
const USUAL_RANK = 2;

/**
 * Checks what blocks are described by.
 *
 * @param name Whose options they are.
 * @param sizes The kernel's size, and the image's where it is folded into.
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 * @throws {RangeError} If a value is out of range.
 */
export function resolvePatches(
  name: string,
  sizes: { readonly outputSize?: Size; readonly kernelSize: Size },
  options: UnfoldOptions,
  names: readonly string[],
): Patches {
  const rank = rankOf(name, sizes);
  const { kernelSize, outputSize } = sizes;
  const subject = { name, transposed: false, rank, inChannels: 1, outChannels: 1, kernelSize };
  const settings = resolveSettings(subject, options, names);
  return {
    settings: { ...settings, outChannels: product(settings.kernel) },
    outputSize: "outputSize" in sizes ? resolveSize(name, "outputSize", outputSize, rank, 1) : null,
    engine: checkEngine(name, options.engine),
  };
}

/** As many axes as the first array has numbers. */
function rankOf(name: string, sizes: Readonly<Record<string, Size>>): 1 | 2 | 3 {
  for (const [what, size] of Object.entries(sizes)) {
    if (!Array.isArray(size)) continue;
    const rank: number = size.length;
    if (rank === 1 || rank === 2 || rank === 3) return rank;
    throw new RangeError(
      `${name}: ${what} must be a number or have 1 to 3, one per spatial axis, but is ${
        describe(size)
      }`,
    );
  }
  return USUAL_RANK;
}

/**
 * Fixes every size of what is made of an input.
 *
 * @param shape The input's.
 * @throws {TypeError} If it is not an array of numbers.
 * @throws {RangeError} If it does not fit.
 */
export function resolvePatchCall(patches: Patches, shape: readonly number[]): PatchCall {
  const { settings, outputSize } = patches;
  return outputSize === null ? unfoldCall(settings, shape) : foldCall(settings, outputSize, shape);
}

function unfoldCall(settings: ConvSettings, inputShape: readonly number[]): PatchCall {
  const { name, rank } = settings;
  const { shape, batched, channels } = checkInputShape(settings, inputShape);
  if (channels < 1) {
    throw new RangeError(
      `${name}: input must have at least 1 channel, but has shape ${describeShape(shape)}`,
    );
  }
  const batch = batched ? shape[0] ?? 0 : 1;
  const geometry = geometryOf(settings, batch * channels, shape.slice(-rank));
  const blocks = [channels * settings.outChannels, product(geometry.output)];
  return { geometry, outputShape: Object.freeze([...shape.slice(0, -rank - 1), ...blocks]) };
}

function foldCall(
  settings: ConvSettings,
  outputSize: readonly number[],
  inputShape: readonly number[],
): PatchCall {
  const { name, outChannels: taps } = settings;
  const shape = checkShape(name, inputShape);
  const [blocks = 0, elements = 0, batch = 1, ...more] = shape.toReversed();
  if (shape.length < 2 || more.length > 0) {
    throw new RangeError(
      `${name}: input must be a batch (N, C * ${taps}, L) or one item (C * ${taps}, L), but has shape ` +
        describeShape(shape),
    );
  }
  if (elements < 1 || elements % taps !== 0) {
    throw new RangeError(
      `${name}: input has ${elements} channels (shape ${
        describeShape(shape)
      }), but they must be a ` +
        `multiple of the ${taps} elements of a block of size ${describeShape(settings.kernel)}`,
    );
  }
  const channels = elements / taps;
  const unfolding = geometryOf(settings, batch * channels, outputSize);
  const expected = product(unfolding.output);
  if (blocks !== expected) {
    const counts = unfolding.output.slice(-settings.rank).join(" * ");
    throw new RangeError(
      `${name}: input has ${blocks} blocks (shape ${describeShape(shape)}), but an image of size ` +
        `${describeShape(outputSize)} has ${counts} = ${expected}`,
    );
  }
  return {
    geometry: inputGradientGeometry(unfolding),
    outputShape: Object.freeze([...shape.slice(0, -2), channels, ...outputSize]),
  };
}

/**
 * Puts together what a forward pass computes.
 *
 * @throws {TypeError} If an operand is not a tensor or an option unknown.
 * @throws {RangeError} If a shape does not fit.
 */
export function patchWork<Buffer extends ArrayBufferLike>(
  patches: Patches,
  input: AnyTensor,
  options: UnfoldForwardOptions<Buffer>,
  names: readonly string[] = FORWARD_NAMES,
): Work<Buffer> {
  const { name } = patches.settings;
  checkOptionNames(name, options, names);
  const { shape, values } = checkTensor(name, "input", input);
  const call = resolvePatchCall(patches, shape);
  const { out } = checkOutputOperands(name, { out: options.out }, call.outputShape);
  return { ...workOf(patches, call, values, out), out: options.out };
}

/**
 * Puts together what a backward pass computes: the other one of the two.
 *
 * @returns `null` if the gradient is not wanted.
 * @throws {TypeError} If an operand is not a tensor or an option unknown.
 * @throws {RangeError} If a shape does not fit.
 */
export function patchGradientWork(
  patches: Patches,
  input: AnyTensor,
  gradOutput: AnyTensor,
  options: BackwardOptions,
): Work<ArrayBuffer> | null {
  const { name } = patches.settings;
  const wanted = resolveWanted(name, options);
  const { shape } = checkTensor(name, "input", input);
  const { geometry, outputShape } = resolvePatchCall(patches, shape);
  const valuesOf = (what: string, value: unknown): Values => {
    const parts: TensorParts = checkTensor(name, what, value);
    checkSameShape(name, what, parts.shape, outputShape);
    return parts.values;
  };
  const gradient = valuesOf("gradOutput", gradOutput);
  if (options.output !== undefined) valuesOf("output", options.output);
  if (!wanted.input) return null;
  const call = { geometry: inputGradientGeometry(geometry), outputShape: shape };
  return workOf(patches, call, gradient, null);
}

function workOf(
  patches: Patches,
  { geometry, outputShape }: PatchCall,
  input: Values,
  out: Float32Array | null,
): Work<ArrayBuffer> {
  const operands = {
    input,
    weight: NO_WEIGHT,
    bias: null,
    add: null,
    out,
    activation: { activation: null, negativeSlope: 0 },
    algorithm: "direct",
    pass: "unfold",
    frozenKey: null,
    weightKey: patches,
  } as const;
  const { engine = defaultEngine() } = patches;
  return { engine, geometry, outputShape, operands, out: undefined };
}

/** The options as in the expression that builds a layer, default values left out. */
export function describePatches({ settings }: Patches): string {
  const { kernel, stride, dilation } = settings;
  const parts = [`kernelSize=${describeShape(kernel)}`, `stride=${describeShape(stride)}`];
  const padding = describe(shortPadding(settings));
  if (padding !== describe(stride.map(() => 0))) parts.push(`padding=${padding}`);
  if (dilation.some((size) => size !== 1)) parts.push(`dilation=${describeShape(dilation)}`);
  return parts.join(", ");
}
