/**
 * Transposed convolutions without a stride as what they are: convolutions with the kernel mirrored, and its channels
 * exchanged.
 *
 * @module
 */

import type { Geometry, Triple } from "./geometry.ts";

const AXES = [0, 1, 2] as const;

/**
 * The convolution that computes the same; its weights lie as before, every tap in the place of its opposite.
 *
 * @param g A transposed convolution.
 * @returns `null` if it has a stride, or leaves out more of its result than a kernel reaches.
 */
export function mirrored(g: Geometry): Geometry | null {
  if (g.stride.some((stride) => stride > 1)) return null;
  const reach = AXES.map((axis) => (g.kernel[axis] - 1) * g.dilation[axis]);
  const [depth = 0, height = 0, width = 0] = AXES.map((axis) =>
    (reach[axis] ?? 0) - g.padBegin[axis]
  );
  const padBegin: Triple = [depth, height, width];
  if (padBegin.some((pad) => pad < 0)) return null;
  const end = (axis: 0 | 1 | 2) =>
    Math.max(0, g.output[axis] + (reach[axis] ?? 0) - padBegin[axis] - g.input[axis]);
  return { ...g, transposed: false, padBegin, padEnd: [end(0), end(1), end(2)] };
}
