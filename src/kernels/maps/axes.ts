/**
 * Axes along which operands are walked through together.
 *
 * @module
 */

import { product } from "../../base/numbers.ts";

/** An axis: how many elements, and from one to the next in each operand. */
export interface JointAxis {
  readonly count: number;
  readonly steps: readonly number[];
}

/** The axes of more than one element; those through which all operands walk as through one are one. */
export function jointAxes(
  shape: readonly number[],
  operands: readonly (readonly number[])[],
): JointAxis[] {
  const axes: JointAxis[] = [];
  for (const [i, count] of shape.entries()) {
    if (count === 1) continue;
    const steps = operands.map((steps) => steps[i] ?? 0);
    const last = axes.at(-1);
    if (last?.steps.every((step, w) => step === count * (steps[w] ?? 0))) {
      axes[axes.length - 1] = { count: last.count * count, steps };
    } else axes.push({ count, steps });
  }
  return axes;
}

/** From one element to the next along each axis of a row-major tensor. */
export function rowMajorSteps(shape: readonly number[]): number[] {
  return shape.map((_, axis) => product(shape.slice(axis + 1)));
}
