/**
 * Elements that are reached by steps along axes.
 *
 * @module
 */

import { range } from "../../base/numbers.ts";
import { jointAxes, rowMajorSteps as stepsOf } from "../../kernels/maps/axes.ts";
import type { Numbers } from "./values.ts";

export { stepsOf };

/** The shape that values of some shapes are repeated to, or `null` if they do not fit together. */
export function broadcastShape(shapes: readonly (readonly number[])[]): number[] | null {
  const rank = Math.max(...shapes.map(({ length }) => length));
  const sizes = range(rank).map(() => 1);
  for (const shape of shapes) {
    for (const [i, size] of shape.entries()) {
      const axis = rank - shape.length + i;
      if (size === 1) continue;
      if (sizes[axis] !== 1 && sizes[axis] !== size) return null;
      sizes[axis] = size;
    }
  }
  return sizes;
}

/** The steps of a tensor that is repeated to a shape: none along the axes that it has one element of. */
export function broadcastSteps(shape: readonly number[], to: readonly number[]): number[] {
  const missing = to.length - shape.length;
  const steps = stepsOf(shape);
  return to.map((_, axis) => (shape[axis - missing] ?? 1) === 1 ? 0 : steps[axis - missing] ?? 0);
}

/** Elements at equal steps along each axis. */
export interface Walk {
  readonly start: number;
  readonly steps: readonly number[];
}

/** A loop over the rows of some tensors that are walked through together. */
export interface RowLoop {
  readonly count: number;
  /** From one element to the next in a row, of each. */
  readonly steps: readonly number[];
  /** Is told where each row begins, of each. */
  readonly eachRow: (row: (starts: readonly number[]) => void) => void;
}

/**
 * Walks through tensors together, row by row; axes that can be are walked as one.
 *
 * @param shape How many elements along each axis.
 */
export function rowLoop(shape: readonly number[], walks: readonly Walk[]): RowLoop {
  const axes = jointAxes(shape, walks.map(({ steps }) => steps));
  const inner = axes.at(-1);
  const outer = axes.slice(0, -1);
  const eachRow = (row: (starts: readonly number[]) => void) => {
    const starts = walks.map(({ start }) => start);
    if (shape.includes(0)) return;
    const visit = (axis: number) => {
      const at = outer[axis];
      if (at === undefined) return row(starts);
      for (let i = 0; i < at.count; i++) {
        visit(axis + 1);
        at.steps.forEach((step, w) => starts[w] = (starts[w] ?? 0) + step);
      }
      at.steps.forEach((step, w) => starts[w] = (starts[w] ?? 0) - at.count * step);
    };
    visit(0);
  };
  return { count: inner?.count ?? 1, steps: inner?.steps ?? walks.map(() => 0), eachRow };
}

/** Copies elements. */
export function copyWalk(
  shape: readonly number[],
  source: Numbers,
  from: Walk,
  target: Numbers,
  to: Walk,
): void {
  const { count, steps: [step = 0, toStep = 0], eachRow } = rowLoop(shape, [from, to]);
  eachRow(([start = 0, toStart = 0]) => {
    if (step === 1 && toStep === 1) target.set(source.subarray(start, start + count), toStart);
    else if (step === 0 && toStep === 1) target.fill(source[start] ?? 0, toStart, toStart + count);
    else {
      for (let i = 0; i < count; i++) target[toStart + i * toStep] = source[start + i * step] ?? 0;
    }
  });
}

/** Where the elements along an axis come from: an index each, -1 for none. */
export type AxisSource = Int32Array;

/** Every index once. */
export function allOf(size: number): AxisSource {
  return indices(size, (i) => i);
}

/** So many indices, each by its place. */
export function indices(count: number, indexOf: (i: number) => number): AxisSource {
  // Not from a list: there may be very many.
  const result = new Int32Array(count);
  for (let i = 0; i < count; i++) result[i] = indexOf(i);
  return result;
}

/**
 * Copies elements that are chosen along each axis by itself.
 *
 * @param sources For each axis the indices that are taken, in their order.
 * @param filling What stands where there is none.
 */
export function gather(
  source: Numbers,
  shape: readonly number[],
  sources: readonly AxisSource[],
  target: Numbers,
  filling: number,
): void {
  const steps = stepsOf(shape);
  const inner = sources.at(-1) ?? allOf(1);
  let to = 0;
  const visit = (axis: number, start: number, isThere: boolean) => {
    if (axis < sources.length - 1) {
      for (const index of sources[axis] ?? []) {
        visit(axis + 1, start + index * (steps[axis] ?? 0), isThere && index >= 0);
      }
      return;
    }
    if (isThere) {
      for (let i = 0; i < inner.length; i++) {
        const index = inner[i] ?? -1;
        target[to + i] = index < 0 ? filling : source[start + index] ?? 0;
      }
    } else target.fill(filling, to, to + inner.length);
    to += inner.length;
  };
  visit(0, 0, true);
}
