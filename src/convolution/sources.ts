/**
 * Where the values of consecutive positions come from, as runs: an axis may be as long as an array, and
 * its positions are of few kinds.
 *
 * @module
 */

import { least } from "../base/numbers.ts";

/** Positions whose values come from evenly spaced input positions, or are zero. */
export interface SourceRun {
  readonly count: number;
  /** Input position of the first, `null` for zeros. */
  readonly source: number | null;
  /** Input positions from one to the next, 0 for zeros. */
  readonly step: number;
}

/** Consecutive positions, as few runs as there can be: {@linkcode joinRuns} makes such lists. */
export type Sources = readonly SourceRun[];

/** The same positions in as few runs as a look at each and the one before it can find. */
export function joinRuns(runs: Iterable<SourceRun>): Sources {
  const joined: SourceRun[] = [];
  for (const run of runs) {
    if (run.count <= 0) continue;
    const last = joined.at(-1);
    const both = last === undefined ? null : joinedRun(last, run);
    if (both === null) joined.push(normalised(run));
    else joined[joined.length - 1] = both;
  }
  return joined;
}

/** A single position has no step. */
function normalised({ count, source, step }: SourceRun): SourceRun {
  return { count, source, step: source === null || count === 1 ? 0 : step };
}

/** Two runs as one, or `null`. */
function joinedRun(a: SourceRun, b: SourceRun): SourceRun | null {
  const count = a.count + b.count;
  if (a.source === null || b.source === null) {
    return a.source === b.source ? { count, source: null, step: 0 } : null;
  }
  const step = a.count > 1 ? a.step : b.source - a.source;
  const follows = b.source === a.source + a.count * step && (b.count === 1 || b.step === step);
  return follows ? { count, source: a.source, step } : null;
}

/** `count` positions from `start` on; what is beyond the last is zero. */
export function partOf(sources: Sources, start: number, count: number): Sources {
  const parts: SourceRun[] = [];
  let first = 0;
  for (const run of sources) {
    const from = Math.max(start, first);
    const to = Math.min(start + count, first + run.count);
    if (from < to) {
      const source = run.source === null ? null : run.source + (from - first) * run.step;
      parts.push({ count: to - from, source, step: run.step });
    }
    first += run.count;
  }
  const beyond = Math.min(count, start + count - first);
  return joinRuns([...parts, { count: beyond, source: null, step: 0 }]);
}

/** The least input position, `null` where all are zero. */
export function leastSource(sources: Sources): number | null {
  const ends = sources.flatMap(({ count, source, step }) =>
    source === null ? [] : [source, source + (count - 1) * step]
  );
  return ends.length === 0 ? null : least(ends);
}

/** The same, counted from another position. */
export function sourcesFrom(sources: Sources, origin: number): Sources {
  return sources.map((run) => run.source === null ? run : { ...run, source: run.source - origin });
}

/** The same number of positions, all zero. */
export function zerosLike(sources: Sources): Sources {
  const count = sources.reduce((sum, run) => sum + run.count, 0);
  return joinRuns([{ count, source: null, step: 0 }]);
}

/** Whether all positions have the same sources. */
export function equalSources(a: Sources, b: Sources): boolean {
  return a.length === b.length && a.every((run, i) => {
    const other = b[i];
    return run.count === other?.count && run.source === other.source && run.step === other.step;
  });
}

/** The sources of positions that are few, one by one. */
export function listSources(sources: Sources): (number | null)[] {
  return sources.flatMap(({ count, source, step }) =>
    Array.from({ length: count }, (_, i) => source === null ? null : source + i * step)
  );
}

/** How some positions go on: within the run that they are in. */
export interface Course {
  /** How many positions of the run follow theirs. */
  readonly left: number;
  /** Input positions from one to the next, `null` for zeros. */
  readonly step: number | null;
}

/** How `count` positions from `start` on go on, `null` where they are in several runs. */
export function courseOf(sources: Sources, start: number, count: number): Course | null {
  let first = 0;
  for (const run of sources) {
    const end = first + run.count;
    if (start < end) {
      if (start + count > end) return null;
      return { left: end - start - count, step: run.source === null ? null : run.step };
    }
    first = end;
  }
  return { left: Infinity, step: null };
}
