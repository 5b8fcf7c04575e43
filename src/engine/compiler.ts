/**
 * What makes vector programs runnable.
 *
 * @module
 */

import type { Program } from "../codegen/program.ts";
import type { Target } from "../codegen/target.ts";
import type { Steps } from "../base/steps.ts";
import type { SharedMemory } from "./shared_memory.ts";

/** A program's code on this thread. Pointers are relative to the start of the shared memory. */
export type TileFunction = (...pointers: number[]) => void;

/** Code for some programs. */
export interface CompiledPrograms {
  /** One function for each program. */
  readonly functions: readonly TileFunction[];
  /** What other threads make their functions from, see `serveTiles()`. */
  readonly code: Uint8Array<ArrayBuffer>;
  /** Gives back what they took outside of the garbage collector's reach. Nobody may be running them. */
  release(): void;
}

/** Turns programs into code. */
export interface Compiler {
  /** What the programs must have been written for. */
  readonly target: Target;
  /**
   * The code of one program by itself, for people to read.
   *
   * @param program What to encode.
   * @param pages Size of the shared memory in pages of 64 KiB.
   */
  encode(program: Program, pages: number): Uint8Array<ArrayBuffer>;
  /** Gets ready to make code that works in one shared memory. */
  open(shared: SharedMemory): Workbench;
}

/** What keeps a compiler from being had. */
export interface Obstacle {
  /** What the host lacks, as the end of a sentence. */
  readonly missing: string;
}

/** Makes code that works in one shared memory. */
export interface Workbench {
  /** What the code lies in, for the threads that run it to hold; `null` if it needs nothing to be held. */
  readonly codeMemory: WebAssembly.Memory | null;
  /** Whether the functions reach arrays outside of the shared memory. */
  readonly reachesArrays: boolean;
  /** Makes the programs' code; `null` if there is no room for more. */
  compiling(programs: readonly Program[]): Steps<CompiledPrograms | null>;
  /**
   * Where an array outside of the shared memory lies, for the functions' pointers: on every thread
   * the same. It must not be freed while functions run. `null` if they do not reach there.
   */
  addressOf(array: Float32Array): number | null;
}
