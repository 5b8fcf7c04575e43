import type { Size } from "../convolution/settings.ts";
import type { AnyTensor, Tensor } from "../tensor/tensor.ts";
import { Layer, settingsOf } from "./layer.ts";
import {
  CONV_TRANSPOSE_NAMES,
  type ConvTransposeForwardOptions,
  type ConvTransposeOptions,
  type OutputSizeOptions,
} from "./options.ts";

/** What {@linkcode ConvTranspose1d}, {@linkcode ConvTranspose2d} and {@linkcode ConvTranspose3d} have in common. */
export abstract class ConvTranspose extends Layer {
  /**
   * For the three layers only.
   *
   * @param rank The number of spatial axes.
   * @param inChannels The channels of the input.
   * @param outChannels The channels of the output.
   * @param kernelSize The kernel's size.
   * @param options The options.
   * @internal
   */
  constructor(
    rank: 1 | 2 | 3,
    inChannels: number,
    outChannels: number,
    kernelSize: Size,
    options: ConvTransposeOptions,
  ) {
    const kind = { name: `ConvTranspose${rank}d`, transposed: true, rank };
    super({ ...kind, inChannels, outChannels, kernelSize }, options, CONV_TRANSPOSE_NAMES);
  }

  /** What is added to the output's end, one number per spatial axis. */
  get outputPadding(): readonly number[] {
    return settingsOf(this).outputPadding;
  }

  /** Like {@linkcode Layer.forward}, but takes an `outputSize`. */
  override forward<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options?: ConvTransposeForwardOptions<Buffer>,
  ): Promise<Tensor<Buffer>> {
    return super.forward(input, options);
  }

  /** Like {@linkcode Layer.forwardSync}, but takes an `outputSize`. */
  override forwardSync<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options?: ConvTransposeForwardOptions<Buffer>,
  ): Tensor<Buffer> {
    return super.forwardSync(input, options);
  }

  /** Like {@linkcode Layer.outputShape}, but takes an `outputSize`. */
  override outputShape(
    inputShape: readonly number[],
    options?: OutputSizeOptions,
  ): readonly number[] {
    return this.shapeOfOutput(inputShape, options);
  }
}

/**
 * A 1-D transposed convolution over signals and sequences: `(N, C, L)` or `(C, L)` in, the same kind out.
 * It is the gradient of a convolution as a layer of its own, which undoes what a convolution with the same
 * options does to the sizes. Outputs begin as their channel's bias, and every input adds to those around it
 *
 * ```text
 * out[n, o, x * stride + k * dilation - padding]
 *   += weight[c, o, k] * in[n, c, x]
 * ```
 *
 * where `padding` is that of the axis's begin and `o` counts the output channels of the group of `c`. On each
 * spatial axis there are `(in - 1) * stride - pads + dilation * (kernelSize - 1) + outputPadding + 1` outputs,
 * `pads` being the padding of both ends; with `"same"` there are `in * stride`. The weight has the shape
 * `(inChannels, outChannels / groups, k)`. Parameters, state and `explain()`: see {@linkcode Layer}.
 *
 * | Option | Default | What it says |
 * | --- | --- | --- |
 * | `stride` | `1` | how far apart the kernels of neighbouring inputs lie in the output |
 * | `padding` | `0` | what is cut off the full result: sizes, `[begin, end]` pairs, `"valid"` or `"same"` |
 * | `outputPadding` | `0` | what is added to the output's end, less than stride or dilation |
 * | `dilation` | `1` | the distance of the kernel's taps |
 * | `groups` | `1` | into how many groups the channels are split, each convolved by itself |
 * | `bias` | `true` | whether a learned number is added to each output channel |
 * | `activation` | none | what is applied to every output: `"relu"`, `"relu6"` or `"leakyRelu"` |
 * | `negativeSlope` | `0.01` | the slope of `"leakyRelu"` for negative values |
 * | `algorithm` | `"auto"` | how to compute: `"auto"`, `"direct"` or `"winograd"` |
 * | `seed` | none | a non-negative integer that fixes the initial values |
 * | `engine` | the shared one | who computes |
 *
 * @example
 * ```ts
 * import { Conv1d, ConvTranspose1d, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const down = new Conv1d(4, 4, 3, { stride: 2, padding: 1 });
 * const up = new ConvTranspose1d(4, 4, 3, { stride: 2, padding: 1 });
 * const x = Tensor.randn([1, 4, 12]);
 * const y = await up.forward(await down.forward(x), { outputSize: x.shape });
 * assertEquals(y.shape, [1, 4, 12]);
 * ```
 */
export class ConvTranspose1d extends ConvTranspose {
  /**
   * Builds the layer, its weight and bias drawn uniform within `±1 / sqrt(fan_in)`.
   *
   * @param inChannels The channels of the input.
   * @param outChannels The channels of the output.
   * @param kernelSize The kernel's size.
   * @param options Everything else, see the table.
   * @throws {TypeError} If an option is unknown or of the wrong kind.
   * @throws {RangeError} If a value is out of range.
   */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Size,
    options: ConvTransposeOptions = {},
  ) {
    super(1, inChannels, outChannels, kernelSize, options);
  }

  /**
   * Computes the output for an input. The event loop is left free while workers compute, and several
   * calls may be in flight. The values are read before the call returns its promise, so that the input
   * and the parameters may be changed at once.
   *
   * @param input `(N, C, L)` or, for one signal, `(C, L)`. It is not changed.
   * @param options What is added to the output, `add`, where it goes, `out`, and its size, `outputSize`.
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If an operand is not a tensor or an option unknown (the promise is rejected).
   * @throws {RangeError} If a shape does not fit the layer, or the work not the engine's memory (the
   * promise is rejected).
   */
  override forward<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options?: ConvTransposeForwardOptions<Buffer>,
  ): Promise<Tensor<Buffer>> {
    return super.forward(input, options);
  }

  /**
   * Like {@linkcode ConvTranspose1d.forward}, but returns the output itself, the calling thread computing with the
   * workers.
   *
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If an operand is not a tensor or an option unknown.
   * @throws {RangeError} If a shape does not fit the layer, or the work not the engine's memory.
   */
  override forwardSync<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options?: ConvTransposeForwardOptions<Buffer>,
  ): Tensor<Buffer> {
    return super.forwardSync(input, options);
  }

  /**
   * The shape of the output for an input's shape, without computing anything.
   *
   * @param inputShape `(N, C, L)` or, for one signal, `(C, L)`.
   * @param options Which of the possible sizes the output has, `outputSize`.
   * @returns The output's shape, batched as the input's is.
   * @throws {TypeError} If it is not an array of numbers or an option unknown.
   * @throws {RangeError} If it does not fit the layer.
   */
  override outputShape(
    inputShape: readonly number[],
    options?: OutputSizeOptions,
  ): readonly number[] {
    return super.outputShape(inputShape, options);
  }
}

/**
 * A 2-D transposed convolution over images: `(N, C, H, W)` or `(C, H, W)` in, the same kind out.
 * It is the gradient of a convolution as a layer of its own, which undoes what a convolution with the same
 * options does to the sizes. Outputs begin as their channel's bias, and every input adds to those around it
 *
 * ```text
 * out[n, o, y * stride[0] + i * dilation[0] - padding[0], x * stride[1] + j * dilation[1] - padding[1]]
 *   += weight[c, o, i, j] * in[n, c, y, x]
 * ```
 *
 * where `padding` is that of the axis's begin and `o` counts the output channels of the group of `c`. On each
 * spatial axis there are `(in - 1) * stride - pads + dilation * (kernelSize - 1) + outputPadding + 1` outputs,
 * `pads` being the padding of both ends; with `"same"` there are `in * stride`. The weight has the shape
 * `(inChannels, outChannels / groups, kH, kW)`. Parameters, state and `explain()`: see {@linkcode Layer}.
 *
 * | Option | Default | What it says |
 * | --- | --- | --- |
 * | `stride` | `1` | how far apart the kernels of neighbouring inputs lie in the output |
 * | `padding` | `0` | what is cut off the full result: sizes, `[begin, end]` pairs, `"valid"` or `"same"` |
 * | `outputPadding` | `0` | what is added to the output's end, less than stride or dilation |
 * | `dilation` | `1` | the distance of the kernel's taps |
 * | `groups` | `1` | into how many groups the channels are split, each convolved by itself |
 * | `bias` | `true` | whether a learned number is added to each output channel |
 * | `activation` | none | what is applied to every output: `"relu"`, `"relu6"` or `"leakyRelu"` |
 * | `negativeSlope` | `0.01` | the slope of `"leakyRelu"` for negative values |
 * | `algorithm` | `"auto"` | how to compute: `"auto"`, `"direct"` or `"winograd"` |
 * | `seed` | none | a non-negative integer that fixes the initial values |
 * | `engine` | the shared one | who computes |
 *
 * @example
 * ```ts
 * import { Conv2d, ConvTranspose2d, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const down = new Conv2d(16, 16, 3, { stride: 2, padding: 1 });
 * const up = new ConvTranspose2d(16, 16, 3, { stride: 2, padding: 1 });
 * const x = Tensor.randn([1, 16, 12, 12]);
 * const y = await up.forward(await down.forward(x), { outputSize: x.shape });
 * assertEquals(y.shape, [1, 16, 12, 12]);
 * ```
 */
export class ConvTranspose2d extends ConvTranspose {
  /**
   * Builds the layer, its weight and bias drawn uniform within `±1 / sqrt(fan_in)`.
   *
   * @param inChannels The channels of the input.
   * @param outChannels The channels of the output.
   * @param kernelSize The kernel's size, `[height, width]` or one number for all axes.
   * @param options Everything else, see the table.
   * @throws {TypeError} If an option is unknown or of the wrong kind.
   * @throws {RangeError} If a value is out of range.
   */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Size,
    options: ConvTransposeOptions = {},
  ) {
    super(2, inChannels, outChannels, kernelSize, options);
  }

  /**
   * Computes the output for an input. The event loop is left free while workers compute, and several
   * calls may be in flight. The values are read before the call returns its promise, so that the input
   * and the parameters may be changed at once.
   *
   * @param input `(N, C, H, W)` or, for one image, `(C, H, W)`. It is not changed.
   * @param options What is added to the output, `add`, where it goes, `out`, and its size, `outputSize`.
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If an operand is not a tensor or an option unknown (the promise is rejected).
   * @throws {RangeError} If a shape does not fit the layer, or the work not the engine's memory (the
   * promise is rejected).
   */
  override forward<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options?: ConvTransposeForwardOptions<Buffer>,
  ): Promise<Tensor<Buffer>> {
    return super.forward(input, options);
  }

  /**
   * Like {@linkcode ConvTranspose2d.forward}, but returns the output itself, the calling thread computing with the
   * workers.
   *
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If an operand is not a tensor or an option unknown.
   * @throws {RangeError} If a shape does not fit the layer, or the work not the engine's memory.
   */
  override forwardSync<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options?: ConvTransposeForwardOptions<Buffer>,
  ): Tensor<Buffer> {
    return super.forwardSync(input, options);
  }

  /**
   * The shape of the output for an input's shape, without computing anything.
   *
   * @param inputShape `(N, C, H, W)` or, for one image, `(C, H, W)`.
   * @param options Which of the possible sizes the output has, `outputSize`.
   * @returns The output's shape, batched as the input's is.
   * @throws {TypeError} If it is not an array of numbers or an option unknown.
   * @throws {RangeError} If it does not fit the layer.
   */
  override outputShape(
    inputShape: readonly number[],
    options?: OutputSizeOptions,
  ): readonly number[] {
    return super.outputShape(inputShape, options);
  }
}

/**
 * A 3-D transposed convolution over volumes and videos: `(N, C, D, H, W)` or `(C, D, H, W)` in, the same kind out.
 * It is the gradient of a convolution as a layer of its own, which undoes what a convolution with the same
 * options does to the sizes. Outputs begin as their channel's bias, and every input adds to those around it
 *
 * ```text
 * out[n, o, z * stride[0] + h * dilation[0] - padding[0], y * stride[1] + i * dilation[1] - padding[1],
 *     x * stride[2] + j * dilation[2] - padding[2]]
 *   += weight[c, o, h, i, j] * in[n, c, z, y, x]
 * ```
 *
 * where `padding` is that of the axis's begin and `o` counts the output channels of the group of `c`. On each
 * spatial axis there are `(in - 1) * stride - pads + dilation * (kernelSize - 1) + outputPadding + 1` outputs,
 * `pads` being the padding of both ends; with `"same"` there are `in * stride`. The weight has the shape
 * `(inChannels, outChannels / groups, kD, kH, kW)`. Parameters, state and `explain()`: see {@linkcode Layer}.
 *
 * | Option | Default | What it says |
 * | --- | --- | --- |
 * | `stride` | `1` | how far apart the kernels of neighbouring inputs lie in the output |
 * | `padding` | `0` | what is cut off the full result: sizes, `[begin, end]` pairs, `"valid"` or `"same"` |
 * | `outputPadding` | `0` | what is added to the output's end, less than stride or dilation |
 * | `dilation` | `1` | the distance of the kernel's taps |
 * | `groups` | `1` | into how many groups the channels are split, each convolved by itself |
 * | `bias` | `true` | whether a learned number is added to each output channel |
 * | `activation` | none | what is applied to every output: `"relu"`, `"relu6"` or `"leakyRelu"` |
 * | `negativeSlope` | `0.01` | the slope of `"leakyRelu"` for negative values |
 * | `algorithm` | `"auto"` | how to compute: `"auto"`, `"direct"` or `"winograd"` |
 * | `seed` | none | a non-negative integer that fixes the initial values |
 * | `engine` | the shared one | who computes |
 *
 * @example
 * ```ts
 * import { ConvTranspose3d, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new ConvTranspose3d(4, 6, [3, 5, 2], { stride: [2, 1, 1], padding: [0, 4, 2] });
 * const y = await layer.forward(Tensor.randn([1, 4, 10, 20, 30]));
 * assertEquals(y.shape, [1, 6, 21, 16, 27]);
 * ```
 */
export class ConvTranspose3d extends ConvTranspose {
  /**
   * Builds the layer, its weight and bias drawn uniform within `±1 / sqrt(fan_in)`.
   *
   * @param inChannels The channels of the input.
   * @param outChannels The channels of the output.
   * @param kernelSize The kernel's size, `[depth, height, width]` or one number for all axes.
   * @param options Everything else, see the table.
   * @throws {TypeError} If an option is unknown or of the wrong kind.
   * @throws {RangeError} If a value is out of range.
   */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Size,
    options: ConvTransposeOptions = {},
  ) {
    super(3, inChannels, outChannels, kernelSize, options);
  }

  /**
   * Computes the output for an input. The event loop is left free while workers compute, and several
   * calls may be in flight. The values are read before the call returns its promise, so that the input
   * and the parameters may be changed at once.
   *
   * @param input `(N, C, D, H, W)` or, for one volume, `(C, D, H, W)`. It is not changed.
   * @param options What is added to the output, `add`, where it goes, `out`, and its size, `outputSize`.
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If an operand is not a tensor or an option unknown (the promise is rejected).
   * @throws {RangeError} If a shape does not fit the layer, or the work not the engine's memory (the
   * promise is rejected).
   */
  override forward<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options?: ConvTransposeForwardOptions<Buffer>,
  ): Promise<Tensor<Buffer>> {
    return super.forward(input, options);
  }

  /**
   * Like {@linkcode ConvTranspose3d.forward}, but returns the output itself, the calling thread computing with the
   * workers.
   *
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If an operand is not a tensor or an option unknown.
   * @throws {RangeError} If a shape does not fit the layer, or the work not the engine's memory.
   */
  override forwardSync<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options?: ConvTransposeForwardOptions<Buffer>,
  ): Tensor<Buffer> {
    return super.forwardSync(input, options);
  }

  /**
   * The shape of the output for an input's shape, without computing anything.
   *
   * @param inputShape `(N, C, D, H, W)` or, for one volume, `(C, D, H, W)`.
   * @param options Which of the possible sizes the output has, `outputSize`.
   * @returns The output's shape, batched as the input's is.
   * @throws {TypeError} If it is not an array of numbers or an option unknown.
   * @throws {RangeError} If it does not fit the layer.
   */
  override outputShape(
    inputShape: readonly number[],
    options?: OutputSizeOptions,
  ): readonly number[] {
    return super.outputShape(inputShape, options);
  }
}
