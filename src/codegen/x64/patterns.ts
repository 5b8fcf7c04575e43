/**
 * What shuffles, gathers and scatters amount to: which of them a cheaper instruction does.
 *
 * @module
 */

import { FLOAT_BYTES } from "../program.ts";
import { OP, type VectorInstruction } from "./assembler.ts";

/** One of a shuffle's sources. */
export type Source = "a" | "b";

/** A shuffle that moves nothing, or takes one lane. */
type Whole =
  | { readonly kind: "copy"; readonly from: Source }
  | { readonly kind: "lane"; readonly from: Source; readonly lane: number };

/** A shuffle by one instruction that needs no index vector. */
interface Fixed {
  readonly kind: "fixed";
  readonly op: VectorInstruction;
  readonly first: Source;
  readonly second: Source;
  readonly immediate?: number;
}

/** A shuffle by index vectors. */
type Permute =
  /** Any lanes of one source. */
  | { readonly kind: "permute"; readonly from: Source; readonly index: readonly number[] }
  /** Any lanes of both. */
  | { readonly kind: "merge"; readonly index: readonly number[] };

/** How a shuffle is done. */
export type Shuffle =
  | Whole
  | Fixed
  | Permute
  /** `vshufps`, then the pairs of lanes in the middle the other way round. */
  | {
    readonly kind: "crossed";
    readonly first: Source;
    readonly second: Source;
    readonly immediate: number;
  };

/** Lanes that one block of 128 bits has. */
const BLOCK = 4;

/** How AVX-512 does a shuffle. */
export function shuffle512(index: readonly number[]): Exclude<Shuffle, { kind: "crossed" }> {
  return common(index) ?? blocks512(index) ?? align512(index) ?? anyLanes(index);
}

/** How AVX2 does a shuffle. */
export function shuffle256(index: readonly number[]): Shuffle {
  return common(index) ?? blocks256(index) ?? blend256(index) ?? crossed256(index) ??
    anyLanes(index);
}

/** What both have. */
function common(index: readonly number[]): Fixed | Whole | null {
  const lanes = index.length;
  const [first = 0] = index;
  for (const from of ["a", "b"] as const) {
    const base = from === "a" ? 0 : lanes;
    if (index.every((lane, i) => lane === base + i)) return { kind: "copy", from };
  }
  if (index.every((lane) => lane === first)) {
    return { kind: "lane", from: sourceOf(first, lanes), lane: first % lanes };
  }
  return interleaved(index) ?? withinBlocks(index);
}

/** `vunpcklps` and `vunpckhps`: the lower or upper halves of two blocks, in turns. */
function interleaved(index: readonly number[]): Fixed | null {
  const lanes = index.length;
  const [x = 0, y = 0] = index;
  const [first, second] = [sourceOf(x, lanes), sourceOf(y, lanes)];
  const half = x % BLOCK;
  const matches = index.every((lane, i) => {
    const base = (i % 2 === 0 ? first : second) === "a" ? 0 : lanes;
    return lane === base + i - i % BLOCK + half + ((i % BLOCK) >> 1);
  });
  if (!matches || half % 2 !== 0) return null;
  return { kind: "fixed", op: half === 0 ? OP.vunpcklps : OP.vunpckhps, first, second };
}

/** `vshufps`: in every block two lanes of one source's, then two of the other's, alike in all. */
function withinBlocks(index: readonly number[]): Fixed | null {
  const lanes = index.length;
  const first = sourceOf(index[0] ?? 0, lanes);
  const second = sourceOf(index[2] ?? 0, lanes);
  const matches = index.every((lane, i) => {
    const base = (i % BLOCK < 2 ? first : second) === "a" ? 0 : lanes;
    return lane === base + i - i % BLOCK + (index[i % BLOCK] ?? 0) % BLOCK;
  });
  if (!matches) return null;
  const immediate = packed(index.slice(0, BLOCK).map((lane) => lane % BLOCK), 2);
  return { kind: "fixed", op: OP.vshufps, first, second, immediate };
}

/** `vshuff32x4`: two whole blocks of one source, then two of the other. */
function blocks512(index: readonly number[]): Fixed | null {
  const blocks = wholeBlocks(index);
  if (blocks === null) return null;
  const [x = 0, y = 0, z = 0, w = 0] = blocks;
  const sources = [x, y, z, w].map((block) => sourceOf(block, BLOCK));
  const [first = "a", , second = "a"] = sources;
  if (sources[1] !== first || sources[3] !== second) return null;
  const immediate = packed(blocks.map((block) => block % BLOCK), 2);
  return { kind: "fixed", op: OP.vshuff32x4, first, second, immediate };
}

/** `valignd`: lanes that follow one another, from one source into the other or into itself. */
function align512(index: readonly number[]): Fixed | null {
  const lanes = index.length;
  const start = index[0] ?? 0;
  const low = sourceOf(start, lanes);
  const high = low === "a" ? "b" : "a";
  const immediate = start % lanes;
  const follow = (wrap: number, base: number) =>
    index.every((lane, i) => lane === base + (start - base + i) % wrap);
  if (follow(2 * lanes, 0)) {
    return { kind: "fixed", op: OP.valignd, first: high, second: low, immediate };
  }
  if (follow(lanes, low === "a" ? 0 : lanes)) {
    return { kind: "fixed", op: OP.valignd, first: low, second: low, immediate };
  }
  return null;
}

/** `vperm2f128`: any two whole blocks. */
function blocks256(index: readonly number[]): Fixed | null {
  const blocks = wholeBlocks(index);
  if (blocks === null) return null;
  return {
    kind: "fixed",
    op: OP.vperm2f128,
    first: "a",
    second: "b",
    immediate: packed(blocks, BLOCK),
  };
}

/** `vblendps`: every lane stays where it is. */
function blend256(index: readonly number[]): Fixed | null {
  const lanes = index.length;
  if (!index.every((lane, i) => lane % lanes === i)) return null;
  const immediate = packed(index.map((lane) => Math.floor(lane / lanes)), 1);
  return { kind: "fixed", op: OP.vblendps, first: "a", second: "b", immediate };
}

/** Every other lane of both sources, say: what `vshufps` does but for the order of the pairs. */
function crossed256(index: readonly number[]): Shuffle | null {
  const [a = 0, b = 0, c = 0, d = 0, ...rest] = index;
  const [e = 0, f = 0, ...last] = rest;
  const straight = withinBlocks([a, b, e, f, c, d, ...last]);
  if (straight?.immediate === undefined) return null;
  const { first, second, immediate } = straight;
  return { kind: "crossed", first, second, immediate };
}

function anyLanes(index: readonly number[]): Permute {
  const lanes = index.length;
  const from = sourceOf(index[0] ?? 0, lanes);
  if (index.some((lane) => sourceOf(lane, lanes) !== from)) return { kind: "merge", index };
  return { kind: "permute", from, index: index.map((lane) => lane % lanes) };
}

/** The blocks that a shuffle is made of, counted through both sources; `null` if it is of lanes. */
function wholeBlocks(index: readonly number[]): number[] | null {
  const matches = index.every((lane, i) =>
    lane % BLOCK === i % BLOCK && lane - i % BLOCK === index[i - i % BLOCK]
  );
  if (!matches) return null;
  return index.filter((_, i) => i % BLOCK === 0).map((lane) => lane / BLOCK);
}

function sourceOf(lane: number, lanes: number): Source {
  return lane < lanes ? "a" : "b";
}

/** Numbers of so many bits each, the first lowest. */
function packed(fields: readonly number[], bits: number): number {
  return fields.reduce((sum, field, i) => sum | field << i * bits, 0);
}

/** How a gather is done. */
export type Gather =
  | { readonly kind: "broadcast"; readonly offset: number }
  | { readonly kind: "load"; readonly offset: number }
  /** `span` consecutive elements, at most a vector of them, and lanes of those. */
  | {
    readonly kind: "window";
    readonly offset: number;
    readonly span: number;
    readonly index: readonly number[];
  }
  /** Two vectors, the second from `second` on, and lanes of those. */
  | {
    readonly kind: "windows";
    readonly offset: number;
    readonly second: number;
    readonly index: readonly number[];
  }
  | { readonly kind: "elements" };

/** Fewer elements are put together one by one. */
const LEAST_GATHERED = 3;

/**
 * How to gather from some offsets. No element is read that lies before the first or behind the last.
 */
export function gatherOf(offsets: readonly number[], lanes: number): Gather {
  const [first = 0] = offsets;
  if (isConsecutive(offsets)) return { kind: "load", offset: first };
  if (offsets.length === lanes && offsets.every((offset) => offset === first)) {
    return { kind: "broadcast", offset: first };
  }
  const { offset, places } = placesOf(offsets);
  const span = 1 + Math.max(...places);
  if (offsets.length < LEAST_GATHERED || !places.every(Number.isInteger) || span > 2 * lanes) {
    return { kind: "elements" };
  }
  if (span <= lanes) return { kind: "window", offset, span, index: places };
  const behind = span - lanes;
  const index = places.map((place) => place < lanes ? place : lanes + place - behind);
  return { kind: "windows", offset, second: offset + behind * FLOAT_BYTES, index };
}

/** A vector of memory into which a scatter stores some lanes. */
export interface ScatterWindow {
  readonly offset: number;
  /** For each element, the lane that goes there; `null` if none does. */
  readonly from: readonly (number | null)[];
}

/** Lanes that a store of some elements of a vector must take care of to be worth while. */
const LEAST_STORED = 4;

/**
 * The vectors of memory that a scatter stores to, where that is done sooner than lane by lane; `null`
 * where it is not.
 */
export function scatterWindows(offsets: readonly number[], lanes: number): ScatterWindow[] | null {
  const { offset, places } = placesOf(offsets);
  const windows = Math.ceil((1 + Math.max(...places)) / lanes);
  if (!places.every(Number.isInteger) || windows * LEAST_STORED > offsets.length) return null;
  const from = new Array<number | null>(windows * lanes).fill(null);
  // Of lanes that go to one place the last one stays.
  places.forEach((place, lane) => from[place] = lane);
  return Array.from({ length: windows }, (_, i) => ({
    offset: offset + i * lanes * FLOAT_BYTES,
    from: from.slice(i * lanes, (i + 1) * lanes),
  })).filter(({ from }) => from.some((lane) => lane !== null));
}

/** Whether offsets are those of a vector. */
export function isConsecutive(offsets: readonly number[]): boolean {
  const [first = 0] = offsets;
  return offsets.every((offset, i) => offset === first + i * FLOAT_BYTES);
}

/** The lowest offset, and elements from there. */
function placesOf(offsets: readonly number[]): { offset: number; places: number[] } {
  const offset = Math.min(...offsets);
  return { offset, places: offsets.map((each) => (each - offset) / FLOAT_BYTES) };
}
