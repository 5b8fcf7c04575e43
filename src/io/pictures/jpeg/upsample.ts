/**
 * Brings the components of a picture to its size. Where a component has half the samples, those between are found on
 * the line between their neighbours, as the usual decoder does it; its roundings alternate, so that nothing drifts.
 *
 * @module
 */

import type { Component, Frame } from "./frame.ts";
import type { Samples } from "./transform.ts";

/** A component as large as the picture, row by row. */
export function upsample(frame: Frame, component: Component, samples: Samples): Uint8Array {
  const across = frame.mostAcross / component.across;
  const down = frame.mostDown / component.down;
  const { width, height } = frame;
  const result = new Uint8Array(width * height);
  const row = rowMaker(component, samples, across, down);
  for (let y = 0; y < height; y++) row(y, result.subarray(y * width, (y + 1) * width));
  return result;
}

/** Makes a row of the picture. */
type MakeRow = (y: number, target: Uint8Array) => void;

function rowMaker(component: Component, samples: Samples, across: number, down: number): MakeRow {
  const { width, height } = component;
  const source = (row: number) => {
    // Beyond the edge the last row goes on.
    const at = Math.min(Math.max(row, 0), height - 1) * samples.stride;
    return samples.data.subarray(at, at + width);
  };
  // Rows of two samples are too short to look for neighbours.
  const isSmooth = across === 2 && width > 2;
  if (isSmooth && down === 1) return (y, target) => doubleAcross(source(y), target, 1, 1, 2);
  if (!(down === 2 && (isSmooth || across === 1))) {
    return (y, target) => repeat(source(Math.floor(y / down)), target, across);
  }
  const sums = new Uint16Array(width);
  return (y, target) => {
    const near = source(y >> 1);
    const far = source((y >> 1) + (y % 2 === 0 ? -1 : 1));
    for (let x = 0; x < width; x++) sums[x] = 3 * (near[x] ?? 0) + (far[x] ?? 0);
    if (isSmooth) doubleAcross(sums, target, 4, 8, 7);
    else for (let x = 0; x < target.length; x++) target[x] = (sums[x] ?? 0) + 1 + y % 2 >> 2;
  };
}

function repeat(source: Uint8Array, target: Uint8Array, times: number): void {
  if (times === 1) return target.set(source.subarray(0, target.length));
  for (let x = 0; x < target.length; x++) target[x] = source[Math.floor(x / times)] ?? 0;
}

/**
 * Twice as many samples: each three parts of the nearest and one of the next. At the ends there is no next one.
 *
 * @param weight What the samples were multiplied by before.
 * @param left Added before the samples to the left are rounded down, and to the right.
 */
function doubleAcross(
  source: Uint8Array | Uint16Array,
  target: Uint8Array,
  weight: 1 | 4,
  left: number,
  right: number,
): void {
  const shift = weight === 1 ? 2 : 4;
  const last = source.length - 1;
  for (let x = 0; x < target.length; x++) {
    const index = x >> 1;
    const near = source[index] ?? 0;
    const isLeft = x % 2 === 0;
    const other = isLeft ? Math.max(index - 1, 0) : Math.min(index + 1, last);
    target[x] = 3 * near + (source[other] ?? 0) + (isLeft ? left : right) >> shift;
  }
}
