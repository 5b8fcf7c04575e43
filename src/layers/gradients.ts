/**
 * Gradients without a layer, as `torch.nn.grad` has them, for those who bring an autograd of their own.
 *
 * @module
 */

import { checkInteger, describeShape } from "../base/checks.ts";
import { product } from "../base/numbers.ts";
import { defaultEngine, type Engine, runtimeOf } from "../engine/engine.ts";
import {
  biasGradientPasses,
  inputGradientPass,
  weightGradientPasses,
} from "../execution/gradients.ts";
import { type Pass, runPass, runPassSync } from "../execution/passes.ts";
import { checkShape, sameShape } from "../tensor/shape.ts";
import { type AnyTensor, Tensor, tensorOf } from "../tensor/tensor.ts";
import type { Values } from "../tensor/values.ts";
import { checkTensor, resolveBackwardCall } from "./call.ts";
import { type ConvolutionOptions, type FunctionKind, resolveByWeight } from "./compute.ts";
import {
  CONV_NAMES,
  CONV_TRANSPOSE_NAMES,
  type ConvGradOptions,
  type ConvTransposeGradOptions,
} from "./options.ts";

/** The functions by the names that errors call them. */
const KINDS = {
  convInputGrad: { name: "convInputGrad", transposed: false, names: CONV_NAMES.gradient },
  convWeightGrad: { name: "convWeightGrad", transposed: false, names: CONV_NAMES.gradient },
  convTransposeInputGrad: {
    name: "convTransposeInputGrad",
    transposed: true,
    names: CONV_TRANSPOSE_NAMES.gradient,
  },
  convTransposeWeightGrad: {
    name: "convTransposeWeightGrad",
    transposed: true,
    names: CONV_TRANSPOSE_NAMES.gradient,
  },
} as const satisfies Record<string, FunctionKind>;

/**
 * The gradient of a convolution's input.
 *
 * @param inputShape The shape of the input, `(N, C, ...)` or, for one item, `(C, ...)`.
 * @param weight The weight, `(out, in / groups, k...)`.
 * @param gradOutput The gradient of the output, of its shape.
 * @param options Stride, padding and the others.
 * @returns A tensor of the input's shape.
 * @throws {TypeError} If an operand is not a tensor or an option unknown (the promise is rejected).
 * @throws {RangeError} If the shapes do not fit each other (the promise is rejected).
 *
 * @example
 * ```ts
 * import { convInputGrad, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const weight = Tensor.from([[[3, 5]]]);
 * const gradient = await convInputGrad([1, 3], weight, Tensor.from([[1, 10]]));
 * assertEquals([...gradient.data], [3, 35, 50]);
 * ```
 */
export async function convInputGrad(
  inputShape: readonly number[],
  weight: AnyTensor,
  gradOutput: AnyTensor,
  options: ConvGradOptions = {},
): Promise<Tensor> {
  return await compute(inputWork(KINDS.convInputGrad, inputShape, weight, gradOutput, options));
}

/**
 * Like {@linkcode convInputGrad}, but returns the gradient itself.
 *
 * @returns A tensor of the input's shape.
 * @throws {TypeError} If an operand is not a tensor or an option unknown.
 * @throws {RangeError} If the shapes do not fit each other.
 */
export function convInputGradSync(
  inputShape: readonly number[],
  weight: AnyTensor,
  gradOutput: AnyTensor,
  options: ConvGradOptions = {},
): Tensor {
  return computeSync(inputWork(KINDS.convInputGrad, inputShape, weight, gradOutput, options));
}

/**
 * The gradient of a convolution's weight.
 *
 * @param input The input, `(N, C, ...)` or, for one item, `(C, ...)`.
 * @param weightShape The shape of the weight, `(out, in / groups, k...)`.
 * @param gradOutput The gradient of the output, of its shape.
 * @param options Stride, padding and the others.
 * @returns A tensor of the weight's shape.
 * @throws {TypeError} If an operand is not a tensor or an option unknown (the promise is rejected).
 * @throws {RangeError} If the shapes do not fit each other (the promise is rejected).
 *
 * @example
 * ```ts
 * import { convWeightGrad, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const x = Tensor.from([[1, 2, 4]]);
 * const gradient = await convWeightGrad(x, [1, 1, 2], Tensor.from([[1, 10]]));
 * assertEquals([...gradient.data], [21, 42]);
 * ```
 */
export async function convWeightGrad(
  input: AnyTensor,
  weightShape: readonly number[],
  gradOutput: AnyTensor,
  options: ConvGradOptions = {},
): Promise<Tensor> {
  return await compute(weightWork(KINDS.convWeightGrad, input, weightShape, gradOutput, options));
}

/**
 * Like {@linkcode convWeightGrad}, but returns the gradient itself.
 *
 * @returns A tensor of the weight's shape.
 * @throws {TypeError} If an operand is not a tensor or an option unknown.
 * @throws {RangeError} If the shapes do not fit each other.
 */
export function convWeightGradSync(
  input: AnyTensor,
  weightShape: readonly number[],
  gradOutput: AnyTensor,
  options: ConvGradOptions = {},
): Tensor {
  return computeSync(weightWork(KINDS.convWeightGrad, input, weightShape, gradOutput, options));
}

/**
 * The gradient of a transposed convolution's input.
 *
 * @param inputShape The shape of the input, `(N, C, ...)` or, for one item, `(C, ...)`.
 * @param weight The weight, `(in, out / groups, k...)`.
 * @param gradOutput The gradient of the output, of its shape.
 * @param options Stride, padding and the others.
 * @returns A tensor of the input's shape.
 * @throws {TypeError} If an operand is not a tensor or an option unknown (the promise is rejected).
 * @throws {RangeError} If the shapes do not fit each other (the promise is rejected).
 *
 * @example
 * ```ts
 * import { convTransposeInputGrad, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const weight = Tensor.from([[[3, 5]]]);
 * const gradient = await convTransposeInputGrad([1, 2], weight, Tensor.from([[1, 10, 100]]));
 * assertEquals([...gradient.data], [53, 530]);
 * ```
 */
export async function convTransposeInputGrad(
  inputShape: readonly number[],
  weight: AnyTensor,
  gradOutput: AnyTensor,
  options: ConvTransposeGradOptions = {},
): Promise<Tensor> {
  return await compute(
    inputWork(KINDS.convTransposeInputGrad, inputShape, weight, gradOutput, options),
  );
}

/**
 * Like {@linkcode convTransposeInputGrad}, but returns the gradient itself.
 *
 * @returns A tensor of the input's shape.
 * @throws {TypeError} If an operand is not a tensor or an option unknown.
 * @throws {RangeError} If the shapes do not fit each other.
 */
export function convTransposeInputGradSync(
  inputShape: readonly number[],
  weight: AnyTensor,
  gradOutput: AnyTensor,
  options: ConvTransposeGradOptions = {},
): Tensor {
  return computeSync(
    inputWork(KINDS.convTransposeInputGrad, inputShape, weight, gradOutput, options),
  );
}

/**
 * The gradient of a transposed convolution's weight.
 *
 * @param input The input, `(N, C, ...)` or, for one item, `(C, ...)`.
 * @param weightShape The shape of the weight, `(in, out / groups, k...)`.
 * @param gradOutput The gradient of the output, of its shape.
 * @param options Stride, padding and the others.
 * @returns A tensor of the weight's shape.
 * @throws {TypeError} If an operand is not a tensor or an option unknown (the promise is rejected).
 * @throws {RangeError} If the shapes do not fit each other (the promise is rejected).
 *
 * @example
 * ```ts
 * import { convTransposeWeightGrad, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const x = Tensor.from([[1, 2]]);
 * const gradient = await convTransposeWeightGrad(x, [1, 1, 2], Tensor.from([[1, 10, 100]]));
 * assertEquals([...gradient.data], [21, 210]);
 * ```
 */
export async function convTransposeWeightGrad(
  input: AnyTensor,
  weightShape: readonly number[],
  gradOutput: AnyTensor,
  options: ConvTransposeGradOptions = {},
): Promise<Tensor> {
  return await compute(
    weightWork(KINDS.convTransposeWeightGrad, input, weightShape, gradOutput, options),
  );
}

/**
 * Like {@linkcode convTransposeWeightGrad}, but returns the gradient itself.
 *
 * @returns A tensor of the weight's shape.
 * @throws {TypeError} If an operand is not a tensor or an option unknown.
 * @throws {RangeError} If the shapes do not fit each other.
 */
export function convTransposeWeightGradSync(
  input: AnyTensor,
  weightShape: readonly number[],
  gradOutput: AnyTensor,
  options: ConvTransposeGradOptions = {},
): Tensor {
  return computeSync(
    weightWork(KINDS.convTransposeWeightGrad, input, weightShape, gradOutput, options),
  );
}

/**
 * The gradient of a bias: for each channel the sum of the output's gradient.
 *
 * @param gradOutput The gradient of the output, `(N, C, ...)` or, for one item, `(C, ...)`.
 * @param rank How many spatial axes it has: 1, 2 or 3.
 * @returns A tensor `(C)`.
 * @throws {TypeError} If `gradOutput` is not a tensor.
 * @throws {RangeError} If it has not `rank` axes besides channels and batch.
 *
 * @example
 * ```ts
 * import { convBiasGrad, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...convBiasGrad(Tensor.from([[1, 10], [2, 20]]), 1).data], [11, 22]);
 * ```
 */
export function convBiasGrad(gradOutput: AnyTensor, rank: 1 | 2 | 3): Tensor {
  const where = "convBiasGrad";
  const { shape, values } = checkTensor(where, "gradOutput", gradOutput);
  checkInteger(where, "rank", rank, 1);
  const batched = shape.length === rank + 2;
  if (rank > 3 || !batched && shape.length !== rank + 1) {
    throw new RangeError(
      `${where}: with ${rank} spatial axes gradOutput must have ${rank + 1} or ${rank + 2} axes, ` +
        `but has shape ${describeShape(shape)}`,
    );
  }
  const [batch = 1, channels = 0, ...sizes] = batched ? shape : [1, ...shape];
  const engine = defaultEngine();
  const sizesOf = { rank, batch, outChannels: channels, output: [1, 1, product(sizes)] } as const;
  const passes = batch === 0
    ? []
    : biasGradientPasses(sizesOf, values, runtimeOf(engine).memoryBytes);
  return computeSync({ engine, passes, shape: [channels] });
}

/** A gradient that is to be computed. */
interface GradientWork {
  readonly engine: Engine;
  /** What the gradient is the sum of. */
  readonly passes: readonly Pass[];
  readonly shape: readonly number[];
}

async function compute({ engine, passes, shape }: GradientWork): Promise<Tensor> {
  return sumOf(await Promise.all(passes.map((pass) => runPass(engine, pass))), shape);
}

function computeSync({ engine, passes, shape }: GradientWork): Tensor {
  return sumOf(passes.map((pass) => runPassSync(engine, pass)), shape);
}

function sumOf([first, ...others]: readonly Values[], shape: readonly number[]): Tensor {
  if (first === undefined) return Tensor.zeros(shape);
  const sum = tensorOf(first, shape);
  for (const { elements } of others) {
    elements.forEach((value, i) => sum.data[i] = (sum.data[i] ?? 0) + value);
  }
  return sum;
}

function inputWork(
  kind: FunctionKind,
  inputShape: readonly number[],
  weight: AnyTensor,
  gradOutput: AnyTensor,
  options: ConvolutionOptions,
): GradientWork {
  const { shape: weightShape, values } = checkTensor(kind.name, "weight", weight);
  const shape = checkShape(kind.name, inputShape);
  const { convolution, call, gradient } = resolve(kind, shape, weightShape, gradOutput, options);
  const weights = { weight: values, frozenKey: null, weightKey: values };
  const { engine = defaultEngine(), algorithm } = convolution;
  const { memoryBytes } = runtimeOf(engine);
  const pass = inputGradientPass(call.geometry, gradient, weights, algorithm, memoryBytes);
  return { engine, passes: [pass], shape };
}

function weightWork(
  kind: FunctionKind,
  input: AnyTensor,
  weightShape: readonly number[],
  gradOutput: AnyTensor,
  options: ConvolutionOptions,
): GradientWork {
  const { shape: inputShape, values } = checkTensor(kind.name, "input", input);
  const shape = checkShape(kind.name, weightShape);
  const { convolution, call, gradient } = resolve(kind, inputShape, shape, gradOutput, options);
  const { engine = defaultEngine(), algorithm } = convolution;
  const { memoryBytes } = runtimeOf(engine);
  const passes = call.geometry.batch === 0
    ? []
    : weightGradientPasses(call.geometry, values, gradient, algorithm, memoryBytes);
  return { engine, passes, shape };
}

/** Fixes every size, and checks the gradient's. */
function resolve(
  kind: FunctionKind,
  inputShape: readonly number[],
  weightShape: readonly number[],
  gradOutput: AnyTensor,
  options: ConvolutionOptions,
) {
  const { convolution, expected } = resolveByWeight(kind, weightShape, options);
  const { shape, values } = checkTensor(kind.name, "gradOutput", gradOutput);
  const call = resolveBackwardCall(convolution.settings, inputShape, shape, expected);
  if (!sameShape(shape, call.outputShape)) {
    throw new RangeError(
      `${kind.name}: gradOutput must have shape ${describeShape(call.outputShape)}, but has ` +
        describeShape(shape),
    );
  }
  return { convolution, call, gradient: values };
}
