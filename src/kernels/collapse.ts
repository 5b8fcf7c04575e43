/**
 * Fewer, longer axes for the same convolution.
 *
 * @module
 */

import type { Geometry, Triple } from "../convolution/geometry.ts";

/**
 * Merges and drops axes that the kernel does not look along, so that the innermost axis is as long as
 * it can be: a 1x1 convolution becomes one row of pixels, a last axis of size one makes room for the
 * axis before it. The arrays stay as they are; the result computes the same sums in the same order.
 */
export function collapse(geometry: Geometry): Geometry {
  let current = geometry;
  for (;;) {
    const next = dropUnitWidth(current) ?? mergeWidth(current);
    if (next === null) return current;
    current = next;
  }
}

const DEPTH = 0;
const HEIGHT = 1;
const WIDTH = 2;

/** What a size becomes when the axes move one place to the right. */
function shifted(sizes: Triple, width: number, first: number): Triple {
  return [first, sizes[DEPTH], width];
}

function dropUnitWidth(g: Geometry): Geometry | null {
  const unit = g.input[WIDTH] === 1 && g.output[WIDTH] === 1 && isTrivial(g, WIDTH);
  const others = g.input[DEPTH] * g.input[HEIGHT] * g.output[DEPTH] * g.output[HEIGHT];
  if (!unit || others === 1) return null;
  return shiftAxes(g, (sizes) => sizes[HEIGHT]);
}

/** The height becomes the width where the width is a plain inner dimension of every element. */
function mergeWidth(g: Geometry): Geometry | null {
  const [, inHeight, inWidth] = g.input;
  const plainHeight = g.stride[HEIGHT] === 1 &&
    (g.paddingMode === "zeros" || (g.padBegin[HEIGHT] === 0 && g.padEnd[HEIGHT] === 0));
  const rows = g.input[DEPTH] * inHeight * g.output[DEPTH] * g.output[HEIGHT];
  if (!isTrivial(g, WIDTH) || g.stride[WIDTH] !== 1 || !plainHeight || rows === 1) return null;
  const scaled = (sizes: Triple) => sizes[HEIGHT] * inWidth;
  const merged = shiftAxes(g, (sizes) => sizes[HEIGHT]);
  return {
    ...merged,
    input: shifted(g.input, scaled(g.input), 1),
    output: shifted(g.output, scaled(g.output), 1),
    dilation: shifted(g.dilation, g.kernel[HEIGHT] === 1 ? 1 : scaled(g.dilation), 1),
    padBegin: shifted(g.padBegin, scaled(g.padBegin), 0),
    padEnd: shifted(g.padEnd, scaled(g.padEnd), 0),
  };
}

/** The depth becomes the height; `width` tells what becomes the width. */
function shiftAxes(g: Geometry, width: (sizes: Triple) => number): Geometry {
  const shift = (sizes: Triple, first: number) => shifted(sizes, width(sizes), first);
  return {
    ...g,
    input: shift(g.input, 1),
    output: shift(g.output, 1),
    kernel: shift(g.kernel, 1),
    stride: shift(g.stride, 1),
    dilation: shift(g.dilation, 1),
    padBegin: shift(g.padBegin, 0),
    padEnd: shift(g.padEnd, 0),
  };
}

/** Whether the kernel sees one element along an axis, and no padding. */
function isTrivial(g: Geometry, axis: 0 | 1 | 2): boolean {
  return g.kernel[axis] === 1 && g.padBegin[axis] === 0 && g.padEnd[axis] === 0 &&
    (g.stride[axis] !== 1 || g.input[axis] === g.output[axis]);
}
