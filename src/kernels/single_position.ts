/**
 * Transposed convolutions of an input with a single position, such as the first layer of a GAN's
 * generator: every tap gives an output of its own, so taps are as good as output channels, and the
 * convolution is a matrix. Seen otherwise, each output would multiply the padding around the position by
 * all taps but one.
 *
 * Milliseconds of one thread, taken by stride phases and so:
 *
 * | transposed 4x4 | AVX-512 | WebAssembly |
 * | --- | --- | --- |
 * | 100>512 | 0.294, 0.091 | 0.272, 0.220 |
 * | 128>1024, batch of 16 | 10.5, 2.5 | 13.1, 9.2 |
 *
 * @module
 */

import type { Geometry, Triple } from "../convolution/geometry.ts";
import { product } from "../base/numbers.ts";

/** The same convolution with a kernel of one tap; its arrays lie in memory as before. */
export interface SinglePosition {
  readonly geometry: Geometry;
  /** How many output channels side by side have the same bias. */
  readonly biasCopies: number;
}

/** Copies biases, each so often. */
export function copyBiases(target: Float32Array, biases: Float32Array, copies: number): void {
  if (copies === 1) return target.set(biases);
  biases.forEach((bias, c) => target.fill(bias, c * copies, (c + 1) * copies));
}

/** Takes taps for output channels; `null` where they are not. */
export function singlePosition(g: Geometry): SinglePosition | null {
  const taps = product(g.kernel);
  if (!g.transposed || taps === 1) return null;
  const isSingle = g.input.every((size, axis) =>
    size === 1 && g.padBegin[axis] === 0 && g.output[axis] === g.kernel[axis] &&
    (g.kernel[axis] === 1 || g.dilation[axis] === 1)
  );
  if (!isSingle) return null;
  const ones: Triple = [1, 1, 1];
  const zeros: Triple = [0, 0, 0];
  return {
    geometry: {
      ...g,
      outChannels: g.outChannels * taps,
      output: ones,
      kernel: ones,
      stride: ones,
      dilation: ones,
      padBegin: zeros,
      padEnd: zeros,
    },
    biasCopies: taps,
  };
}
