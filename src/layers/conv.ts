import type { PaddingMode } from "../convolution/geometry.ts";
import type { Size } from "../convolution/settings.ts";
import type { AnyTensor, Tensor } from "../tensor/tensor.ts";
import { Layer, settingsOf } from "./layer.ts";
import { CONV_NAMES, type ConvOptions, type ForwardOptions } from "./options.ts";

/** What {@linkcode Conv1d}, {@linkcode Conv2d} and {@linkcode Conv3d} have in common. */
export abstract class Conv extends Layer {
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
    options: ConvOptions,
  ) {
    const kind = { name: `Conv${rank}d`, transposed: false, rank };
    super({ ...kind, inChannels, outChannels, kernelSize }, options, CONV_NAMES);
  }

  /** What the padding holds. */
  get paddingMode(): PaddingMode {
    return settingsOf(this).paddingMode;
  }
}

/**
 * A 1-D convolution over signals and sequences: `(N, C, L)` or `(C, L)` in, the same kind out. An output is
 *
 * ```text
 * out[n, o, x] = bias[o] + sum over c, k of
 *   weight[o, c, k] * padded[n, c, x * stride + k * dilation]
 * ```
 *
 * where `padded` is the padded input and `c` counts the input channels of the group of `o`. On each spatial
 * axis there are `floor((in + pads - dilation * (kernelSize - 1) - 1) / stride) + 1` outputs, `pads` being the
 * padding of both ends; with `"same"` there are `ceil(in / stride)`. The weight has the shape
 * `(outChannels, inChannels / groups, k)`. Parameters, state and `explain()`: see {@linkcode Layer}.
 *
 * | Option | Default | What it says |
 * | --- | --- | --- |
 * | `stride` | `1` | how far the kernel moves from one output to the next |
 * | `padding` | `0` | what is added around the input: sizes, `[begin, end]` pairs, `"valid"` or `"same"` |
 * | `paddingMode` | `"zeros"` | what that is: `"zeros"`, `"reflect"`, `"replicate"` or `"circular"` |
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
 * import { Conv1d, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new Conv1d(16, 33, 3, { stride: 2 });
 * const y = await layer.forward(Tensor.randn([20, 16, 50]));
 * assertEquals(y.shape, [20, 33, 24]);
 * ```
 */
export class Conv1d extends Conv {
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
    options: ConvOptions = {},
  ) {
    super(1, inChannels, outChannels, kernelSize, options);
  }

  /**
   * Computes the output for an input. The event loop is left free while workers compute, and several
   * calls may be in flight. The values are read before the call returns its promise, so that the input
   * and the parameters may be changed at once.
   *
   * @param input `(N, C, L)` or, for one signal, `(C, L)`. It is not changed.
   * @param options What is added to the output, `add`, and where it goes, `out`.
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If an operand is not a tensor or an option unknown (the promise is rejected).
   * @throws {RangeError} If a shape does not fit the layer, or the work not the engine's memory (the
   * promise is rejected).
   */
  override forward<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options?: ForwardOptions<Buffer>,
  ): Promise<Tensor<Buffer>> {
    return super.forward(input, options);
  }

  /**
   * Like {@linkcode Conv1d.forward}, but returns the output itself, the calling thread computing with the
   * workers.
   *
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If an operand is not a tensor or an option unknown.
   * @throws {RangeError} If a shape does not fit the layer, or the work not the engine's memory.
   */
  override forwardSync<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options?: ForwardOptions<Buffer>,
  ): Tensor<Buffer> {
    return super.forwardSync(input, options);
  }

  /**
   * The shape of the output for an input's shape, without computing anything.
   *
   * @param inputShape `(N, C, L)` or, for one signal, `(C, L)`.
   * @returns The output's shape, batched as the input's is.
   * @throws {TypeError} If it is not an array of numbers.
   * @throws {RangeError} If it does not fit the layer.
   */
  override outputShape(inputShape: readonly number[]): readonly number[] {
    return super.outputShape(inputShape);
  }
}

/**
 * A 2-D convolution over images: `(N, C, H, W)` or `(C, H, W)` in, the same kind out. An output is
 *
 * ```text
 * out[n, o, y, x] = bias[o] + sum over c, i, j of
 *   weight[o, c, i, j] * padded[n, c, y * stride[0] + i * dilation[0], x * stride[1] + j * dilation[1]]
 * ```
 *
 * where `padded` is the padded input and `c` counts the input channels of the group of `o`. On each spatial
 * axis there are `floor((in + pads - dilation * (kernelSize - 1) - 1) / stride) + 1` outputs, `pads` being the
 * padding of both ends; with `"same"` there are `ceil(in / stride)`. The weight has the shape
 * `(outChannels, inChannels / groups, kH, kW)`. Parameters, state and `explain()`: see {@linkcode Layer}.
 *
 * | Option | Default | What it says |
 * | --- | --- | --- |
 * | `stride` | `1` | how far the kernel moves from one output to the next |
 * | `padding` | `0` | what is added around the input: sizes, `[begin, end]` pairs, `"valid"` or `"same"` |
 * | `paddingMode` | `"zeros"` | what that is: `"zeros"`, `"reflect"`, `"replicate"` or `"circular"` |
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
 * import { Conv2d, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new Conv2d(16, 33, [3, 5], { stride: [2, 1], padding: [4, 2], dilation: [3, 1] });
 * const y = await layer.forward(Tensor.randn([2, 16, 50, 100]));
 * assertEquals(y.shape, [2, 33, 26, 100]);
 * ```
 */
export class Conv2d extends Conv {
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
    options: ConvOptions = {},
  ) {
    super(2, inChannels, outChannels, kernelSize, options);
  }

  /**
   * Computes the output for an input. The event loop is left free while workers compute, and several
   * calls may be in flight. The values are read before the call returns its promise, so that the input
   * and the parameters may be changed at once.
   *
   * @param input `(N, C, H, W)` or, for one image, `(C, H, W)`. It is not changed.
   * @param options What is added to the output, `add`, and where it goes, `out`.
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If an operand is not a tensor or an option unknown (the promise is rejected).
   * @throws {RangeError} If a shape does not fit the layer, or the work not the engine's memory (the
   * promise is rejected).
   */
  override forward<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options?: ForwardOptions<Buffer>,
  ): Promise<Tensor<Buffer>> {
    return super.forward(input, options);
  }

  /**
   * Like {@linkcode Conv2d.forward}, but returns the output itself, the calling thread computing with the
   * workers.
   *
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If an operand is not a tensor or an option unknown.
   * @throws {RangeError} If a shape does not fit the layer, or the work not the engine's memory.
   */
  override forwardSync<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options?: ForwardOptions<Buffer>,
  ): Tensor<Buffer> {
    return super.forwardSync(input, options);
  }

  /**
   * The shape of the output for an input's shape, without computing anything.
   *
   * @param inputShape `(N, C, H, W)` or, for one image, `(C, H, W)`.
   * @returns The output's shape, batched as the input's is.
   * @throws {TypeError} If it is not an array of numbers.
   * @throws {RangeError} If it does not fit the layer.
   */
  override outputShape(inputShape: readonly number[]): readonly number[] {
    return super.outputShape(inputShape);
  }
}

/**
 * A 3-D convolution over volumes and videos: `(N, C, D, H, W)` or `(C, D, H, W)` in, the same kind out. An output is
 *
 * ```text
 * out[n, o, z, y, x] = bias[o] + sum over c, h, i, j of
 *   weight[o, c, h, i, j] * padded[n, c, z * stride[0] + h * dilation[0],
 *     y * stride[1] + i * dilation[1], x * stride[2] + j * dilation[2]]
 * ```
 *
 * where `padded` is the padded input and `c` counts the input channels of the group of `o`. On each spatial
 * axis there are `floor((in + pads - dilation * (kernelSize - 1) - 1) / stride) + 1` outputs, `pads` being the
 * padding of both ends; with `"same"` there are `ceil(in / stride)`. The weight has the shape
 * `(outChannels, inChannels / groups, kD, kH, kW)`. Parameters, state and `explain()`: see {@linkcode Layer}.
 *
 * | Option | Default | What it says |
 * | --- | --- | --- |
 * | `stride` | `1` | how far the kernel moves from one output to the next |
 * | `padding` | `0` | what is added around the input: sizes, `[begin, end]` pairs, `"valid"` or `"same"` |
 * | `paddingMode` | `"zeros"` | what that is: `"zeros"`, `"reflect"`, `"replicate"` or `"circular"` |
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
 * import { Conv3d, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new Conv3d(16, 33, [3, 5, 2], { stride: [2, 1, 1], padding: [4, 2, 0] });
 * const y = await layer.forward(Tensor.randn([16, 10, 50, 100]));
 * assertEquals(y.shape, [33, 8, 50, 99]);
 * ```
 */
export class Conv3d extends Conv {
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
    options: ConvOptions = {},
  ) {
    super(3, inChannels, outChannels, kernelSize, options);
  }

  /**
   * Computes the output for an input. The event loop is left free while workers compute, and several
   * calls may be in flight. The values are read before the call returns its promise, so that the input
   * and the parameters may be changed at once.
   *
   * @param input `(N, C, D, H, W)` or, for one volume, `(C, D, H, W)`. It is not changed.
   * @param options What is added to the output, `add`, and where it goes, `out`.
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If an operand is not a tensor or an option unknown (the promise is rejected).
   * @throws {RangeError} If a shape does not fit the layer, or the work not the engine's memory (the
   * promise is rejected).
   */
  override forward<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options?: ForwardOptions<Buffer>,
  ): Promise<Tensor<Buffer>> {
    return super.forward(input, options);
  }

  /**
   * Like {@linkcode Conv3d.forward}, but returns the output itself, the calling thread computing with the
   * workers.
   *
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If an operand is not a tensor or an option unknown.
   * @throws {RangeError} If a shape does not fit the layer, or the work not the engine's memory.
   */
  override forwardSync<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options?: ForwardOptions<Buffer>,
  ): Tensor<Buffer> {
    return super.forwardSync(input, options);
  }

  /**
   * The shape of the output for an input's shape, without computing anything.
   *
   * @param inputShape `(N, C, D, H, W)` or, for one volume, `(C, D, H, W)`.
   * @returns The output's shape, batched as the input's is.
   * @throws {TypeError} If it is not an array of numbers.
   * @throws {RangeError} If it does not fit the layer.
   */
  override outputShape(inputShape: readonly number[]): readonly number[] {
    return super.outputShape(inputShape);
  }
}
