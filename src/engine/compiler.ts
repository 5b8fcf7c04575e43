/**
 * What makes vector programs runnable.
 *
 * @module
 */

import type { Program } from "../codegen/program.ts";
import type { Target } from "../codegen/target.ts";

/** A program that can be called with the address of each of its buffers in the shared memory. */
export type TileFunction = (...pointers: number[]) => void;

/** Programs that can be run. */
export interface CompiledPrograms {
  /** On this thread. */
  readonly functions: readonly TileFunction[];
  /** From which every other thread makes its own; see `serveTiles` in `workers/tiles.ts`. */
  readonly code: Uint8Array<ArrayBuffer>;
  /** Frees what they took outside of the garbage collector's reach. Nobody may be running them. */
  release(): void;
}

/** Turns programs into code that works in one shared memory. */
export interface Compiler {
  /** What the programs must have been written for. */
  readonly target: Target;
  /** Whether the functions reach arrays outside of the shared memory. */
  readonly reachesArrays: boolean;
  /**
   * Where an array outside of the shared memory lies, for the functions' pointers: on every thread
   * the same. It must not be freed while functions run. `null` if they do not reach there.
   */
  addressOf(array: Float32Array, memory: WebAssembly.Memory): number | null;
  /**
   * The code of one program by itself, for people to read.
   *
   * @param program What to encode.
   * @param pages Size of the shared memory in pages of 64 KiB.
   */
  encode(program: Program, pages: number): Uint8Array<ArrayBuffer>;
  compile(
    programs: readonly Program[],
    memory: WebAssembly.Memory,
    pages: number,
  ): CompiledPrograms;
}
