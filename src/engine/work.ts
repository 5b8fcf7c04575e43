/**
 * Work as the engine sees it: buffers, and phases of independent tiles over them. Plain data.
 *
 * @module
 */

import type { Program } from "../codegen/program.ts";

/** A piece of shared memory that lives as long as one piece of work. */
export interface BufferSpec {
  readonly name: string;
  /** Size, what vector loads read beyond the last element included. */
  readonly bytes: number;
  /** Whether every thread has one of its own; it lies `bytes` behind that of the thread before. */
  readonly perThread?: boolean;
}

/** Bytes that a buffer takes with a number of threads. */
export function bufferBytes({ bytes, perThread = false }: BufferSpec, threads: number): number {
  return perThread ? bytes * threads : bytes;
}

/** One pointer argument as a function of the tile's place in its grid. */
export interface GridArgument {
  /** Index of the buffer it points into. */
  readonly buffer: number;
  /** Byte offset for the first tile. */
  readonly offset: number;
  /** Bytes from one thread's buffer to the next, where every thread has one of its own. */
  readonly threadStep: number;
  /** Bytes from one tile to the next, for each axis of the grid. */
  readonly steps: readonly number[];
}

/** Tiles that run the same program: one for each point of a box. */
export interface Grid {
  /** Index of the program in its phase. */
  readonly program: number;
  readonly extents: readonly number[];
  readonly args: readonly GridArgument[];
}

/** Tiles that may run at once and in any order. The next phase begins when all are done. */
export interface Phase {
  readonly name: string;
  readonly programs: readonly Program[];
  readonly grids: readonly Grid[];
  /**
   * About how long its tiles take one thread, in microseconds: what takes no longer than waking a worker
   * is not shared.
   */
  readonly cost: number;
}

/** A computation: its phases run one after the other. */
export interface Work {
  readonly buffers: readonly BufferSpec[];
  readonly phases: readonly Phase[];
}

/** How many tiles a grid has. */
export function gridTiles(grid: Grid): number {
  return grid.extents.reduce((product, extent) => product * extent, 1);
}

/** How many tiles a phase has. */
export function phaseTiles(phase: Phase): number {
  return phase.grids.reduce((sum, grid) => sum + gridTiles(grid), 0);
}
