/**
 * Tiles along one axis: what they see of the input, and runs of them that see it alike.
 *
 * @module
 */

import type { PaddingMode } from "../geometry.ts";
import { least } from "./numbers.ts";
import { padSegments } from "./pad.ts";

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
  readonly sources: readonly (number | null)[];
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
  const positions = { count, step, first };
  const sources = new Array<number | null>(windowOf(window, tiles)).fill(null);
  for (const { count, start, source, step } of padSegments(positions, size, mode)) {
    if (source === null) continue;
    for (let i = 0; i < count; i++) sources[start + i] = source + i * step;
  }
  sources.fill(sources[count - 1] ?? null, count, count + missing);
  return { tiles, outputs: output, origin: 0, sources };
}

/** The same tiles, all of whose inputs are zero. */
export function zeroSpan(span: TileSpan): TileSpan {
  return { ...span, origin: 0, sources: span.sources.map(() => null) };
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
  for (let start = 0; start < tiles; start += block) {
    const run = termsRun(wholes, window, start, Math.min(block, tiles - start));
    const last = runs.at(-1);
    if (last !== undefined && equalTerms(last.spans, run.spans)) {
      const step = (run.origin - last.origin) / last.count;
      if (last.count === 1 || step === last.step) {
        runs[runs.length - 1] = { ...last, count: last.count + 1, step };
        continue;
      }
    }
    runs.push(run);
  }
  return runs;
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
  return sources.some((source) => source !== null);
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
  const firstInput = first * (window.stride ?? 1);
  const seen = sources.slice(firstInput, firstInput + windowOf(window, tiles));
  const origin = seen.reduce<number>((least, s) => Math.min(least, s ?? Infinity), Infinity);
  const base = origin === Infinity ? 0 : origin;
  return {
    tiles,
    outputs: Math.min(tiles * window.outputs, outputs - first),
    origin: base,
    sources: seen.map((source) => source === null ? null : source - base),
  };
}

function equalShape(a: TileSpan, b: TileSpan): boolean {
  return a.tiles === b.tiles && a.outputs === b.outputs &&
    a.sources.length === b.sources.length && a.sources.every((s, i) => s === b.sources[i]);
}
