import { checkOptionNames } from "../base/checks.ts";
import type { PaddingMode } from "../convolution/geometry.ts";
import type { Padding, Size } from "../convolution/settings.ts";
import { resolveSettings } from "../convolution/settings.ts";
import type { AnyTensor, Tensor } from "../tensor/tensor.ts";
import { ACTIVATION_OPTION_NAMES } from "./activation.ts";
import type { ForwardOptions, LayerOptions } from "./layer.ts";
import { FORWARD_OPTION_NAMES, Layer } from "./layer.ts";

/** Options of {@linkcode Conv1d}, {@linkcode Conv2d} and {@linkcode Conv3d}. */
export interface ConvOptions extends LayerOptions {
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
}

const OPTION_NAMES: readonly (keyof ConvOptions)[] = [
  "stride",
  "padding",
  "dilation",
  "groups",
  "bias",
  ...ACTIVATION_OPTION_NAMES,
  "paddingMode",
  "algorithm",
  "seed",
  "engine",
];

/**
 * What {@linkcode Conv1d}, {@linkcode Conv2d} and {@linkcode Conv3d} have in common. Every output is
 *
 * `bias + sum over channels c and taps k of weight[c, k] * padded[c, position * stride + k * dilation]`,
 *
 * and its size on each spatial axis is
 *
 * `floor((in + pads - dilation * (k - 1) - 1) / stride) + 1`.
 */
export abstract class Conv extends Layer {
  readonly #name: string;
  readonly #paddingMode: PaddingMode;

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
    const subject = {
      name: `Conv${rank}d`,
      transposed: false,
      rank,
      inChannels,
      outChannels,
      kernelSize,
    };
    const settings = resolveSettings(subject, options, OPTION_NAMES);
    super(settings, options);
    this.#name = settings.name;
    this.#paddingMode = settings.paddingMode;
  }

  /** What the padding holds. */
  get paddingMode(): PaddingMode {
    return this.#paddingMode;
  }

  /**
   * Computes the output for an input. The event loop is left free while workers compute, and several
   * calls may be in flight. The values are read before the call returns its promise, so that the input
   * and the parameters may be changed at once.
   *
   * @param input `(N, C, ...)` or, for one item, `(C, ...)`. It is not changed.
   * @param options What is added to the output, and where it goes.
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If the input is not a tensor (the promise is rejected).
   * @throws {RangeError} If its shape does not fit the layer (the promise is rejected).
   */
  override async forward<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options: ForwardOptions<Buffer> = {},
  ): Promise<Tensor<Buffer>> {
    checkOptionNames(this.#name, options, FORWARD_OPTION_NAMES);
    return await this.compute(input, options);
  }

  /**
   * Computes the output for an input and returns it, the calling thread computing with the workers.
   *
   * @param input `(N, C, ...)` or, for one item, `(C, ...)`. It is not changed.
   * @param options What is added to the output, and where it goes.
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If the input is not a tensor.
   * @throws {RangeError} If its shape does not fit the layer.
   */
  override forwardSync<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options: ForwardOptions<Buffer> = {},
  ): Tensor<Buffer> {
    checkOptionNames(this.#name, options, FORWARD_OPTION_NAMES);
    return this.computeSync(input, options);
  }

  /**
   * The shape of the output for an input's shape, without computing anything.
   *
   * @param inputShape `(N, C, ...)` or, for one item, `(C, ...)`.
   * @returns The output's shape, batched as the input's is.
   * @throws {TypeError} If it is not an array of numbers.
   * @throws {RangeError} If it does not fit the layer.
   */
  override outputShape(inputShape: readonly number[]): readonly number[] {
    return this.computeShape(inputShape, undefined);
  }
}

/**
 * A 1-D convolution over signals and sequences: `(N, C, L)` or `(C, L)` in, the same kind out.
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
   * Builds the layer with random weights.
   *
   * @param inChannels The channels of the input.
   * @param outChannels The channels of the output.
   * @param kernelSize The kernel's size.
   * @param options Everything else.
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
}

/**
 * A 2-D convolution over images: `(N, C, H, W)` or `(C, H, W)` in, the same kind out.
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
   * Builds the layer with random weights.
   *
   * @param inChannels The channels of the input.
   * @param outChannels The channels of the output.
   * @param kernelSize The kernel's size, `[height, width]` or one number for all axes.
   * @param options Everything else.
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
}

/**
 * A 3-D convolution over volumes and videos: `(N, C, D, H, W)` or `(C, D, H, W)` in, the same kind out.
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
   * Builds the layer with random weights.
   *
   * @param inChannels The channels of the input.
   * @param outChannels The channels of the output.
   * @param kernelSize The kernel's size, `[depth, height, width]` or one number for all axes.
   * @param options Everything else.
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
}
