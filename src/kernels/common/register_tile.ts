/**
 * Register tiles of the direct family: how many sums are held at once, for each target, and about how
 * long one step of their reduction takes.
 *
 * @module
 */

import type { EvenParts } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { LATENCY, NARROW } from "./tuning.ts";

/** Registers that machine code keeps for itself: some instructions need them on their way. */
const RESERVED_REGISTERS = 2;

/** Vector registers that a program for machine code may use at a time. */
export function usableRegisters({ registers }: Target): number {
  return registers - RESERVED_REGISTERS;
}

/**
 * The most rows of sums that fit with `columns` sums each: one operand is held for every column, the
 * other one passes through a single register.
 *
 * @param outside Registers that keep something from before the tile until after it.
 */
export function mostRows(target: Target, columns: number, outside = 0): number {
  const free = usableRegisters(target) - outside - 1 - columns;
  return Math.max(0, Math.floor(free / columns));
}

/** What passes sums to and from scratch memory around the tiles of pixels. */
const OUTSIDE = 1;

/** Vectors of pixels of the widest register tile: of a single channel. */
export function mostVectors(target: Target): number {
  return target.cheapBroadcast ? mostRows(target, 1, OUTSIDE) : NARROW.channelsByVectors.length - 1;
}

/** Output channels of a register tile of some vectors of pixels. */
export function channelsOf(target: Target, vectors: number): number {
  if (!target.cheapBroadcast) return NARROW.channelsByVectors[vectors] ?? 1;
  const smaller = mostRows(target, vectors, OUTSIDE);
  if (smaller >= vectors) return smaller;
  // With fewer channels than vectors it is the weights that are held, and the inputs that pass.
  let channels = 1;
  while (mostRows(target, channels + 1, OUTSIDE) >= vectors) channels++;
  return channels;
}

/** Vectors of pixels that suit a number of output channels. */
export function preferredVectors(target: Target, outChannels: number): number {
  if (!target.cheapBroadcast) return NARROW.vectorsByChannels[outChannels] ?? 2;
  let best = 1;
  for (let vectors = 2; vectors <= MOST_PREFERRED_VECTORS; vectors++) {
    const gain = stepCost(target, outChannels, best) - stepCost(target, outChannels, vectors);
    if (gain > 0) best = vectors;
  }
  return best;
}

/** More than these gain nothing, and rows end in them. */
const MOST_PREFERRED_VECTORS = 8;

/** Cycles of a step for each vector of sums, all output channels taken together. */
export function stepCost(target: Target, outChannels: number, vectors: number): number {
  const tiles = Math.ceil(outChannels / channelsOf(target, vectors));
  const channels = outChannels / tiles;
  return stepCycles(channels, vectors) / (channels * vectors);
}

/**
 * Cycles of one step of a register tile: two multiply-adds a cycle, each of which waits four for the
 * one before it, and two loads, of which a vector that is not aligned to a cache line counts twice.
 */
function stepCycles(broadcasts: number, loads: number): number {
  return Math.max(broadcasts * loads / 2, LATENCY, loads + broadcasts / 2);
}

/** Steps of a register tile of so many sums that are written out without a loop. */
export function unrolledSteps(sums: number): number {
  return Math.max(LEAST_UNROLL, Math.min(MOST_UNROLL, Math.floor(UNROLLED_SUMS / sums)));
}

/** Multiply-adds of one turn: a loop costs nothing beside them, and its code stays in the caches. */
const UNROLLED_SUMS = 320;
const LEAST_UNROLL = 12;
const MOST_UNROLL = 40;

/** Sizes of the parts when `count` is cut into as few of at most `most` as it takes, evenly. */
export function evenParts(count: number, most: number): EvenParts {
  const parts = Math.ceil(count / most);
  const size = Math.ceil(count / parts);
  return { size, full: count - parts * (size - 1), parts };
}
