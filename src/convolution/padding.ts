/**
 * Where the positions of a padded axis come from.
 *
 * @module
 */

import type { PaddingMode } from "./settings.ts";
import { clamp } from "../base/numbers.ts";

/** A run of packed positions that come from evenly spaced input positions, or are zero. */
export interface PadSegment {
  readonly count: number;
  /** The first packed position. */
  readonly start: number;
  /** Input position of the first, `null` for zeros. */
  readonly source: number | null;
  /** Input positions from one to the next: 0 repeats, a negative step mirrors. */
  readonly step: number;
}

/** Packed positions `0 .. count - 1` of one axis, position `j` at input `j * step + first`. */
export interface PadAxis {
  readonly count: number;
  readonly step: number;
  readonly first: number;
}

/**
 * Splits packed positions into segments: before the input, inside it, and beyond.
 *
 * @param axis The positions.
 * @param size Size of the input along the axis.
 * @param mode What lies outside the input. At most one input's length lies outside on a side.
 */
export function padSegments(axis: PadAxis, size: number, mode: PaddingMode): PadSegment[] {
  const { count, step, first } = axis;
  const inside = clamp(Math.ceil(-first / step), 0, count);
  const beyond = clamp(Math.ceil((size - first) / step), inside, count);
  const segments = [
    outside(mode, { count: inside, start: 0, position: first, step, size }),
    { count: beyond - inside, start: inside, source: inside * step + first, step },
    outside(mode, {
      count: count - beyond,
      start: beyond,
      position: beyond * step + first,
      step,
      size,
    }),
  ];
  return segments.filter((segment) => segment.count > 0);
}

/** Positions of an axis that are held by as many positions of the padded axis. */
export interface HeldRun {
  readonly start: number;
  readonly count: number;
  /** Where, in the order of the padded axis. */
  readonly holders: readonly Holder[];
}

/** Padded positions that hold a run of positions. */
export interface Holder {
  /** The one that holds the first. */
  readonly first: number;
  /** From one to the next; 0 for a run of one position that many hold. */
  readonly step: number;
  /** How many side by side hold the same. */
  readonly count: number;
}

/**
 * Where the positions of an axis are held by the padded one: {@linkcode padSegments} the other way round.
 *
 * @param axis The padded positions, without a stride; all of the input is among them.
 * @param size Size of the input along the axis.
 * @param mode What lies outside of it: not zeros, unless nothing does.
 */
export function heldRuns(axis: PadAxis, size: number, mode: PaddingMode): HeldRun[] {
  const segments = padSegments(axis, size, mode).map(({ count, start, source, step }) => {
    const [one, other] = [source ?? 0, (source ?? 0) + (count - 1) * step];
    return {
      count,
      start,
      step,
      source: one,
      low: Math.min(one, other),
      end: Math.max(one, other) + 1,
    };
  });
  const cuts = [...new Set(segments.flatMap(({ low, end }) => [low, end]))].sort((a, b) => a - b);
  return cuts.slice(1).map((end, i) => {
    const begin = cuts[i] ?? 0;
    const holders = segments.filter((segment) => segment.low <= begin && end <= segment.end)
      .map(({ count, start, source, step }) => ({
        first: start + (begin - source) * step,
        step,
        count: step === 0 ? count : 1,
      }));
    return { start: begin, count: end - begin, holders };
  });
}

function outside(
  mode: PaddingMode,
  run: { count: number; start: number; position: number; step: number; size: number },
): PadSegment {
  const { count, start, position, step, size } = run;
  const before = position < 0;
  switch (mode) {
    case "zeros":
      return { count, start, source: null, step: 0 };
    case "replicate":
      return { count, start, source: before ? 0 : size - 1, step: 0 };
    case "reflect":
      return { count, start, source: before ? -position : 2 * (size - 1) - position, step: -step };
    case "circular":
      return { count, start, source: before ? position + size : position - size, step };
  }
}
