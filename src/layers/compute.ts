/**
 * The way from options and operands to an output, the same for layers and functions.
 *
 * @module
 */

import { describe, describeShape } from "../base/checks.ts";
import type { Algorithm } from "../convolution/algorithm.ts";
import type { ConvSettings, SizeOptions, Subject } from "../convolution/settings.ts";
import { resolveSettings } from "../convolution/settings.ts";
import { defaultEngine, Engine } from "../engine/engine.ts";
import type { Operands } from "../execution/operands.ts";
import { checkComputable, convolve, convolveSync } from "../execution/convolve.ts";
import { type Tensor, tensorOf } from "../tensor/tensor.ts";
import type { ActivationSettings } from "../convolution/epilogue.ts";
import type { ActivationOptions } from "./activation.ts";
import { resolveActivation } from "./activation.ts";
import { resolveAlgorithm } from "./algorithm.ts";
import { type Call, checkOutputOperands } from "./call.ts";
import type { ForwardOptions } from "./options.ts";

/** What layers and functions take alike, as it comes from the user. */
export interface ConvolutionOptions extends SizeOptions, ActivationOptions {
  readonly algorithm?: Algorithm;
  readonly engine?: Engine;
}

/** A convolution, its options checked: all but what it is applied to. */
export interface Convolution {
  readonly settings: ConvSettings;
  readonly activation: ActivationSettings;
  readonly algorithm: Algorithm;
  /** `undefined` for the engine that all share, which is not built before it is needed. */
  readonly engine: Engine | undefined;
}

/** A convolution with all that it is applied to. */
export interface Work<Buffer extends ArrayBufferLike> extends Call {
  readonly engine: Engine;
  readonly operands: Operands;
  /** The tensor that receives the output, if not a new one. */
  readonly out: Tensor<Buffer> | undefined;
}

/** The operands that do not come with a call's options. */
export type MainOperands = Pick<
  Operands,
  "input" | "weight" | "bias" | "frozenKey" | "weightKey"
>;

/**
 * Checks the options of a layer or function.
 *
 * @param subject What the options are for.
 * @param options The options as the user gave them.
 * @param names The option names that are valid.
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 * @throws {RangeError} If a value is out of range.
 */
export function resolveConvolution(
  subject: Subject,
  options: ConvolutionOptions,
  names: readonly string[],
): Convolution {
  const settings = resolveSettings(subject, options, names);
  return {
    settings,
    engine: checkEngine(settings.name, options.engine),
    activation: resolveActivation(settings.name, options),
    algorithm: resolveAlgorithm(settings, options.algorithm),
  };
}

/** What tells functions without a layer apart. */
export interface FunctionKind {
  readonly name: string;
  readonly transposed: boolean;
  /** The options that it takes. */
  readonly names: readonly string[];
}

/**
 * The convolution that a weight is for.
 *
 * @param weightShape `(out, in / groups, k...)`, transposed `(in, out / groups, k...)`.
 * @returns It, and how an error message about the input's channels goes on.
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 * @throws {RangeError} If a value is out of range, or the shape is no weight's.
 */
export function resolveByWeight(
  { name, transposed, names }: FunctionKind,
  weightShape: readonly number[],
  options: ConvolutionOptions,
): { readonly convolution: Convolution; readonly expected: string } {
  const [first = 0, second = 0, ...kernelSize] = weightShape;
  const rank = kernelSize.length;
  if (rank !== 1 && rank !== 2 && rank !== 3) {
    throw new RangeError(
      `${name}: weight must have 1 to 3 kernel axes after its two channel axes, but has shape ` +
        describeShape(weightShape),
    );
  }
  const groups = typeof options?.groups === "number" ? options.groups : 1;
  const [inChannels, outChannels] = transposed
    ? [first, second * groups]
    : [second * groups, first];
  const subject = { name, transposed, rank, inChannels, outChannels, kernelSize } as const;
  const convolution = resolveConvolution(subject, options, names);
  const expected = `weight of shape ${describeShape(weightShape)} with groups ${groups} takes ` +
    `${inChannels}`;
  return { convolution, expected };
}

/**
 * Puts together what a call computes.
 *
 * @throws {TypeError} If `add` or `out` is not a tensor.
 * @throws {RangeError} If one has another shape than the output.
 */
export function workOf<Buffer extends ArrayBufferLike>(
  { settings, activation, algorithm, engine }: Convolution,
  call: Call,
  operands: MainOperands,
  options: ForwardOptions<Buffer>,
): Work<Buffer> {
  const shaped = checkOutputOperands(settings.name, options, call.outputShape);
  return {
    ...call,
    engine: engine ?? defaultEngine(),
    operands: { ...operands, ...shaped, activation, algorithm, pass: "forward" },
    out: options.out,
  };
}

/**
 * Checks that work can be done, for those who have to know before it is.
 *
 * @throws {RangeError} If it does not fit into the engine's memory even in pieces.
 * @throws {Error} If the engine is closed.
 */
export function checkWork({ engine, geometry, operands }: Work<ArrayBufferLike>): void {
  checkComputable(engine, geometry, operands);
}

/** Computes in the background; the operands have been read when the call returns. */
export async function compute<Buffer extends ArrayBufferLike>(
  { engine, geometry, operands, outputShape, out }: Work<Buffer>,
): Promise<Tensor<Buffer>> {
  const values = await convolve(engine, geometry, operands);
  return out ?? tensorOf(values, outputShape);
}

/** Computes and blocks until it is done. */
export function computeSync<Buffer extends ArrayBufferLike>(
  { engine, geometry, operands, outputShape, out }: Work<Buffer>,
): Tensor<Buffer> {
  const values = convolveSync(engine, geometry, operands);
  return out ?? tensorOf(values, outputShape);
}

/** @throws {TypeError} If it is given but not an engine. */
export function checkEngine(where: string, engine: unknown): Engine | undefined {
  if (engine === undefined || engine instanceof Engine) return engine;
  throw new TypeError(`${where}: engine must be an Engine, but is ${describe(engine)}`);
}
