/**
 * Tiles along one axis: what they see of the input, and runs of them that see it alike.
 *
 * @module
 */

import type { PaddingMode } from "../../convolution/settings.ts";
import { least } from "../../base/numbers.ts";
import { padSegments } from "../../convolution/padding.ts";
import {
  courseOf,
  equalSources,
  joinRuns,
  leastSource,
  listSources,
  partOf,
  type Sources,
  sourcesFrom,
  zerosLike,
} from "../../convolution/sources.ts";

/** A tile along an axis. */
export interface AxisWindow {
  /** Its outputs. */
  readonly outputs: number;
  /** The input positions that they see. */
  readonly inputs: number;
  /** Input positions from one output to the next, 1 where it is left out. */
  readonly stride?: number;
}

/** Consecutive tiles along an axis. */
export interface TileSpan {
  readonly tiles: number;
  /** Outputs that they have; the last tile may have fewer than its transform gives. */
  readonly outputs: number;
  /** The least input position that they see, 0 if none. */
  readonly origin: number;
  /**
   * For every position of their windows, in order, where its value comes from, counted from the
   * origin; `null` for zero.
   */
  readonly sources: Sources;
}

/** Spans that are equal but for where they begin. */
export interface SpanRun {
  /** The first tile of the first span. */
  readonly start: number;
  readonly count: number;
  readonly span: TileSpan;
  /** Input positions from one span's origin to the next's. */
  readonly step: number;
}

/** Input positions along an axis. */
export interface SeenPositions {
  /** What the first tile sees first; may lie outside. */
  readonly first: number;
  /** From one position to the next. */
  readonly step: number;
  /** How many of the last ones no output needs; they are as the one before. Default 0. */
  readonly missing?: number;
}

/**
 * All tiles of an axis.
 *
 * @param window Which tiles.
 * @param output Outputs along the axis.
 * @param size Inputs along it.
 * @param seen What they see of the input.
 * @param mode What lies outside.
 */
export function wholeAxis(
  window: AxisWindow,
  output: number,
  size: number,
  { first, step, missing = 0 }: SeenPositions,
  mode: PaddingMode,
): TileSpan {
  const { outputs, inputs, stride = 1 } = window;
  const tiles = Math.ceil(output / outputs);
  const count = Math.max(0, (output - outputs) * stride + inputs - missing);
  const segments = padSegments({ count, step, first }, size, mode);
  const [last = null] = listSources(partOf(joinRuns(segments), count - 1, 1));
  const sources = joinRuns([...segments, { count: missing, source: last, step: 0 }]);
  return { tiles, outputs: output, origin: 0, sources };
}

/** The same tiles, all of whose inputs are zero. */
export function zeroSpan(span: TileSpan): TileSpan {
  return { ...span, origin: 0, sources: zerosLike(span.sources) };
}

/** The same tiles, for who is only concerned with their outputs. */
export function outputSpan({ tiles, outputs }: TileSpan): TileSpan {
  return { tiles, outputs, origin: 0, sources: [] };
}

/**
 * Cuts a span into spans of `block` tiles, the last one perhaps smaller. Origins are relative to the
 * whole's.
 */
export function cut(whole: TileSpan, window: AxisWindow, block: number): SpanRun[] {
  return cutTerms([whole], window, block).flatMap(({ spans: [span], origin, ...run }) =>
    span === undefined ? [] : { ...run, span: { ...span, origin } }
  );
}

/** Spans of the same tiles with what each of several terms sees, which are equal but for where they begin. */
export interface TermsRun {
  /** The first tile of the first spans. */
  readonly start: number;
  readonly count: number;
  /** One for each term. Their origins count from the run's. */
  readonly spans: readonly TileSpan[];
  /** The least input position that one of the terms sees, 0 if none. */
  readonly origin: number;
  /** Input positions from one origin to the next. */
  readonly step: number;
}

/** Cuts spans of the same tiles into spans of `block` tiles, the last ones perhaps smaller. */
export function cutTerms(
  wholes: readonly TileSpan[],
  window: AxisWindow,
  block: number,
): TermsRun[] {
  const runs: TermsRun[] = [];
  const tiles = wholes[0]?.tiles ?? 0;
  for (let start = 0; start < tiles;) {
    const size = Math.min(block, tiles - start);
    const run = { ...termsRun(wholes, window, start, size), ...alike(wholes, window, start, size) };
    start += run.count * block;
    const last = runs.at(-1);
    const joined = last === undefined ? null : joinedTerms(last, run);
    if (joined === null) runs.push(run);
    else runs[runs.length - 1] = joined;
  }
  return runs;
}

/** Two runs, one behind the other, as one; `null` where they are not alike. */
function joinedTerms(last: TermsRun, run: TermsRun): TermsRun | null {
  if (!equalTerms(last.spans, run.spans)) return null;
  const step = (run.origin - last.origin) / last.count;
  const isEven = (last.count === 1 || last.step === step) && (run.count === 1 || run.step === step);
  return isEven ? { ...last, count: last.count + run.count, step } : null;
}

/**
 * How many spans of a block of tiles are alike from `start` on, without a look at each: those whose terms
 * stay in the same run of sources, and move on by the same step.
 */
function alike(
  wholes: readonly TileSpan[],
  window: AxisWindow,
  start: number,
  block: number,
): Pick<TermsRun, "count" | "step"> {
  const ONE = { count: 1, step: 0 };
  const { outputs, stride = 1 } = window;
  const first = start * outputs;
  const steps = new Set<number>();
  // The last span may have fewer outputs.
  let more = Math.floor(((wholes[0]?.outputs ?? 0) - first) / (block * outputs)) - 1;
  for (const { sources } of wholes) {
    const course = courseOf(sources, first * stride, windowOf(window, block));
    if (course === null) return ONE;
    if (course.step !== null) steps.add(course.step);
    more = Math.min(more, Math.floor(course.left / (block * outputs * stride)));
  }
  const [step = 0] = steps;
  return more > 0 && steps.size <= 1
    ? { count: 1 + more, step: step * block * outputs * stride }
    : ONE;
}

function termsRun(
  wholes: readonly TileSpan[],
  window: AxisWindow,
  start: number,
  tiles: number,
): TermsRun {
  const spans = wholes.map((whole) => part(whole, window, start, tiles));
  const seen = spans.filter(isSeeing).map(({ origin }) => origin);
  const origin = seen.length === 0 ? 0 : least(seen);
  return {
    start,
    count: 1,
    spans: spans.map((span) => isSeeing(span) ? { ...span, origin: span.origin - origin } : span),
    origin,
    step: 0,
  };
}

function isSeeing({ sources }: TileSpan): boolean {
  return sources.some(({ source }) => source !== null);
}

function equalTerms(a: readonly TileSpan[], b: readonly TileSpan[]): boolean {
  return a.every((span, i) => {
    const other = b[i];
    return other !== undefined && span.origin === other.origin && equalShape(span, other);
  });
}

/** Positions that `tiles` tiles see. */
function windowOf({ outputs, inputs, stride = 1 }: AxisWindow, tiles: number): number {
  return (tiles - 1) * outputs * stride + inputs;
}

function part(
  { sources, outputs }: TileSpan,
  window: AxisWindow,
  start: number,
  tiles: number,
): TileSpan {
  const first = start * window.outputs;
  const seen = partOf(sources, first * (window.stride ?? 1), windowOf(window, tiles));
  const origin = leastSource(seen) ?? 0;
  return {
    tiles,
    outputs: Math.min(tiles * window.outputs, outputs - first),
    origin,
    sources: sourcesFrom(seen, origin),
  };
}

function equalShape(a: TileSpan, b: TileSpan): boolean {
  return a.tiles === b.tiles && a.outputs === b.outputs && equalSources(a.sources, b.sources);
}
