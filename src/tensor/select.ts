/**
 * Which part of a tensor is meant.
 *
 * @module
 */

import { checkInteger, describe, describeShape } from "../base/checks.ts";

/**
 * What {@linkcode Tensor.slice} takes of an axis: one index, which leaves the axis out, a range, or, `null`, all of it.
 * A range begins at `start` and ends before `end`, in steps of `step`. Indices below 0 count from the end.
 */
export type SliceRange =
  | number
  | null
  | readonly [start?: number | null, end?: number | null, step?: number];

/** A part of a shape: what of each axis. */
export interface Selection {
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  readonly steps: readonly number[];
  /** The axes that are left. */
  readonly kept: readonly number[];
}

interface Range {
  readonly start: number;
  readonly size: number;
  readonly step: number;
}

/**
 * The part that ranges select.
 *
 * @throws {TypeError} If a range is none.
 * @throws {RangeError} If there are more than axes, an index is outside its axis, or a step is not at least 1.
 */
export function selection(where: string, ranges: unknown, shape: readonly number[]): Selection {
  const given = checkList(where, "ranges", ranges, shape);
  const selected = shape.map((size, axis) => rangeOf(where, axis, given[axis] ?? [], size));
  return {
    starts: selected.map(({ start }) => start),
    sizes: selected.map(({ size }) => size),
    steps: selected.map(({ step }) => step),
    kept: shape.map((_, axis) => axis).filter((axis) => typeof given[axis] !== "number"),
  };
}

function rangeOf(where: string, axis: number, range: unknown, size: number): Range {
  const what = `ranges[${axis}]`;
  if (typeof range === "number") {
    return { start: indexOf(where, what, range, size), size: 1, step: 1 };
  }
  if (!Array.isArray(range) || range.length > 3) {
    throw new TypeError(
      `${where}: ${what} must be an index, [start, end], [start, end, step] or null, but is ` +
        describe(range),
    );
  }
  const step = checkInteger(where, `${what}[2]`, range[2] ?? 1, 1);
  const [start, end] = [range[0] ?? 0, range[1] ?? size].map((bound: unknown, place) => {
    const index = checkInteger(where, `${what}[${place}]`, bound, Number.MIN_SAFE_INTEGER);
    return Math.max(0, Math.min(size, index < 0 ? size + index : index));
  });
  const length = Math.max(0, (end ?? 0) - (start ?? 0));
  return { start: start ?? 0, size: Math.ceil(length / step), step };
}

function indexOf(where: string, what: string, index: number, size: number): number {
  if (Number.isInteger(index) && index >= -size && index < size) {
    return index < 0 ? size + index : index;
  }
  throw new RangeError(
    `${where}: ${what} must be an integer from ${-size} to ${
      size - 1
    }, for an axis of ${size}, but is ${index}`,
  );
}

/**
 * Checks that something is a list of at most one entry an axis.
 *
 * @throws {TypeError} If it is no array.
 * @throws {RangeError} If there are more.
 */
export function checkList(
  where: string,
  what: string,
  list: unknown,
  shape: readonly number[],
): readonly unknown[] {
  if (!Array.isArray(list)) {
    throw new TypeError(
      `${where}: ${what} must be an array, one entry an axis, but is ${describe(list)}`,
    );
  }
  if (list.length <= shape.length) return Array.from(list);
  throw new RangeError(
    `${where}: ${what} has ${list.length} entries, but shape ${describeShape(shape)} only ` +
      `${shape.length} axes`,
  );
}

/**
 * Checks that an axis is one of a tensor's.
 *
 * @returns It, counted from the first.
 * @throws {TypeError} If it is not a number.
 * @throws {RangeError} If there is no such axis.
 */
export function checkAxis(where: string, what: string, axis: unknown, rank: number): number {
  if (typeof axis !== "number") {
    throw new TypeError(`${where}: ${what} must be a number, but is ${describe(axis)}`);
  }
  if (Number.isInteger(axis) && axis >= -rank && axis < rank) return axis < 0 ? rank + axis : axis;
  throw new RangeError(
    rank === 0
      ? `${where}: ${what} is ${axis}, but a tensor of shape [] has no axes`
      : `${where}: ${what} must be an integer from ${-rank} to ${rank - 1}, but is ${axis}`,
  );
}

/**
 * The axes of a permutation.
 *
 * @throws {TypeError} If they are no array of numbers.
 * @throws {RangeError} If they are not each axis once.
 */
export function permutation(where: string, axes: unknown, shape: readonly number[]): number[] {
  const rank = shape.length;
  const given = Array.isArray(axes) && axes.length !== rank ? null : axes;
  const order = given === null ? [] : checkList(where, "axes", given, shape)
    .map((axis, place) => checkAxis(where, `axes[${place}]`, axis, rank));
  if (order.length === rank && new Set(order).size === rank) return order;
  throw new RangeError(
    `${where}: axes must name each of the ${rank} axes of shape ${
      describeShape(shape)
    } once, but are ` +
      describe(axes),
  );
}

/** What goes before and behind each axis. */
export type Margins = readonly (readonly [before: number, after: number])[];

/**
 * What is added to each axis, entries being those of the last axes.
 *
 * @throws {TypeError} If it is no array, or an entry neither a number nor a pair.
 * @throws {RangeError} If there are more entries than axes, or one is no integer of at least 0.
 */
export function margins(where: string, padding: unknown, shape: readonly number[]): Margins {
  const given = checkList(where, "padding", padding, shape).map((entry, place) => {
    const what = `padding[${place}]`;
    if (!Array.isArray(entry)) {
      const both = checkInteger(where, what, entry, 0);
      return [both, both] as const;
    }
    if (entry.length !== 2) {
      throw new TypeError(
        `${where}: ${what} must be a number or [before, after], but is ${describe(entry)}`,
      );
    }
    return [
      checkInteger(where, `${what}[0]`, entry[0], 0),
      checkInteger(where, `${what}[1]`, entry[1], 0),
    ] as const;
  });
  return [...shape.slice(given.length).map(() => [0, 0] as const), ...given];
}

/**
 * The part of given sizes, of the last axes as many as there are.
 *
 * @param where Who asks, for error messages.
 * @param sizes How much is kept of the last axes.
 * @param at Where it begins; in the middle if `undefined`.
 * @param shape The whole.
 * @throws {TypeError} If they are no arrays of numbers.
 * @throws {RangeError} If there are more sizes than axes, or the part is not within the whole.
 */
export function cropped(
  where: string,
  sizes: unknown,
  at: unknown,
  shape: readonly number[],
): Selection {
  const given = checkList(where, "size", sizes, shape);
  const first = shape.length - given.length;
  const starts = at === undefined ? undefined : checkList(where, "at", at, shape.slice(first));
  if (starts && starts.length !== given.length) {
    throw new RangeError(
      `${where}: at must have ${given.length} entries as size has, but is ${describe(at)}`,
    );
  }
  const parts = shape.map((whole, axis) => {
    if (axis < first) return { start: 0, size: whole };
    const place = axis - first;
    const size = checkInteger(where, `size[${place}]`, given[place], 0);
    const room = whole - size;
    const start = starts === undefined
      ? Math.floor(room / 2)
      : checkInteger(where, `at[${place}]`, starts[place], 0);
    if (room >= 0 && start <= room) return { start, size };
    throw new RangeError(
      `${where}: size[${place}] is ${size}${
        starts ? ` from ${start} on` : ""
      }, but axis ${axis} has ${whole} ` +
        `(shape ${describeShape(shape)})`,
    );
  });
  return {
    starts: parts.map(({ start }) => start),
    sizes: parts.map(({ size }) => size),
    steps: parts.map(() => 1),
    kept: parts.map((_, axis) => axis),
  };
}
