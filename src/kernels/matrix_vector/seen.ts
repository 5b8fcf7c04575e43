/**
 * What the one output position of a convolution sees of its input, and through which taps.
 *
 * @module
 */

import type { Geometry } from "../../convolution/geometry.ts";
import { padSegments } from "../../convolution/padding.ts";
import { joinRuns, listSources, type Sources } from "../../convolution/sources.ts";
import { product } from "../../base/numbers.ts";

const AXES = [0, 1, 2] as const;

/** Where the taps along an axis look. */
function tapSources(g: Geometry, axis: 0 | 1 | 2): Sources {
  const taps = { count: g.kernel[axis], step: g.dilation[axis], first: -g.padBegin[axis] };
  return joinRuns(padSegments(taps, g.input[axis], g.paddingMode));
}

/** The same without those that see nothing but zeros. */
function seeing(sources: Sources): Sources {
  return sources.filter(({ source }) => source !== null);
}

/** How many taps see something. */
export function countSeen(g: Geometry): number {
  return product(
    AXES.map((axis) => seeing(tapSources(g, axis)).reduce((sum, { count }) => sum + count, 0)),
  );
}

/** Whether the taps that see something see all input positions, one after the other. */
export function isInOrder(g: Geometry): boolean {
  return AXES.every((axis) => {
    const [run, ...others] = seeing(tapSources(g, axis));
    return run?.source === 0 && others.length === 0 && run.count === g.input[axis] &&
      (run.count === 1 || run.step === 1);
  });
}

/** The taps that see something, in their order. */
export function seenTaps(g: Geometry): number[] {
  return everyPlace(
    g.kernel,
    (axis) =>
      listSources(tapSources(g, axis)).flatMap((source, tap) => source === null ? [] : [tap]),
  );
}

/** The input positions that they see. */
export function seenPositions(g: Geometry): number[] {
  return everyPlace(
    g.input,
    (axis) => listSources(tapSources(g, axis)).flatMap((source) => source === null ? [] : [source]),
  );
}

/** The places in a box that have one of some coordinates along each axis, counted row by row. */
function everyPlace(
  sizes: readonly number[],
  coordinates: (axis: 0 | 1 | 2) => readonly number[],
): number[] {
  return AXES.reduce<number[]>(
    (places, axis) =>
      places.flatMap((place) =>
        coordinates(axis).map((coordinate) => place * (sizes[axis] ?? 1) + coordinate)
      ),
    [0],
  );
}
