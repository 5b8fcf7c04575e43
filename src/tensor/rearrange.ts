/**
 * New arrays of the elements of others.
 *
 * @module
 */

import { describeShape } from "../base/checks.ts";
import { product } from "../base/numbers.ts";
import type { Elements } from "./foreign.ts";
import type { Margins, Selection } from "./select.ts";
import { checkAxis } from "./select.ts";
import { countElements, sameShape } from "./shape.ts";
import { copyElements, rowMajorStrides, wholeView } from "./strided.ts";

/** Elements in row-major order, and their shape. */
export interface Dense {
  readonly data: Float32Array<ArrayBuffer>;
  readonly shape: readonly number[];
}

/** The elements one after another. */
export function dense({ shape, view }: Elements): Dense {
  const data = new Float32Array(product(shape));
  const source = { ...view, data: converted(view.data, data.length) };
  copyElements(shape, source, wholeView(data, shape));
  return { data, shape };
}

/** Of an array that has not more than so many times the elements, all are converted. */
const MOST_UNUSED = 4;

/** An array that is read quickly: one by one, elements of several types take ten times as long as those of one. */
function converted(data: ArrayLike<number>, count: number): ArrayLike<number> {
  const isSmall = data.length <= count * MOST_UNUSED;
  return isSmall && !(data instanceof Float32Array) ? new Float32Array(data) : data;
}

/** The elements with their axes in another order. */
export function permuted({ shape, view }: Elements, axes: readonly number[]): Elements {
  const pick = (values: readonly number[]) => axes.map((axis) => values[axis] ?? 0);
  return { shape: pick(shape), view: { ...view, strides: pick(view.strides) } };
}

/** A part of the elements. */
export function selected(
  { view: { data, strides, offset } }: Elements,
  { starts, sizes, steps, kept }: Selection,
): Elements {
  const along = (axis: number) => strides[axis] ?? 0;
  return {
    shape: kept.map((axis) => sizes[axis] ?? 1),
    view: {
      data,
      strides: kept.map((axis) => along(axis) * (steps[axis] ?? 1)),
      offset: starts.reduce((sum, start, axis) => sum + start * along(axis), offset),
    },
  };
}

/** The elements in the midst of others that all have one value. */
export function padded(
  where: string,
  { shape, view }: Elements,
  margins: Margins,
  value: number,
): Dense {
  const target = shape.map((size, axis) => {
    const [before, after] = margins[axis] ?? [0, 0];
    return before + size + after;
  });
  const data = new Float32Array(countElements(where, "a tensor", target)).fill(value);
  const strides = rowMajorStrides(target);
  const offset = margins.reduce((sum, [before], axis) => sum + before * (strides[axis] ?? 0), 0);
  copyElements(shape, view, { data, strides, offset });
  return { data, shape: target };
}

/**
 * Elements one behind the other along an axis.
 *
 * @throws {TypeError} If the axis is no number.
 * @throws {RangeError} If there is no such axis, or the shapes differ in another.
 */
export function concatenated(where: string, parts: readonly Elements[], axis: unknown): Dense {
  const [first = []] = parts.map(({ shape }) => shape);
  const along = checkAxis(where, "axis", axis, first.length);
  for (const [index, { shape }] of parts.entries()) {
    if (shape.length === first.length && sameShape(shape.with(along, 0), first.with(along, 0))) {
      continue;
    }
    throw new RangeError(
      `${where}: tensors[${index}] must have the shape of tensors[0], ${
        describeShape(first)
      }, but for axis ` +
        `${along}, but has ${describeShape(shape)}`,
    );
  }
  const sizes = parts.map(({ shape }) => shape[along] ?? 0);
  const target = first.with(along, sizes.reduce((sum, size) => sum + size, 0));
  const data = new Float32Array(countElements(where, "a tensor", target));
  const strides = rowMajorStrides(target);
  let offset = 0;
  for (const { shape, view } of parts) {
    copyElements(shape, view, { data, strides, offset });
    offset += (shape[along] ?? 0) * (strides[along] ?? 0);
  }
  return { data, shape: target };
}
