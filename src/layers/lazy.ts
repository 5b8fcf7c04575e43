/**
 * The six layers, built without their input channels: those of the first input are taken.
 *
 * @module
 */

import type { Size } from "../convolution/settings.ts";
import { Conv1d, Conv2d, Conv3d } from "./conv.ts";
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from "./conv_transpose.ts";
import type { ConvOptions, ConvTransposeOptions } from "./options.ts";

/** What takes the place of the input channels, and is not looked at. */
const LATER = 0;

/**
 * A {@linkcode Conv1d} that takes its input channels from its first input, `(N, C, L)` or `(C, L)`.
 *
 * Until then `inChannels` is 0, and `weight` and `bias` have no shape and no values: to read them is a
 * `TypeError`, but an optimizer takes them already. The channels are those of the first input that `forward()`
 * accepts, of the first shape that `outputShape()` or `explain()` does, or of the first weight that is loaded;
 * what is refused fixes nothing. From then on the layer is in everything what `new Conv1d(inChannels, ...)`
 * with the same options is, its values for the same `seed` included.
 *
 * @example
 * ```ts
 * import { LazyConv1d, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new LazyConv1d(33, 3, { stride: 2 });
 * const y = await layer.forward(Tensor.randn([20, 16, 50]));
 * assertEquals(y.shape, [20, 33, 24]);
 * assertEquals(layer.weight.shape, [33, 16, 3]);
 * ```
 */
export class LazyConv1d extends Conv1d {
  /**
   * Builds the layer without its parameters.
   *
   * @param outChannels The channels of the output.
   * @param kernelSize The kernel's size.
   * @param options Everything else, see {@linkcode Conv1d}.
   * @throws {TypeError} If an option is unknown or of the wrong kind.
   * @throws {RangeError} If a value is out of range.
   */
  constructor(outChannels: number, kernelSize: Size, options: ConvOptions = {}) {
    super(LATER, outChannels, kernelSize, options);
  }

  /** @internal */
  protected override get isLazy(): boolean {
    return true;
  }
}

/**
 * A {@linkcode Conv2d} that takes its input channels from its first input, `(N, C, H, W)` or `(C, H, W)`.
 *
 * Until then `inChannels` is 0, and `weight` and `bias` have no shape and no values: to read them is a
 * `TypeError`, but an optimizer takes them already. The channels are those of the first input that `forward()`
 * accepts, of the first shape that `outputShape()` or `explain()` does, or of the first weight that is loaded;
 * what is refused fixes nothing. From then on the layer is in everything what `new Conv2d(inChannels, ...)`
 * with the same options is, its values for the same `seed` included.
 *
 * @example
 * ```ts
 * import { LazyConv2d } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const layers = [new LazyConv2d(8, 3, { stride: 2, padding: 1 }), new LazyConv2d(16, 3)];
 * let shape: readonly number[] = [1, 3, 32, 32];
 * for (const layer of layers) shape = layer.outputShape(shape);
 * assertEquals(layers.map(({ inChannels }) => inChannels), [3, 8]);
 * ```
 */
export class LazyConv2d extends Conv2d {
  /**
   * Builds the layer without its parameters.
   *
   * @param outChannels The channels of the output.
   * @param kernelSize The kernel's size, `[height, width]` or one number for all axes.
   * @param options Everything else, see {@linkcode Conv2d}.
   * @throws {TypeError} If an option is unknown or of the wrong kind.
   * @throws {RangeError} If a value is out of range.
   */
  constructor(outChannels: number, kernelSize: Size, options: ConvOptions = {}) {
    super(LATER, outChannels, kernelSize, options);
  }

  /** @internal */
  protected override get isLazy(): boolean {
    return true;
  }
}

/**
 * A {@linkcode Conv3d} that takes its input channels from its first input, `(N, C, D, H, W)` or `(C, D, H, W)`.
 *
 * Until then `inChannels` is 0, and `weight` and `bias` have no shape and no values: to read them is a
 * `TypeError`, but an optimizer takes them already. The channels are those of the first input that `forward()`
 * accepts, of the first shape that `outputShape()` or `explain()` does, or of the first weight that is loaded;
 * what is refused fixes nothing. From then on the layer is in everything what `new Conv3d(inChannels, ...)`
 * with the same options is, its values for the same `seed` included.
 *
 * @example
 * ```ts
 * import { LazyConv3d } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new LazyConv3d(33, [3, 5, 2], { stride: [2, 1, 1], padding: [4, 2, 0] });
 * assertEquals(layer.outputShape([20, 16, 10, 50, 100]), [20, 33, 8, 50, 99]);
 * assertEquals(layer.weight.shape, [33, 16, 3, 5, 2]);
 * ```
 */
export class LazyConv3d extends Conv3d {
  /**
   * Builds the layer without its parameters.
   *
   * @param outChannels The channels of the output.
   * @param kernelSize The kernel's size, `[depth, height, width]` or one number for all axes.
   * @param options Everything else, see {@linkcode Conv3d}.
   * @throws {TypeError} If an option is unknown or of the wrong kind.
   * @throws {RangeError} If a value is out of range.
   */
  constructor(outChannels: number, kernelSize: Size, options: ConvOptions = {}) {
    super(LATER, outChannels, kernelSize, options);
  }

  /** @internal */
  protected override get isLazy(): boolean {
    return true;
  }
}

/**
 * A {@linkcode ConvTranspose1d} that takes its input channels from its first input, `(N, C, L)` or `(C, L)`.
 *
 * Until then `inChannels` is 0, and `weight` and `bias` have no shape and no values: to read them is a
 * `TypeError`, but an optimizer takes them already. The channels are those of the first input that `forward()`
 * accepts, of the first shape that `outputShape()` or `explain()` does, or of the first weight that is loaded;
 * what is refused fixes nothing. From then on the layer is in everything what `new ConvTranspose1d(inChannels,
 * ...)` with the same options is, its values for the same `seed` included.
 *
 * @example
 * ```ts
 * import { LazyConvTranspose1d, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new LazyConvTranspose1d(4, 3, { stride: 2 });
 * const y = await layer.forward(Tensor.randn([1, 6, 12]));
 * assertEquals(y.shape, [1, 4, 25]);
 * assertEquals(layer.weight.shape, [6, 4, 3]);
 * ```
 */
export class LazyConvTranspose1d extends ConvTranspose1d {
  /**
   * Builds the layer without its parameters.
   *
   * @param outChannels The channels of the output.
   * @param kernelSize The kernel's size.
   * @param options Everything else, see {@linkcode ConvTranspose1d}.
   * @throws {TypeError} If an option is unknown or of the wrong kind.
   * @throws {RangeError} If a value is out of range.
   */
  constructor(outChannels: number, kernelSize: Size, options: ConvTransposeOptions = {}) {
    super(LATER, outChannels, kernelSize, options);
  }

  /** @internal */
  protected override get isLazy(): boolean {
    return true;
  }
}

/**
 * A {@linkcode ConvTranspose2d} that takes its input channels from its first input, `(N, C, H, W)` or `(C, H,
 * W)`.
 *
 * Until then `inChannels` is 0, and `weight` and `bias` have no shape and no values: to read them is a
 * `TypeError`, but an optimizer takes them already. The channels are those of the first input that `forward()`
 * accepts, of the first shape that `outputShape()` or `explain()` does, or of the first weight that is loaded;
 * what is refused fixes nothing. From then on the layer is in everything what `new ConvTranspose2d(inChannels,
 * ...)` with the same options is, its values for the same `seed` included.
 *
 * @example
 * ```ts
 * import { ConvTranspose2d, LazyConvTranspose2d } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const trained = new ConvTranspose2d(16, 8, 4, { stride: 2, padding: 1 });
 * const layer = new LazyConvTranspose2d(8, 4, { stride: 2, padding: 1 });
 * layer.loadStateDict(trained.stateDict());
 * assertEquals(layer.inChannels, 16);
 * ```
 */
export class LazyConvTranspose2d extends ConvTranspose2d {
  /**
   * Builds the layer without its parameters.
   *
   * @param outChannels The channels of the output.
   * @param kernelSize The kernel's size, `[height, width]` or one number for all axes.
   * @param options Everything else, see {@linkcode ConvTranspose2d}.
   * @throws {TypeError} If an option is unknown or of the wrong kind.
   * @throws {RangeError} If a value is out of range.
   */
  constructor(outChannels: number, kernelSize: Size, options: ConvTransposeOptions = {}) {
    super(LATER, outChannels, kernelSize, options);
  }

  /** @internal */
  protected override get isLazy(): boolean {
    return true;
  }
}

/**
 * A {@linkcode ConvTranspose3d} that takes its input channels from its first input, `(N, C, D, H, W)` or `(C,
 * D, H, W)`.
 *
 * Until then `inChannels` is 0, and `weight` and `bias` have no shape and no values: to read them is a
 * `TypeError`, but an optimizer takes them already. The channels are those of the first input that `forward()`
 * accepts, of the first shape that `outputShape()` or `explain()` does, or of the first weight that is loaded;
 * what is refused fixes nothing. From then on the layer is in everything what `new ConvTranspose3d(inChannels,
 * ...)` with the same options is, its values for the same `seed` included.
 *
 * @example
 * ```ts
 * import { LazyConvTranspose3d } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new LazyConvTranspose3d(6, [3, 5, 2], { stride: [2, 1, 1], padding: [0, 4, 2] });
 * assertEquals(layer.outputShape([1, 4, 10, 20, 30]), [1, 6, 21, 16, 27]);
 * assertEquals(layer.weight.shape, [4, 6, 3, 5, 2]);
 * ```
 */
export class LazyConvTranspose3d extends ConvTranspose3d {
  /**
   * Builds the layer without its parameters.
   *
   * @param outChannels The channels of the output.
   * @param kernelSize The kernel's size, `[depth, height, width]` or one number for all axes.
   * @param options Everything else, see {@linkcode ConvTranspose3d}.
   * @throws {TypeError} If an option is unknown or of the wrong kind.
   * @throws {RangeError} If a value is out of range.
   */
  constructor(outChannels: number, kernelSize: Size, options: ConvTransposeOptions = {}) {
    super(LATER, outChannels, kernelSize, options);
  }

  /** @internal */
  protected override get isLazy(): boolean {
    return true;
  }
}
