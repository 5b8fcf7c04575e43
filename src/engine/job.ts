/**
 * A phase over concrete addresses, as words in the shared memory.
 *
 * @module
 */

import { gridTiles, type Phase, phaseTiles } from "./work.ts";

/** Where the encoded code of a phase lies. */
export interface ModuleLocation {
  /** Unique among all modules of the engine. */
  readonly id: number;
  readonly address: number;
  readonly bytes: number;
}

/** Most units of a job: they are counted in 16 bits, and each has a word of state. */
export const MOST_UNITS = 8192;

/** How many units a phase's tiles are claimed in. */
export function unitsOf(phase: Phase): number {
  const tiles = phaseTiles(phase);
  return Math.ceil(tiles / tilesPerUnit(tiles));
}

function tilesPerUnit(tiles: number): number {
  return Math.max(1, Math.ceil(tiles / MOST_UNITS));
}

/**
 * Encodes a job:
 * `[module id, code address, code bytes, units, tiles per unit, grids]`, then for each grid `[program,
 * tiles, axes, parameters, extents..., (pointer, its high word, thread step, steps...) per parameter]`.
 *
 * @param phase The tiles.
 * @param bases Address of each buffer.
 * @param module Where the programs' code is.
 */
export function encodeJob(
  phase: Phase,
  bases: readonly number[],
  module: ModuleLocation,
): Int32Array<ArrayBuffer> {
  const tiles = phaseTiles(phase);
  const words = [
    module.id,
    module.address,
    module.bytes,
    unitsOf(phase),
    tilesPerUnit(tiles),
    phase.grids.length,
  ];
  for (const grid of phase.grids) {
    words.push(
      grid.program,
      gridTiles(grid),
      grid.extents.length,
      grid.args.length,
      ...grid.extents,
      ...grid.args.flatMap(({ buffer, offset, threadStep, steps }) => {
        const pointer = (bases[buffer] ?? 0) + offset;
        return [pointer | 0, highWord(pointer), threadStep, ...steps];
      }),
    );
  }
  return Int32Array.from(words);
}

/** What a pointer has beyond its low word, taken as a signed number: 0 within the shared memory. */
function highWord(pointer: number): number {
  return (pointer - (pointer | 0)) / 2 ** 32;
}
