/**
 * Copies between arrays whose elements lie anywhere.
 *
 * @module
 */

/** Where in an array the elements of a shape lie. */
export interface View<Data extends ArrayLike<number> = Float32Array> {
  readonly data: Data;
  /** How far apart neighbours along each axis are, in elements; negative where the axis runs backwards. */
  readonly strides: readonly number[];
  /** Where the first one is. */
  readonly offset: number;
}

/** The strides of elements that lie one after another, the last axis the fastest. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const size of shape.toReversed()) {
    strides.push(stride);
    stride *= size;
  }
  return strides.reverse();
}

/** The strides of elements that lie one after another, the first axis the fastest. */
export function columnMajorStrides(shape: readonly number[]): number[] {
  return rowMajorStrides(shape.toReversed()).reverse();
}

/** A view of all of an array. */
export function wholeView<Data extends ArrayLike<number>>(
  data: Data,
  shape: readonly number[],
): View<Data> {
  return { data, strides: rowMajorStrides(shape), offset: 0 };
}

interface Axis {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

/** Rows that are shorter are copied faster one by one. */
const LEAST_BLOCK = 16;

/**
 * Copies the elements of a shape.
 *
 * @param shape The shape.
 * @param source Where they are.
 * @param target Where they go: nowhere twice, and not among those that are still to be read.
 */
export function copyElements(
  shape: readonly number[],
  source: View<ArrayLike<number>>,
  target: View,
): void {
  if (shape.includes(0)) return;
  const axes = mergedAxes(shape, source.strides, target.strides);
  const inner = axes.pop() ?? { size: 1, from: 1, to: 1 };
  const rows = axes.pop() ?? { size: 1, from: 0, to: 0 };
  const copyRow = rowCopier(source.data, target.data, inner);
  const copy = (depth: number, from: number, to: number) => {
    const axis = axes[depth];
    if (axis === undefined) {
      for (let row = 0; row < rows.size; row++) copyRow(from + row * rows.from, to + row * rows.to);
      return;
    }
    for (let i = 0; i < axis.size; i++) copy(depth + 1, from + i * axis.from, to + i * axis.to);
  };
  copy(0, source.offset, target.offset);
}

function rowCopier(
  source: ArrayLike<number>,
  target: Float32Array,
  { size, from: fromStep, to: toStep }: Axis,
): (from: number, to: number) => void {
  if (source instanceof Float32Array && fromStep === 1 && toStep === 1 && size >= LEAST_BLOCK) {
    return (from, to) => target.set(source.subarray(from, from + size), to);
  }
  return (from, to) => {
    for (let i = 0; i < size; i++) target[to + i * toStep] = source[from + i * fromStep] ?? 0;
  };
}

/** The axes of both, neighbours made one where in both the one goes on where the other ends. */
function mergedAxes(
  shape: readonly number[],
  from: readonly number[],
  to: readonly number[],
): Axis[] {
  const axes: Axis[] = [];
  for (const [index, size] of shape.entries()) {
    if (size === 1) continue;
    const axis = { size, from: from[index] ?? 0, to: to[index] ?? 0 };
    const outer = axes.at(-1);
    if (outer && outer.from === axis.from * size && outer.to === axis.to * size) {
      axes[axes.length - 1] = { ...axis, size: outer.size * size };
    } else axes.push(axis);
  }
  return axes;
}
