/**
 * Backward passes: from the gradient of an output to those of the input and the parameters.
 *
 * @module
 */

import { checkBoolean, checkOptionNames, describeShape } from "../base/checks.ts";
import { type Engine, runtimeOf } from "../engine/engine.ts";
import {
  activationGradientPasses,
  biasGradientPasses,
  inputGradientPass,
  isOutputOf,
  isSeenInOutput,
  sumsPass,
  weightGradientPasses,
} from "../execution/gradients.ts";
import { joined, onKept, type Pass, runPass, runPassSync } from "../execution/passes.ts";
import type { ActivationSettings } from "../convolution/epilogue.ts";
import { sameShape } from "../tensor/shape.ts";
import { type AnyTensor, Tensor, tensorOf } from "../tensor/tensor.ts";
import { ArrayValues, type Values } from "../tensor/values.ts";
import { type Call, checkTensor } from "./call.ts";
import type { Convolution, MainOperands } from "./compute.ts";
import type { Parameter } from "./parameter.ts";

/** Options of a backward pass. */
export interface BackwardOptions {
  /**
   * The output of the forward pass. A layer with an activation needs it, or else computes it again; where a
   * tensor was added to the output, it has to be given.
   */
  readonly output?: AnyTensor;
  /** Whether the gradient of the input is wanted. Default `true`. */
  readonly input?: boolean;
  /** Whether the gradients of the parameters are wanted. Default `true`. */
  readonly parameters?: boolean;
}

const NAMES: Readonly<Record<keyof BackwardOptions, true>> = {
  output: true,
  input: true,
  parameters: true,
};

/** What is wanted of a backward pass. */
interface Wanted {
  readonly input: boolean;
  readonly parameters: boolean;
}

/**
 * Checks the options of a backward pass, but for the output.
 *
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 */
export function resolveWanted(where: string, options: BackwardOptions): Wanted {
  checkOptionNames(where, options, Object.keys(NAMES));
  const { input = true, parameters = true } = options;
  checkBoolean(where, "input", input);
  checkBoolean(where, "parameters", parameters);
  return { input, parameters };
}

/** A layer and its call, as far as its gradients depend on them. */
export interface Subject {
  readonly convolution: Convolution;
  readonly call: Call;
  /** The operands of the forward pass. */
  readonly operands: MainOperands;
  readonly inputShape: readonly number[];
  readonly weight: Parameter;
  readonly bias: Parameter | null;
}

/** What is wanted, checked. */
interface Request {
  readonly gradient: Values;
  readonly output: Values | null;
  readonly wantsInput: boolean;
  readonly wantsParameters: boolean;
}

/** Convolutions that are computed next, again and again, and what comes of them all. */
type Passes<Result> = Generator<readonly Pass[], Result, readonly Values[]>;

/**
 * Computes gradients in the background. What is read has been read when the call returns.
 *
 * @returns The gradient of the input, or `null` if it is not wanted.
 */
export async function backward(
  engine: Engine,
  subject: Subject,
  gradOutput: unknown,
  options: BackwardOptions,
): Promise<Tensor | null> {
  const request = resolveRequest(subject, gradOutput, options);
  return await run(engine, gradients(subject, request, runtimeOf(engine).memoryBytes, copied));
}

/** The same, and blocks until it is done. */
export function backwardSync(
  engine: Engine,
  subject: Subject,
  gradOutput: unknown,
  options: BackwardOptions,
): Tensor | null {
  const request = resolveRequest(subject, gradOutput, options);
  const { memoryBytes } = runtimeOf(engine);
  return runSync(engine, gradients(subject, request, memoryBytes, (values) => values));
}

/**
 * Computes the gradient of what was added to a layer's output, in front of its activation, in the background.
 *
 * @param gradient That of the output.
 * @param output The output, which {@linkcode isSeenInOutput} tells enough of.
 */
export async function addendGradient(
  engine: Engine,
  activation: ActivationSettings,
  gradient: Values,
  output: Values,
): Promise<Values> {
  const { memoryBytes } = runtimeOf(engine);
  return await run(engine, gradientOfSums(activation, gradient, output, memoryBytes));
}

/** The same, and blocks until it is done. */
export function addendGradientSync(
  engine: Engine,
  activation: ActivationSettings,
  gradient: Values,
  output: Values,
): Values {
  const { memoryBytes } = runtimeOf(engine);
  return runSync(engine, gradientOfSums(activation, gradient, output, memoryBytes));
}

async function run<Result>(engine: Engine, passes: Passes<Result>): Promise<Result> {
  for (let step = passes.next();;) {
    if (step.done) return step.value;
    const results = step.value.map((pass) => runPass(engine, pass));
    step = passes.next(await Promise.all(results));
  }
}

function runSync<Result>(engine: Engine, passes: Passes<Result>): Result {
  for (let step = passes.next();;) {
    if (step.done) return step.value;
    step = passes.next(step.value.map((pass) => runPassSync(engine, pass)));
  }
}

function copied(values: Values): Values {
  return new ArrayValues(values.copy());
}

function resolveRequest(
  { convolution: { settings }, call, weight, bias }: Subject,
  gradOutput: unknown,
  options: BackwardOptions,
): Request {
  const { name } = settings;
  const { input, parameters } = resolveWanted(name, options);
  const { output } = options;
  const valuesOf = (what: string, value: unknown) => {
    const { shape, values } = checkTensor(name, what, value);
    checkSameShape(name, what, shape, call.outputShape);
    return values;
  };
  const gradient = valuesOf("gradOutput", gradOutput);
  const given = output === undefined ? null : valuesOf("output", output);
  for (const parameter of parameters ? [weight, bias] : []) {
    if (!parameter?.grad) continue;
    const { shape } = checkTensor(name, "the gradient of a parameter", parameter.grad);
    checkSameShape(name, "the gradient of a parameter", shape, parameter.shape);
  }
  return {
    gradient,
    output: given,
    wantsInput: input,
    wantsParameters: parameters,
  };
}

/** @throws {RangeError} If a shape is not the expected one. */
export function checkSameShape(
  where: string,
  what: string,
  shape: readonly number[],
  expected: readonly number[],
): void {
  if (sameShape(shape, expected)) return;
  throw new RangeError(
    `${where}: ${what} must have shape ${describeShape(expected)}, but has ${describeShape(shape)}`,
  );
}

/**
 * The convolutions behind some gradients; adds up those of the parameters at the end.
 *
 * @param memoryBytes What the engine has.
 * @param keep Makes a copy where a value may be changed before it is read.
 */
function* gradients(
  subject: Subject,
  request: Request,
  memoryBytes: number,
  keep: (values: Values) => Values,
): Passes<Tensor | null> {
  const { call: { geometry }, weight, bias, inputShape } = subject;
  const { wantsInput, wantsParameters } = request;
  const { algorithm } = subject.convolution;
  const reached = yield* beforeActivation(subject, request, memoryBytes, keep);
  const { gradient, operands, areKept } = reached;
  const { input, weight: elements, frozenKey, weightKey } = operands;
  const weights = { weight: elements, frozenKey, weightKey };
  const inputPass = wantsInput
    ? [inputGradientPass(geometry, gradient, weights, algorithm, memoryBytes)]
    : [];
  const weightPasses = wantsParameters && geometry.batch > 0
    ? weightGradientPasses(geometry, input, gradient, algorithm, memoryBytes)
    : [];
  const biasPasses = wantsParameters && bias !== null && geometry.batch > 0
    ? biasGradientPasses(geometry, gradient, memoryBytes)
    : [];
  const passes = [...inputPass, ...weightPasses, ...biasPasses];
  const outputs = yield areKept ? passes.map(onKept) : passes;
  const [inputEnd, weightEnd] = [inputPass.length, inputPass.length + weightPasses.length];
  if (wantsParameters) addGradients(weight, outputs.slice(inputEnd, weightEnd));
  if (wantsParameters && bias !== null) addGradients(bias, outputs.slice(weightEnd));
  const [inputGradient] = outputs.slice(0, inputEnd);
  return inputGradient === undefined ? null : tensorOf(inputGradient, inputShape);
}

/** A gradient, and the operands of the forward pass as they were. */
interface Reached {
  readonly gradient: Values;
  readonly operands: MainOperands;
  /** Whether nobody changes them any more. */
  readonly areKept: boolean;
}

/** The gradient in front of the activation, whose sums are computed again where the output does not tell. */
function* beforeActivation(
  { convolution, call: { geometry }, operands }: Subject,
  { gradient, output }: Request,
  memoryBytes: number,
  keep: (values: Values) => Values,
): Passes<Reached> {
  const { activation, algorithm, settings } = convolution;
  if (activation.activation === null) return { gradient, operands, areKept: false };
  const kept = {
    ...operands,
    input: keep(operands.input),
    weight: operands.frozenKey === null ? keep(operands.weight) : operands.weight,
  };
  if (output !== null && isSeenInOutput(activation)) {
    const reached = yield* gradientOfSums(activation, gradient, output, memoryBytes);
    return { gradient: reached, operands: kept, areKept: true };
  }
  const [keptGradient, keptOutput] = [keep(gradient), output && keep(output)];
  const [sums = keptGradient] = yield [sumsPass(geometry, operands, algorithm)];
  if (keptOutput !== null && !isOutputOf(activation, sums, keptOutput)) {
    throw new RangeError(
      `${settings.name}: output is not what the layer makes of the input; where something was added to it, ` +
        `its gradient cannot be told with a negativeSlope of ${activation.negativeSlope}`,
    );
  }
  const reached = yield* gradientOfSums(activation, keptGradient, sums, memoryBytes);
  return { gradient: reached, operands: kept, areKept: true };
}

/** The gradient in front of an activation, by what it was applied to or by its output. */
function* gradientOfSums(
  activation: ActivationSettings,
  gradient: Values,
  values: Values,
  memoryBytes: number,
): Passes<Values> {
  if (activation.activation === null || gradient.length === 0) return gradient;
  return joined(yield activationGradientPasses(activation, gradient, values, memoryBytes));
}

/** Adds to what a parameter has of its gradient, one after the other; the first is what it has. */
function addGradients(parameter: Parameter, gradients: readonly Values[]): void {
  const [first, ...others] = gradients;
  const isFirst = parameter.grad === null && first !== undefined;
  parameter.grad ??= first === undefined
    ? Tensor.zeros(parameter.shape)
    : tensorOf(first, parameter.shape);
  for (const { elements } of isFirst ? others : gradients) {
    const { data } = parameter.grad;
    for (let i = 0; i < data.length; i++) data[i] = (data[i] ?? 0) + (elements[i] ?? 0);
  }
}
