/**
 * What users may say: the options of layers and functions, and their names.
 *
 * @module
 */

import type { Algorithm } from "../convolution/algorithm.ts";
import type { PaddingMode } from "../convolution/settings.ts";
import type { Padding, Size } from "../convolution/settings.ts";
import type { Engine } from "../engine/engine.ts";
import type { AnyTensor, Tensor } from "../tensor/tensor.ts";
import type { ActivationOptions } from "./activation.ts";

/** Options that every layer has. */
export interface LayerOptions extends ActivationOptions {
  /** The distance of the kernel's taps. Default 1. */
  readonly dilation?: Size;
  /** Into how many groups the channels are split, each convolved by itself. Default 1. */
  readonly groups?: number;
  /** Whether a learned number is added to each output channel. Default `true`. */
  readonly bias?: boolean;
  /** How to compute. Default `"auto"`. */
  readonly algorithm?: Algorithm;
  /** A non-negative integer that fixes the initial values. Without it they differ from layer to layer. */
  readonly seed?: number;
  /** Who computes. Default: an engine that all calls share, with one thread per core. */
  readonly engine?: Engine;
}

/** Options of {@linkcode Conv1d}, {@linkcode Conv2d} and {@linkcode Conv3d}. */
export interface ConvOptions extends LayerOptions {
  /** How far the kernel moves from one output to the next. Default 1. */
  readonly stride?: Size;
  /** What is added around the input. Default 0. */
  readonly padding?: Padding;
  /** What the padding holds. Default `"zeros"`. */
  readonly paddingMode?: PaddingMode;
}

/** Options of {@linkcode ConvTranspose1d}, {@linkcode ConvTranspose2d} and {@linkcode ConvTranspose3d}. */
export interface ConvTransposeOptions extends LayerOptions {
  /** How far apart the kernels of neighbouring inputs lie in the output. Default 1. */
  readonly stride?: Size;
  /** What is cut off the full result's borders. Default 0. */
  readonly padding?: Padding;
  /** What is added to the output's end, less than stride or dilation. Default 0. */
  readonly outputPadding?: Size;
}

/** Options of a forward pass. */
export interface ForwardOptions<Buffer extends ArrayBufferLike = ArrayBuffer> {
  /**
   * A tensor of the output's shape that is added to the output before the activation: the shortcut of
   * a residual block.
   */
  readonly add?: AnyTensor;
  /**
   * A tensor of the output's shape that receives the output and is returned, in place of a new one: for
   * large outputs the memory of a new array can take as long as the rest. It may be the input or `add`,
   * or share their memory. Until the call is done its values are no use, after an error neither.
   */
  readonly out?: Tensor<Buffer>;
}

/** Which of the possible sizes the output of a transposed layer has. */
export interface OutputSizeOptions {
  /**
   * The output's spatial sizes, or its full shape, of which only the spatial sizes are read. It takes
   * the place of `outputPadding`: inputs of several sizes give the same convolution output, and this
   * says which one is wanted back. It may exceed the least size by as much as `outputPadding` may be.
   */
  readonly outputSize?: Size;
}

/** Options of a forward pass of a transposed layer. */
export interface ConvTransposeForwardOptions<Buffer extends ArrayBufferLike = ArrayBuffer>
  extends ForwardOptions<Buffer>, OutputSizeOptions {}

/**
 * Options of {@linkcode conv} and {@linkcode convSync}: those of {@linkcode ConvOptions}, but for what draws
 * parameters, and those of {@linkcode ForwardOptions}.
 */
export interface ConvFunctionOptions<Buffer extends ArrayBufferLike = ArrayBuffer>
  extends Omit<ConvOptions, "bias" | "seed">, ForwardOptions<Buffer> {}

/**
 * Options of {@linkcode convTranspose} and {@linkcode convTransposeSync}: those of
 * {@linkcode ConvTransposeOptions}, but for what draws parameters, and those of
 * {@linkcode ConvTransposeForwardOptions}.
 */
export interface ConvTransposeFunctionOptions<Buffer extends ArrayBufferLike = ArrayBuffer>
  extends Omit<ConvTransposeOptions, "bias" | "seed">, ConvTransposeForwardOptions<Buffer> {}

/** Options of the gradients of {@linkcode conv}: those that say which convolution it is, and who computes. */
export interface ConvGradOptions
  extends Omit<ConvFunctionOptions, keyof ActivationOptions | keyof ForwardOptions> {}

/** Options of the gradients of {@linkcode convTranspose}: those that say which it is, and who computes. */
export interface ConvTransposeGradOptions extends
  Omit<
    ConvTransposeFunctionOptions,
    keyof ActivationOptions | keyof ConvTransposeForwardOptions
  > {}

/** Names as the keys of a record, since of those the compiler misses none. */
type Names<Options> = Readonly<Record<keyof Options, true>>;

const LAYER: Names<LayerOptions> = {
  dilation: true,
  groups: true,
  bias: true,
  activation: true,
  negativeSlope: true,
  algorithm: true,
  seed: true,
  engine: true,
};
const CONV: Names<ConvOptions> = { stride: true, padding: true, paddingMode: true, ...LAYER };
const CONV_TRANSPOSE: Names<ConvTransposeOptions> = {
  stride: true,
  padding: true,
  outputPadding: true,
  ...LAYER,
};
const FORWARD: Names<ForwardOptions> = { add: true, out: true };
const OUTPUT_SIZE: Names<OutputSizeOptions> = { outputSize: true };
/** What gradients do not take. */
const ACTIVATION: Names<ActivationOptions> = { activation: true, negativeSlope: true };
/** What functions do not take: they are given their parameters. */
const PARAMETERS: Names<Omit<ConvOptions, keyof ConvFunctionOptions>> = { bias: true, seed: true };

/** The names of the options that are valid in each place. */
export interface OptionNames {
  readonly layer: readonly string[];
  readonly forward: readonly string[];
  readonly outputShape: readonly string[];
  readonly function: readonly string[];
  readonly gradient: readonly string[];
}

/** The option names of convolutions. */
export const CONV_NAMES: OptionNames = namesOf(CONV, FORWARD, {});

/** The option names of transposed convolutions. */
export const CONV_TRANSPOSE_NAMES: OptionNames = namesOf(
  CONV_TRANSPOSE,
  { ...FORWARD, ...OUTPUT_SIZE },
  OUTPUT_SIZE,
);

function namesOf(layer: object, forward: object, outputShape: object): OptionNames {
  const shared = Object.keys(layer).filter((name) => !(name in PARAMETERS));
  return {
    layer: Object.keys(layer),
    forward: Object.keys(forward),
    outputShape: Object.keys(outputShape),
    function: [...shared, ...Object.keys(forward)],
    gradient: shared.filter((name) => !(name in ACTIVATION)),
  };
}
