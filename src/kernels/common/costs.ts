/**
 * About how long the targets' instructions take, for estimates that are compared with each other: cores of
 * some 3 GHz, of which one with AVX2 or AVX-512 does two multiply-adds a cycle.
 *
 * @module
 */

import type { Target } from "../../codegen/target.ts";

/** Nanoseconds of a cycle of machine code. */
export const CYCLE_NANOSECONDS = 0.33;

/** Nanoseconds to bring an element in, or out, where there is little to compute beside it. */
export const MOVE_NANOSECONDS = 0.25;

/** Nanoseconds to pack an element. */
export const COPY_NANOSECONDS = 0.33;

/**
 * Nanoseconds of a multiply-add of vectors inside a register tile, beside its loads and, in WebAssembly, the
 * checks of its accesses.
 */
export function multiplyAddNanoseconds({ name }: Target): number {
  return { wasm: 0.21, avx2: CYCLE_NANOSECONDS / 2, avx512: CYCLE_NANOSECONDS / 2 }[name];
}
