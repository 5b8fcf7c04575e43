import { describeShape } from "../base/checks.ts";
import { sameShape } from "../tensor/shape.ts";
import type { AnyTensor, Tensor } from "../tensor/tensor.ts";
import { checkTensor, resolveCall } from "./call.ts";
import {
  compute,
  computeSync,
  type ConvolutionOptions,
  type FunctionKind,
  resolveByWeight,
  type Work,
  workOf,
} from "./compute.ts";
import {
  CONV_NAMES,
  CONV_TRANSPOSE_NAMES,
  type ConvFunctionOptions,
  type ConvTransposeForwardOptions,
  type ConvTransposeFunctionOptions,
} from "./options.ts";

const CONV: FunctionKind = { name: "conv", transposed: false, names: CONV_NAMES.function };
const CONV_TRANSPOSE: FunctionKind = {
  name: "convTranspose",
  transposed: true,
  names: CONV_TRANSPOSE_NAMES.function,
};

/**
 * A 1-D, 2-D or 3-D convolution without a layer; the weight's shape says which. The values are read
 * before the call returns its promise.
 *
 * @param input `(N, C, ...)` or, for one item, `(C, ...)`. It is not changed.
 * @param weight `(out, in / groups, k...)`.
 * @param bias `(out)`, or `null` for none, the default.
 * @param options Stride, padding and the others, as of {@linkcode Conv2d}.
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
  return await compute(prepare(CONV, { input, weight, bias }, options));
}

/**
 * Like {@linkcode conv}, but returns the output itself.
 *
 * @param input `(N, C, ...)` or, for one item, `(C, ...)`. It is not changed.
 * @param weight `(out, in / groups, k...)`.
 * @param bias `(out)`, or `null` for none, the default.
 * @param options Stride, padding and the others, as of {@linkcode Conv2d}.
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
  return computeSync(prepare(CONV, { input, weight, bias }, options));
}

/**
 * A 1-D, 2-D or 3-D transposed convolution without a layer; the weight's shape says which. The values
 * are read before the call returns its promise.
 *
 * @param input `(N, C, ...)` or, for one item, `(C, ...)`. It is not changed.
 * @param weight `(in, out / groups, k...)`.
 * @param bias `(out)`, or `null` for none, the default.
 * @param options Stride, padding and the others, as of {@linkcode ConvTranspose2d}.
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
  return await compute(prepare(CONV_TRANSPOSE, { input, weight, bias }, options));
}

/**
 * Like {@linkcode convTranspose}, but returns the output itself.
 *
 * @param input `(N, C, ...)` or, for one item, `(C, ...)`. It is not changed.
 * @param weight `(in, out / groups, k...)`.
 * @param bias `(out)`, or `null` for none, the default.
 * @param options Stride, padding and the others, as of {@linkcode ConvTranspose2d}.
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
  return computeSync(prepare(CONV_TRANSPOSE, { input, weight, bias }, options));
}

/** Checks everything and fixes every size. */
function prepare<Buffer extends ArrayBufferLike>(
  kind: FunctionKind,
  tensors: {
    readonly input: AnyTensor;
    readonly weight: AnyTensor;
    readonly bias: AnyTensor | null;
  },
  options: ConvolutionOptions & ConvTransposeForwardOptions<Buffer>,
): Work<Buffer> {
  const { name } = kind;
  const input = checkTensor(name, "input", tensors.input);
  const weight = checkTensor(name, "weight", tensors.weight);
  const bias = tensors.bias === null ? null : checkTensor(name, "bias", tensors.bias);
  const { convolution, expected } = resolveByWeight(kind, weight.shape, options);
  const { outChannels } = convolution.settings;
  if (bias !== null && !sameShape(bias.shape, [outChannels])) {
    throw new RangeError(
      `${name}: bias must have shape [${outChannels}], but has ${describeShape(bias.shape)}`,
    );
  }
  const call = resolveCall(convolution.settings, input.shape, options.outputSize, expected);
  const operands = {
    input: input.values,
    weight: weight.values,
    bias: bias?.values.elements ?? null,
    frozenKey: null,
    weightKey: weight.values,
  };
  return workOf(convolution, call, operands, options);
}
