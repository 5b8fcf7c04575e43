/**
 * Buffers of a plan that need not be copied: what they hold lies where the kernels find it already.
 *
 * @module
 */

import { SharedResult } from "../engine/results.ts";
import type { Runtime } from "../engine/runtime.ts";
import type { BufferSpec } from "../engine/work.ts";
import type { Values } from "../tensor/values.ts";

/** Memory that may be used, and must be given back. */
export interface Loan {
  /** Relative to the start of the shared memory. */
  readonly address: number;
  giveBack(): void;
}

/** The buffers that are on loan, by their index. */
export type Loans = ReadonlyMap<number, Loan>;

/** No buffer at all. */
export const NO_LOANS: Loans = new Map();

/** What is smaller is copied sooner than it is found out where it lies. */
const LEAST_LENGTH = 4096;

/** Whether an array of so many elements is better used where it lies. */
export function isWorthBorrowing(length: number): boolean {
  return length >= LEAST_LENGTH;
}

/** The operating system protects memory by the page. */
const PAGE_BYTES = 4096;

/**
 * Arrays on loan: they must not be freed. Some stay for ever: what a thread which got lost may still read or write
 * one day, if it comes back, and what a call had borrowed that was ended by the time limit of a script.
 */
const onLoan = new Set<Loan>();

/** The values of an operand where they lie, if they lie in the shared memory. */
export function borrowResult(runtime: Runtime, values: Values | null): Loan | null {
  return values instanceof SharedResult ? values.borrow(runtime.shared) : null;
}

/**
 * An array outside of the shared memory, for programs that reach there.
 *
 * @param array Nobody else may change it before it is given back.
 * @param spec The buffer that it is to be. Vector loads may reach beyond its last element: that must
 * not be on another page.
 * @returns `null` if the array has to be copied.
 */
export function borrowArray(
  runtime: Runtime,
  array: Float32Array,
  { bytes }: BufferSpec,
): Loan | null {
  if (!isWorthBorrowing(array.length)) return null;
  const address = runtime.addressOf(array);
  if (address === null) return null;
  const page = (byte: number) => Math.floor((address + byte) / PAGE_BYTES);
  if (page(bytes - 1) > page(array.byteLength - 1)) return null;
  const loan = {
    array,
    address,
    giveBack() {
      if (!runtime.lostThread) onLoan.delete(loan);
    },
  };
  onLoan.add(loan);
  return loan;
}

/** An array outside of the shared memory that is only written, every element by itself. */
export function borrowOutput(runtime: Runtime, array: Float32Array): Loan | null {
  return borrowArray(runtime, array, { name: "output", bytes: array.byteLength });
}
