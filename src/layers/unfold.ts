import type { Padding, Size } from "../convolution/settings.ts";
import { shortPadding } from "../convolution/settings.ts";
import type { AnyTensor, Tensor } from "../tensor/tensor.ts";
import type { BackwardOptions } from "./backward.ts";
import { compute, computeSync } from "./compute.ts";
import {
  describePatches,
  FUNCTION_NAMES,
  LAYER_NAMES,
  type Patches,
  patchGradientWork,
  patchWork,
  resolvePatchCall,
  resolvePatches,
  type UnfoldForwardOptions,
  type UnfoldFunctionOptions,
  type UnfoldOptions,
} from "./patches.ts";

/**
 * Takes the blocks that a kernel sees apart, `im2col`: images `(N, C, H, W)` or `(C, H, W)` in, `(N, C * kH *
 * kW, L)` or
 * `(C * kH * kW, L)` out. On each spatial axis there are
 * `floor((in + 2 * padding - dilation * (kernelSize - 1) - 1) / stride) + 1` blocks, and `L` counts all of
 * them, those of a row side by side. Element `(i, j)` of a block is channel `(c * kH + i) * kW + j` of the
 * output:
 *
 * ```text
 * out[n, (c * kH + i) * kW + j, y * columns + x] =
 *   padded[n, c, y * stride[0] + i * dilation[0], x * stride[1] + j * dilation[1]]
 * ```
 *
 * Values are copied to the bit. A convolution is the product of its weights with this, and may so be changed
 * into what no convolution is. {@linkcode Fold} adds the blocks up again: each is the other's gradient.
 *
 * There are no parameters. Sizes are one number for all axes or an array of one per axis, which says how many
 * axes there are: signals `(N, C, L)` and volumes `(N, C, D, H, W)` are taken too. Without an array there are two.
 *
 * | Option | Default | What it says |
 * | --- | --- | --- |
 * | `stride` | `1` | how far the blocks are apart |
 * | `padding` | `0` | the zeros around the image: sizes, `[begin, end]` pairs, `"valid"` or `"same"` |
 * | `dilation` | `1` | the distance of the elements of a block |
 * | `engine` | the shared one | who computes |
 *
 * @example
 * ```ts
 * import { Tensor, Unfold } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const patches = await new Unfold(16, { stride: 16 }).forward(Tensor.randn([2, 3, 224, 224]));
 * assertEquals(patches.shape, [2, 768, 196]);
 * ```
 */
export class Unfold {
  /** Nothing is applied to the output. */
  readonly activation: null = null;
  /** There is no slope of anything. */
  readonly negativeSlope: 0 = 0;
  /** There are no parameters that could change. */
  readonly frozen: true = true;

  readonly #patches: Patches;

  /**
   * Describes the blocks.
   *
   * @param kernelSize The size of a block, `[height, width]` or one number for all axes.
   * @param options Everything else, see the table.
   * @throws {TypeError} If an option is unknown or of the wrong kind.
   * @throws {RangeError} If a value is out of range.
   */
  constructor(kernelSize: Size, options: UnfoldOptions = {}) {
    const sizes = { kernelSize };
    this.#patches = resolvePatches("Unfold", sizes, options, LAYER_NAMES);
  }

  /** The size of a block, one number per spatial axis. */
  get kernelSize(): readonly number[] {
    return this.#patches.settings.kernel;
  }

  /** The stride, one number per spatial axis. */
  get stride(): readonly number[] {
    return this.#patches.settings.stride;
  }

  /** The padding: `"same"`, or per spatial axis a number or, where its borders differ, `[begin, end]`. */
  get padding(): Padding {
    return shortPadding(this.#patches.settings);
  }

  /** The dilation, one number per spatial axis. */
  get dilation(): readonly number[] {
    return this.#patches.settings.dilation;
  }

  /**
   * Takes the blocks of an input apart. The event loop is left free meanwhile; the values are read before the
   * call returns its promise.
   *
   * @param input `(N, C, H, W)` or, for one image, `(C, H, W)`. It is not changed.
   * @param options Where the output goes, `out`.
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If an operand is not a tensor or an option unknown (the promise is rejected).
   * @throws {RangeError} If a shape does not fit, or the work not the engine's memory (the promise is
   * rejected).
   */
  async forward<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options: UnfoldForwardOptions<Buffer> = {},
  ): Promise<Tensor<Buffer>> {
    return await compute(patchWork(this.#patches, input, options));
  }

  /**
   * Like {@linkcode Unfold.forward}, but returns the output itself.
   *
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If an operand is not a tensor or an option unknown.
   * @throws {RangeError} If a shape does not fit, or the work not the engine's memory.
   */
  forwardSync<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options: UnfoldForwardOptions<Buffer> = {},
  ): Tensor<Buffer> {
    return computeSync(patchWork(this.#patches, input, options));
  }

  /**
   * The gradient of the input, from that of the output: what {@linkcode Fold} makes of it.
   *
   * @param input What the layer was applied to. Only its shape is looked at.
   * @param gradOutput The gradient of the output, of its shape.
   * @param options Whether it is wanted, `input`; the others change nothing.
   * @returns The gradient of the input, of its shape; `null` with `{ input: false }`.
   * @throws {TypeError} If an operand is not a tensor or an option unknown (the promise is rejected).
   * @throws {RangeError} If a shape does not fit, or the work not the engine's memory (the promise is
   * rejected).
   */
  async backward(
    input: AnyTensor,
    gradOutput: AnyTensor,
    options: BackwardOptions = {},
  ): Promise<Tensor | null> {
    const work = patchGradientWork(this.#patches, input, gradOutput, options);
    return work && await compute(work);
  }

  /**
   * Like {@linkcode Unfold.backward}, but returns the gradient itself.
   *
   * @returns The gradient of the input, of its shape; `null` with `{ input: false }`.
   * @throws {TypeError} If an operand is not a tensor or an option unknown.
   * @throws {RangeError} If a shape does not fit, or the work not the engine's memory.
   */
  backwardSync(
    input: AnyTensor,
    gradOutput: AnyTensor,
    options: BackwardOptions = {},
  ): Tensor | null {
    const work = patchGradientWork(this.#patches, input, gradOutput, options);
    return work && computeSync(work);
  }

  /**
   * The shape of the output for an input's shape, without computing anything.
   *
   * @param inputShape `(N, C, H, W)` or, for one image, `(C, H, W)`.
   * @returns The output's shape, batched as the input's is.
   * @throws {TypeError} If it is not an array of numbers.
   * @throws {RangeError} If it does not fit.
   */
  outputShape(inputShape: readonly number[]): readonly number[] {
    return resolvePatchCall(this.#patches, inputShape).outputShape;
  }

  /**
   * The layer as the expression that builds it, options with default values left out.
   *
   * @returns One line such as `Unfold(kernelSize=[3, 3], stride=[1, 1])`.
   */
  toString(): string {
    return `Unfold(${describePatches(this.#patches)})`;
  }

  /** Shows the layer as {@linkcode Unfold.toString} writes it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /** The same for Node.js and what imitates it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/**
 * Takes the blocks of images apart without a layer, see {@linkcode Unfold}. The values are read before the call
 * returns its promise.
 *
 * @param input `(N, C, H, W)` or, for one image, `(C, H, W)`. It is not changed.
 * @param kernelSize The size of a block, `[height, width]` or one number for all axes.
 * @param options Stride, padding and the others, as of {@linkcode Unfold}, and where the output goes, `out`.
 * @returns The output, batched as the input is.
 * @throws {TypeError} If an operand is not a tensor, or an option is unknown or of the wrong kind (the promise
 * is rejected).
 * @throws {RangeError} If a shape does not fit or a value is out of range (the promise is rejected).
 *
 * @example
 * ```ts
 * import { unfold, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const y = await unfold(Tensor.from([[[1, 2, 3], [4, 5, 6]]]), 2);
 * assertEquals([...y.data], [1, 2, 2, 3, 4, 5, 5, 6]);
 * ```
 */
export async function unfold<Buffer extends ArrayBufferLike = ArrayBuffer>(
  input: AnyTensor,
  kernelSize: Size,
  options: UnfoldFunctionOptions<Buffer> = {},
): Promise<Tensor<Buffer>> {
  const patches = resolvePatches(
    "unfold",
    { kernelSize },
    options,
    FUNCTION_NAMES,
  );
  return await compute(patchWork(patches, input, options, FUNCTION_NAMES));
}

/**
 * Like {@linkcode unfold}, but returns the output itself.
 *
 * @param input `(N, C, H, W)` or, for one image, `(C, H, W)`. It is not changed.
 * @param kernelSize The size of a block, `[height, width]` or one number for all axes.
 * @param options Stride, padding and the others, as of {@linkcode Unfold}, and where the output goes, `out`.
 * @returns The output, batched as the input is.
 * @throws {TypeError} If an operand is not a tensor, or an option is unknown or of the wrong kind.
 * @throws {RangeError} If a shape does not fit or a value is out of range.
 *
 * @example
 * ```ts
 * import { unfoldSync, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const y = unfoldSync(Tensor.from([[[1, 2, 3], [4, 5, 6]]]), 2);
 * assertEquals([...y.data], [1, 2, 2, 3, 4, 5, 5, 6]);
 * ```
 */
export function unfoldSync<Buffer extends ArrayBufferLike = ArrayBuffer>(
  input: AnyTensor,
  kernelSize: Size,
  options: UnfoldFunctionOptions<Buffer> = {},
): Tensor<Buffer> {
  const patches = resolvePatches(
    "unfold",
    { kernelSize },
    options,
    FUNCTION_NAMES,
  );
  return computeSync(patchWork(patches, input, options, FUNCTION_NAMES));
}
