import { describeShape } from "../base/checks.ts";
import type { Engine } from "../engine/engine.ts";
import { defaultEngine } from "../engine/engine.ts";
import type { PaddingMode } from "../convolution/geometry.ts";
import type { Padding, Size, SizeOptions } from "../convolution/settings.ts";
import { resolveSettings } from "../convolution/settings.ts";
import { sameShape } from "../tensor/shape.ts";
import { type AnyTensor, type Tensor, tensorOf } from "../tensor/tensor.ts";
import type { Call } from "./call.ts";
import type { ActivationOptions } from "./activation.ts";
import { ACTIVATION_OPTION_NAMES, resolveActivation } from "./activation.ts";
import { checkOutputOperands, checkTensor, resolveCall } from "./call.ts";
import type { Algorithm } from "../convolution/algorithm.ts";
import { resolveAlgorithm } from "./algorithm.ts";
import type { Operands } from "../execution/convolve.ts";
import { convolve, convolveSync } from "../execution/convolve.ts";
import type { ForwardOptions } from "./layer.ts";
import { checkEngine, FORWARD_OPTION_NAMES } from "./layer.ts";

/** Options of {@linkcode conv} and {@linkcode convSync}. */
export interface ConvFunctionOptions<Buffer extends ArrayBufferLike = ArrayBuffer>
  extends ActivationOptions, ForwardOptions<Buffer> {
  /** How far the kernel moves from one output to the next. Default 1. */
  readonly stride?: Size;
  /** What is added around the input. Default 0. */
  readonly padding?: Padding;
  /** The distance of the kernel's taps. Default 1. */
  readonly dilation?: Size;
  /** Into how many groups the channels are split, each convolved by itself. Default 1. */
  readonly groups?: number;
  /** What the padding holds. Default `"zeros"`. */
  readonly paddingMode?: PaddingMode;
  /** How to compute. Default `"auto"`. */
  readonly algorithm?: Algorithm;
  /** Who computes. Default: an engine that all calls share, with one thread per core. */
  readonly engine?: Engine;
}

/** Options of {@linkcode convTranspose} and {@linkcode convTransposeSync}. */
export interface ConvTransposeFunctionOptions<Buffer extends ArrayBufferLike = ArrayBuffer>
  extends ActivationOptions, ForwardOptions<Buffer> {
  /** How far apart the kernels of neighbouring inputs lie in the output. Default 1. */
  readonly stride?: Size;
  /** What is cut off the full result's borders. Default 0. */
  readonly padding?: Padding;
  /** What is added to the output's end, less than stride or dilation. Default 0. */
  readonly outputPadding?: Size;
  /** The output's spatial sizes or its full shape, in place of `outputPadding`. */
  readonly outputSize?: Size;
  /** The distance of the kernel's taps. Default 1. */
  readonly dilation?: Size;
  /** Into how many groups the channels are split, each convolved by itself. Default 1. */
  readonly groups?: number;
  /** How to compute. Default `"auto"`. */
  readonly algorithm?: Algorithm;
  /** Who computes. Default: an engine that all calls share, with one thread per core. */
  readonly engine?: Engine;
}

/** A call with all that it needs. */
interface Work<Buffer extends ArrayBufferLike> extends Call {
  readonly engine: Engine;
  readonly operands: Operands;
  /** The tensor that receives the output, if not a new one. */
  readonly out: Tensor<Buffer> | undefined;
}

const CONV_OPTION_NAMES: readonly (keyof ConvFunctionOptions)[] = [
  "stride",
  "padding",
  "dilation",
  "groups",
  "paddingMode",
  "algorithm",
  ...ACTIVATION_OPTION_NAMES,
  ...FORWARD_OPTION_NAMES,
  "engine",
];

const CONV_TRANSPOSE_OPTION_NAMES: readonly (keyof ConvTransposeFunctionOptions)[] = [
  "stride",
  "padding",
  "outputPadding",
  "outputSize",
  "dilation",
  "groups",
  "algorithm",
  ...ACTIVATION_OPTION_NAMES,
  ...FORWARD_OPTION_NAMES,
  "engine",
];

/**
 * A 1-D, 2-D or 3-D convolution without a layer; the weight's shape says which. The values are read
 * before the call returns its promise.
 *
 * @param input `(N, C, ...)` or, for one item, `(C, ...)`. It is not changed.
 * @param weight `(out, in / groups, k...)`.
 * @param bias `(out)`, or `null` for none, the default.
 * @param options Stride, padding and the others.
 * @returns A new tensor, batched as the input is.
 * @throws {TypeError} If an operand is not a tensor, or an option is unknown or of the wrong kind (the
 * promise is rejected).
 * @throws {RangeError} If the shapes do not fit each other or an option is out of range (the promise is
 * rejected).
 *
 * @example
 * ```ts
 * import { conv, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const x = Tensor.from([[1, 2, 4, 8]]);
 * const difference = Tensor.from([[[-1, 1]]]);
 * const y = await conv(x, difference);
 * assertEquals([...y.data], [1, 2, 4]);
 * ```
 */
export async function conv<Buffer extends ArrayBufferLike = ArrayBuffer>(
  input: AnyTensor,
  weight: AnyTensor,
  bias: AnyTensor | null = null,
  options: ConvFunctionOptions<Buffer> = {},
): Promise<Tensor<Buffer>> {
  return await compute(prepareConv(input, weight, bias, options));
}

/**
 * Like {@linkcode conv}, but returns the output itself.
 *
 * @param input `(N, C, ...)` or, for one item, `(C, ...)`. It is not changed.
 * @param weight `(out, in / groups, k...)`.
 * @param bias `(out)`, or `null` for none, the default.
 * @param options Stride, padding and the others.
 * @returns A new tensor, batched as the input is.
 * @throws {TypeError} If an operand is not a tensor, or an option is unknown or of the wrong kind.
 * @throws {RangeError} If the shapes do not fit each other or an option is out of range.
 *
 * @example
 * ```ts
 * import { convSync, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const box = Tensor.full([1, 1, 3, 3], 1 / 9);
 * const y = convSync(Tensor.ones([1, 8, 8]), box, null, { padding: "same" });
 * assertEquals(y.shape, [1, 8, 8]);
 * ```
 */
export function convSync<Buffer extends ArrayBufferLike = ArrayBuffer>(
  input: AnyTensor,
  weight: AnyTensor,
  bias: AnyTensor | null = null,
  options: ConvFunctionOptions<Buffer> = {},
): Tensor<Buffer> {
  return computeSync(prepareConv(input, weight, bias, options));
}

/**
 * A 1-D, 2-D or 3-D transposed convolution without a layer; the weight's shape says which. The values
 * are read before the call returns its promise.
 *
 * @param input `(N, C, ...)` or, for one item, `(C, ...)`. It is not changed.
 * @param weight `(in, out / groups, k...)`.
 * @param bias `(out)`, or `null` for none, the default.
 * @param options Stride, padding and the others.
 * @returns A new tensor, batched as the input is.
 * @throws {TypeError} If an operand is not a tensor, or an option is unknown or of the wrong kind (the
 * promise is rejected).
 * @throws {RangeError} If the shapes do not fit each other or an option is out of range (the promise is
 * rejected).
 *
 * @example
 * ```ts
 * import { convTranspose, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const x = Tensor.from([[1, 2, 3]]);
 * const twice = Tensor.from([[[1, 1]]]);
 * const y = await convTranspose(x, twice, null, { stride: 2 });
 * assertEquals([...y.data], [1, 1, 2, 2, 3, 3]);
 * ```
 */
export async function convTranspose<Buffer extends ArrayBufferLike = ArrayBuffer>(
  input: AnyTensor,
  weight: AnyTensor,
  bias: AnyTensor | null = null,
  options: ConvTransposeFunctionOptions<Buffer> = {},
): Promise<Tensor<Buffer>> {
  return await compute(prepareConvTranspose(input, weight, bias, options));
}

/**
 * Like {@linkcode convTranspose}, but returns the output itself.
 *
 * @param input `(N, C, ...)` or, for one item, `(C, ...)`. It is not changed.
 * @param weight `(in, out / groups, k...)`.
 * @param bias `(out)`, or `null` for none, the default.
 * @param options Stride, padding and the others.
 * @returns A new tensor, batched as the input is.
 * @throws {TypeError} If an operand is not a tensor, or an option is unknown or of the wrong kind.
 * @throws {RangeError} If the shapes do not fit each other or an option is out of range.
 *
 * @example
 * ```ts
 * import { convTransposeSync, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const y = convTransposeSync(Tensor.ones([1, 4, 6, 6]), Tensor.ones([4, 2, 3, 3]), null, {
 *   stride: 2,
 *   padding: 1,
 *   outputSize: 12,
 * });
 * assertEquals(y.shape, [1, 2, 12, 12]);
 * ```
 */
export function convTransposeSync<Buffer extends ArrayBufferLike = ArrayBuffer>(
  input: AnyTensor,
  weight: AnyTensor,
  bias: AnyTensor | null = null,
  options: ConvTransposeFunctionOptions<Buffer> = {},
): Tensor<Buffer> {
  return computeSync(prepareConvTranspose(input, weight, bias, options));
}

async function compute<Buffer extends ArrayBufferLike>(
  { engine, geometry, operands, outputShape, out }: Work<Buffer>,
): Promise<Tensor<Buffer>> {
  const values = await convolve(engine, geometry, operands);
  return out ?? tensorOf(values, outputShape);
}

function computeSync<Buffer extends ArrayBufferLike>(
  { engine, geometry, operands, outputShape, out }: Work<Buffer>,
): Tensor<Buffer> {
  const values = convolveSync(engine, geometry, operands);
  return out ?? tensorOf(values, outputShape);
}

function prepareConv<Buffer extends ArrayBufferLike>(
  input: AnyTensor,
  weight: AnyTensor,
  bias: AnyTensor | null,
  options: ConvFunctionOptions<Buffer>,
): Work<Buffer> {
  return prepare(
    { name: "conv", transposed: false, input, weight, bias },
    options,
    CONV_OPTION_NAMES,
  );
}

function prepareConvTranspose<Buffer extends ArrayBufferLike>(
  input: AnyTensor,
  weight: AnyTensor,
  bias: AnyTensor | null,
  options: ConvTransposeFunctionOptions<Buffer>,
): Work<Buffer> {
  return prepare(
    { name: "convTranspose", transposed: true, input, weight, bias },
    options,
    CONV_TRANSPOSE_OPTION_NAMES,
  );
}

interface Arguments {
  readonly name: string;
  readonly transposed: boolean;
  readonly input: AnyTensor;
  readonly weight: AnyTensor;
  readonly bias: AnyTensor | null;
}

interface CommonOptions<Buffer extends ArrayBufferLike>
  extends SizeOptions, ActivationOptions, ForwardOptions<Buffer> {
  readonly outputSize?: Size;
  readonly algorithm?: Algorithm;
  readonly engine?: Engine;
}

/** Checks everything and fixes every size. */
function prepare<Buffer extends ArrayBufferLike>(
  { name, transposed, ...tensors }: Arguments,
  options: CommonOptions<Buffer>,
  optionNames: readonly string[],
): Work<Buffer> {
  const input = checkTensor(name, "input", tensors.input);
  const weight = checkTensor(name, "weight", tensors.weight);
  const bias = tensors.bias === null ? null : checkTensor(name, "bias", tensors.bias);
  const [first = 0, second = 0, ...kernelSize] = weight.shape;
  const rank = kernelSize.length;
  if (rank !== 1 && rank !== 2 && rank !== 3) {
    throw new RangeError(
      `${name}: weight must have 1 to 3 kernel axes after its two channel axes, but has shape ` +
        describeShape(weight.shape),
    );
  }
  const groups = typeof options?.groups === "number" ? options.groups : 1;
  const [inChannels, outChannels] = transposed
    ? [first, second * groups]
    : [second * groups, first];
  const subject = { name, transposed, rank, inChannels, outChannels, kernelSize } as const;
  const settings = resolveSettings(subject, options, optionNames);
  const engine = checkEngine(name, options.engine);
  if (bias !== null && !sameShape(bias.shape, [outChannels])) {
    throw new RangeError(
      `${name}: bias must have shape [${outChannels}], but has ${describeShape(bias.shape)}`,
    );
  }
  const expected = `weight of shape ${describeShape(weight.shape)} with groups ${groups} takes ` +
    `${inChannels}`;
  const call = resolveCall(settings, input.shape, options.outputSize, expected);
  const operands = {
    input: input.values,
    weight: weight.values.elements,
    bias: bias?.values.elements ?? null,
    ...checkOutputOperands(name, options, call.outputShape),
    activation: resolveActivation(name, options),
    algorithm: resolveAlgorithm(settings, options.algorithm),
    frozenKey: null,
    weightKey: weight.values.elements,
  };
  return { ...call, operands, engine: engine ?? defaultEngine(), out: options.out };
}
