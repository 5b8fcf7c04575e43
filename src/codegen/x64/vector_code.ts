/**
 * What differs between the instruction sets of x86-64.
 *
 * @module
 */

import type { Needs } from "./allocate.ts";
import type { Step } from "./linear.ts";
import { type Memory, memoryAt, type Width } from "./assembler.ts";

/** Writes what one instruction set does in its own way. Registers are real ones. */
export interface VectorCode {
  readonly width: Width;
  /** Whether arithmetic can take one element of memory for every lane. */
  readonly broadcasts: boolean;
  /**
   * What a step takes besides its operands; the methods below get so many temporaries. This is asked of
   * every step before anything is written.
   */
  needs(step: Step): Needs;
  /** Sets up what the steps have in common, `eax` being free for it. */
  begin(): void;
  load(dst: number, from: Memory, lanes: number): void;
  store(src: number, to: Memory, lanes: number, temporaries: readonly number[]): void;
  gather(
    dst: number,
    from: Memory,
    offsets: readonly number[],
    temporaries: readonly number[],
  ): void;
  scatter(
    src: number,
    to: Memory,
    offsets: readonly number[],
    temporaries: readonly number[],
  ): void;
  lane(dst: number, src: number, lane: number, temporaries: readonly number[]): void;
  select(dst: number, a: number, b: number, c: number, temporaries: readonly number[]): void;
  shuffle(
    dst: number,
    a: number,
    b: number,
    index: readonly number[],
    temporaries: readonly number[],
  ): void;
}

/** What most steps need. */
export const NOTHING: Needs = { temporaries: 0, early: false };

/** An index vector, or a mask, before the operands have been read: in the result's own register. */
export const IN_RESULT: Needs = { temporaries: 0, early: true };

/** So many temporaries. */
export function temporaries(count: number): Needs {
  return { temporaries: count, early: false };
}

/** The predicate of comparisons that is true where `a <= b` is not, NaN included. */
export const NOT_LESS_OR_EQUAL = 0x16;

/** The address some bytes further. */
export function displaced({ base, offset }: Memory, bytes: number): Memory {
  return memoryAt(base, offset + bytes);
}
