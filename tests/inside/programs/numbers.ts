/**
 * What the programs compute: sums of small whole numbers, which are exact in whichever order they are added.
 *
 * @module
 */

import { Conv2d, type Engine, Tensor } from "../../../mod.ts";

/** Shape of an input. */
export const INPUT = [2, 8, 30, 30] as const;

/** Whole numbers from -5 to 5, others for each seed. */
export function wholeNumbers(shape: readonly number[], seed: number): Tensor {
  const length = shape.reduce((product, size) => product * size, 1);
  const data = Float32Array.from({ length }, (_, index) => (index * 7 + seed * 13) % 11 - 5);
  return new Tensor(data, shape);
}

/** The layer of all programs, by sums of products alone. */
export function wholeNumberLayer(engine: Engine): Conv2d {
  const layer = new Conv2d(8, 16, 3, { padding: 1, bias: false, algorithm: "direct", engine });
  layer.weight.data.set(wholeNumbers(layer.weight.shape, 3).data);
  return layer;
}

/** Whether two arrays are equal, element by element. */
export function areEqual(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
