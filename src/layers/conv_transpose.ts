import { checkOptionNames } from "../base/checks.ts";
import type { Padding, Size } from "../convolution/settings.ts";
import { resolveSettings } from "../convolution/settings.ts";
import type { AnyTensor, Tensor } from "../tensor/tensor.ts";
import { ACTIVATION_OPTION_NAMES } from "./activation.ts";
import type { ForwardOptions, LayerOptions } from "./layer.ts";
import { FORWARD_OPTION_NAMES, Layer } from "./layer.ts";

/** Options of {@linkcode ConvTranspose1d}, {@linkcode ConvTranspose2d} and {@linkcode ConvTranspose3d}. */
export interface ConvTransposeOptions extends LayerOptions {
  /** How far apart the kernels of neighbouring inputs lie in the output. Default 1. */
  readonly stride?: Size;
  /** What is cut off the full result's borders. Default 0. */
  readonly padding?: Padding;
  /** What is added to the output's end, less than stride or dilation. Default 0. */
  readonly outputPadding?: Size;
  /** The distance of the kernel's taps. Default 1. */
  readonly dilation?: Size;
  /** Into how many groups the channels are split, each convolved by itself. Default 1. */
  readonly groups?: number;
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

const TRANSPOSE_FORWARD_OPTION_NAMES: readonly (keyof ConvTransposeForwardOptions)[] = [
  ...FORWARD_OPTION_NAMES,
  "outputSize",
];

const OPTION_NAMES: readonly (keyof ConvTransposeOptions)[] = [
  "stride",
  "padding",
  "outputPadding",
  "dilation",
  "groups",
  "bias",
  ...ACTIVATION_OPTION_NAMES,
  "algorithm",
  "seed",
  "engine",
];

/**
 * What {@linkcode ConvTranspose1d}, {@linkcode ConvTranspose2d} and {@linkcode ConvTranspose3d} have in
 * common: the gradient of a convolution as a layer of its own, which undoes what a convolution with the
 * same options does to the sizes. Every input adds its value times the kernel to the output,
 *
 * `output[position * stride + k * dilation - padding] += weight[k] * input[position]`,
 *
 * whose size on each spatial axis is
 *
 * `(in - 1) * stride - pads + dilation * (k - 1) + outputPadding + 1`.
 */
export abstract class ConvTranspose extends Layer {
  readonly #name: string;
  readonly #outputPadding: readonly number[];

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
    const subject = {
      name: `ConvTranspose${rank}d`,
      transposed: true,
      rank,
      inChannels,
      outChannels,
      kernelSize,
    };
    const settings = resolveSettings(subject, options, OPTION_NAMES);
    super(settings, options);
    this.#name = settings.name;
    this.#outputPadding = settings.outputPadding;
  }

  /** What is added to the output's end, one number per spatial axis. */
  get outputPadding(): readonly number[] {
    return this.#outputPadding;
  }

  /**
   * Computes the output for an input. The event loop is left free while workers compute, and several
   * calls may be in flight. The values are read before the call returns its promise, so that the input
   * and the parameters may be changed at once.
   *
   * @param input `(N, C, ...)` or, for one item, `(C, ...)`. It is not changed.
   * @param options What is added to the output, where it goes, and its size, where more than one is possible.
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If the input is not a tensor (the promise is rejected).
   * @throws {RangeError} If the shapes do not fit the layer (the promise is rejected).
   */
  override async forward<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options: ConvTransposeForwardOptions<Buffer> = {},
  ): Promise<Tensor<Buffer>> {
    checkOptionNames(this.#name, options, TRANSPOSE_FORWARD_OPTION_NAMES);
    return await this.compute(input, options, options.outputSize);
  }

  /**
   * Computes the output for an input and returns it, the calling thread computing with the workers.
   *
   * @param input `(N, C, ...)` or, for one item, `(C, ...)`. It is not changed.
   * @param options What is added to the output, where it goes, and its size, where more than one is possible.
   * @returns The output, batched as the input is: a new tensor unless `out` says otherwise.
   * @throws {TypeError} If the input is not a tensor.
   * @throws {RangeError} If the shapes do not fit the layer.
   */
  override forwardSync<Buffer extends ArrayBufferLike = ArrayBuffer>(
    input: AnyTensor,
    options: ConvTransposeForwardOptions<Buffer> = {},
  ): Tensor<Buffer> {
    checkOptionNames(this.#name, options, TRANSPOSE_FORWARD_OPTION_NAMES);
    return this.computeSync(input, options, options.outputSize);
  }

  /**
   * The shape of the output for an input's shape, without computing anything.
   *
   * @param inputShape `(N, C, ...)` or, for one item, `(C, ...)`.
   * @param options The output's size, where more than one is possible.
   * @returns The output's shape, batched as the input's is.
   * @throws {TypeError} If it is not an array of numbers.
   * @throws {RangeError} If it does not fit the layer.
   */
  override outputShape(
    inputShape: readonly number[],
    options: OutputSizeOptions = {},
  ): readonly number[] {
    checkOptionNames(this.#name, options, ["outputSize"]);
    return this.computeShape(inputShape, options.outputSize);
  }
}

/**
 * A 1-D transposed convolution over signals and sequences: `(N, C, L)` or `(C, L)` in, the same kind out.
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
    options: ConvTransposeOptions = {},
  ) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * A 2-D transposed convolution over images: `(N, C, H, W)` or `(C, H, W)` in, the same kind out.
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
    options: ConvTransposeOptions = {},
  ) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * A 3-D transposed convolution over volumes and videos: `(N, C, D, H, W)` or `(C, D, H, W)` in, the same kind out.
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
    options: ConvTransposeOptions = {},
  ) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
}
