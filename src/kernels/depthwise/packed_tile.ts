/**
 * Register tiles of depthwise convolution where weights are broadcast straight from memory.
 *
 * A tile of several rows loads an input vector once for all outputs that see it, and then as many
 * weights are alive as those outputs see it through; the registers bound how many that may be. A tile
 * that goes through the taps one by one holds a single weight, and loads a vector for every product.
 *
 * @module
 */

import type { DirectShape, TileVector } from "../direct/pixels.ts";
import { tileVectors } from "../direct/pixels.ts";
import { usableRegisters } from "../common/register_tile.ts";
import { listTerms } from "../common/terms.ts";

/** One multiplication: which vector's sum an input vector goes to, and with which tap. */
export interface Use {
  readonly vector: number;
  readonly tap: number;
}

/** Every input vector that some vectors of outputs see, in memory order, with its uses. */
export function inputUses(
  { taps }: DirectShape,
  vectors: readonly TileVector[],
): [offset: number, uses: Use[]][] {
  const uses = new Map<number, Use[]>();
  const offsets = listTerms(taps);
  vectors.forEach(({ input }, vector) => {
    offsets.forEach((tapOffset, tap) => {
      const known = uses.get(input + tapOffset);
      if (known === undefined) uses.set(input + tapOffset, [{ vector, tap }]);
      else known.push({ vector, tap });
    });
  });
  return [...uses].sort(([a], [b]) => a - b);
}

/** A register tile. */
export interface DepthwiseTile {
  readonly rows: number;
  /** Vectors of each row. */
  readonly vectors: number;
  /** What the tile goes through, one after the other. */
  readonly order: "inputs" | "taps";
}

const ROWS = [1, 2, 3, 4, 6];
const VECTORS = [1, 2, 3, 4, 6];

/** More sums than this gain nothing. */
const MOST_SUMS = 12;

/**
 * The tile that some rows of outputs take the fewest cycles with.
 *
 * @param least Rows that a tile has at least.
 */
export function depthwiseTile(
  shape: DirectShape,
  rows: number,
  columns: number,
  least = 1,
): DepthwiseTile {
  const rowVectors = Math.ceil(columns / shape.target.lanes);
  let best: DepthwiseTile = { rows: least, vectors: 1, order: "taps" };
  let bestCycles = Infinity;
  for (const tileRows of new Set([least, ...ROWS])) {
    if (tileRows > rows || tileRows < least) continue;
    for (const vectors of VECTORS) {
      if (vectors > rowVectors || vectors > 1 && tileRows * vectors > MOST_SUMS) continue;
      const tiles = Math.ceil(rows / tileRows) * Math.ceil(rowVectors / vectors);
      for (const order of ["inputs", "taps"] as const) {
        const cycles = tiles * tileCycles(shape, { rows: tileRows, vectors, order });
        if (cycles >= bestCycles) continue;
        best = { rows: tileRows, vectors, order };
        bestCycles = cycles;
      }
    }
  }
  return best;
}

/** Cycles of a tile: infinitely many where registers do not suffice. */
function tileCycles(shape: DirectShape, { rows, vectors, order }: DepthwiseTile): number {
  const { taps, target } = shape;
  const products = rows * vectors * taps.length;
  const arithmetic = Math.max(products / 2, LATENCY * taps.length);
  // Loads that are not aligned to a cache line take a cycle each, broadcasts half of one.
  if (order === "taps") {
    const live = rows * vectors + 2;
    return live > usableRegisters(target)
      ? Infinity
      : Math.max(arithmetic, products + taps.length / 2);
  }
  const uses = inputUses(shape, tileVectors(shape, rows, vectors * target.lanes));
  const live = rows * vectors + 1 + liveWeights(uses);
  if (live > usableRegisters(target)) return Infinity;
  return Math.max(arithmetic, uses.length + taps.length / 2);
}

/** Cycles from a multiply-add to the next one into the same sum. */
const LATENCY = 4;

/** The most weights that are between their first and their last use at a time. */
function liveWeights(uses: readonly (readonly [offset: number, uses: readonly Use[]])[]): number {
  const last = new Map<number, number>();
  const order = uses.flatMap(([, some]) => some.map(({ tap }) => tap));
  order.forEach((tap, index) => last.set(tap, index));
  const live = new Set<number>();
  let most = 0;
  order.forEach((tap, index) => {
    live.add(tap);
    most = Math.max(most, live.size);
    if (last.get(tap) === index) live.delete(tap);
  });
  return most;
}
