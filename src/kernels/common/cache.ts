/**
 * What the kernels assume of a processor's caches: figures that hold for the x86-64 and arm64 cores of
 * the last ten years, at their smaller end.
 *
 * @module
 */

export const CACHE_LINE_BYTES = 64;

/** Bytes after which a first-level cache begins again: addresses so far apart share a set. */
const WAY_BYTES = 4096;

/** Sets of a first-level cache. */
export const CACHE_SETS = WAY_BYTES / CACHE_LINE_BYTES;

/** Lines that a set of a first-level cache keeps. */
export const WAYS = 8;

/** What the window of a register tile's outputs may take of a first-level cache of 32 to 48 KiB. */
export const WINDOW_BYTES = 20 * 1024;

const SAMPLE = 64;

/**
 * Cache sets over which lines spread that are `pitch` bytes apart: all 64 at best, one where the pitch
 * is a multiple of 4 KiB.
 */
export function cacheSets(pitch: number): number {
  const sets = new Set<number>();
  for (let i = 0; i < SAMPLE; i++) {
    sets.add(Math.floor((i * pitch) % WAY_BYTES / CACHE_LINE_BYTES));
  }
  return sets.size;
}

/** With fewer sets than this, lines a pitch apart drive each other out of the cache. */
const ENOUGH_SETS = 16;

/** Whether lines `pitch` bytes apart compete for few cache sets. Short pitches fill lines instead. */
export function isAliased(pitch: number): boolean {
  return pitch > 2 * CACHE_LINE_BYTES && cacheSets(pitch) < ENOUGH_SETS;
}
