/**
 * What a tile of a map takes.
 *
 * @module
 */

import { clamp } from "../../base/numbers.ts";

/** Microseconds of a tile. */
const TILE_COST = 20;

/**
 * Items along each axis: as much of the innermost ones as is worth claiming.
 *
 * @param counts All items along each.
 * @param itemCost Microseconds of one.
 */
export function tileBlocks(counts: readonly number[], itemCost: number): number[] {
  let left = TILE_COST / itemCost;
  const blocks: number[] = [];
  for (const count of counts.toReversed()) {
    const block = clamp(Math.floor(left), 1, count);
    blocks.unshift(block);
    left /= block;
  }
  return blocks;
}
