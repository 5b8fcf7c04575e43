/**
 * Where the buffers of a plan lie in the shared memory, and room for them.
 *
 * @module
 */

import { clamp } from "../base/numbers.ts";
import type { Block } from "../engine/heap.ts";
import type { Runtime } from "../engine/runtime.ts";
import { bufferBytes } from "../engine/work.ts";
import { BUFFER, type Plan, planBytes } from "../kernels/plan.ts";
import type { Loan, Loans } from "./loans.ts";

/** A buffer that lies somewhere already. */
export type Placed = Pick<Loan, "address">;

/** What a plan is going to be run with. */
export interface Room {
  readonly plan: Plan;
  /** Operands that lie where the programs find them already. */
  readonly loans: Loans;
  /** Threads that there is memory for. */
  readonly threads: number;
}

/** A room with the buffers that lie somewhere already, the output among them. */
export interface FurnishedRoom extends Omit<Room, "loans"> {
  readonly placed: ReadonlyMap<number, Placed>;
}

export function withOutput({ plan, threads, loans }: Room, output: Placed): FurnishedRoom {
  return { plan, threads, placed: new Map<number, Placed>([...loans, [BUFFER.output, output]]) };
}

export function placeOutput(runtime: Runtime, plan: Plan): Block {
  return place(runtime, plan, [BUFFER.output], 1, []);
}

/** What a plan takes with some threads, wherever its buffers are placed. */
export function placedBytes(plan: Plan, threads: number): number {
  return planBytes(plan, threads) + plan.buffers.length * CACHE_LINE_BYTES;
}

/**
 * Sees to it that there is room for a plan.
 *
 * @param lent Bytes of it that lie somewhere already.
 * @returns How many threads there is room for.
 */
export function makeRoom(runtime: Runtime, plan: Plan, lent = 0): number {
  const { threads } = runtime;
  if (runtime.makeRoom(placedBytes(plan, threads) - lent)) return threads;
  const one = placedBytes(plan, 1) - lent;
  const each = placedBytes(plan, 2) - lent - one;
  if (each === 0) return threads;
  return clamp(1 + Math.floor((runtime.largestFree - one) / each), 1, threads);
}

/** Takes one block for some of a plan's buffers. */
export function place(
  runtime: Runtime,
  plan: Plan,
  buffers: readonly number[],
  threads: number,
  bases: number[],
): Block {
  const block = runtime.allocate(locate(plan, buffers, threads, 0, bases));
  locate(plan, buffers, threads, block.address, bases);
  return block;
}

const CACHE_LINE_BYTES = 64;

/** Lays some buffers side by side from an address on; returns the bytes they take. */
export function locate(
  plan: Plan,
  buffers: readonly number[],
  threads: number,
  address: number,
  bases: number[],
): number {
  let end = address;
  for (const buffer of buffers) {
    bases[buffer] = end;
    const spec = plan.buffers[buffer];
    const bytes = spec === undefined ? 0 : bufferBytes(spec, threads);
    end += Math.ceil(bytes / CACHE_LINE_BYTES) * CACHE_LINE_BYTES;
  }
  return end - address;
}

export function view(
  runtime: Runtime,
  plan: Plan,
  bases: readonly number[],
  buffer: number,
): Float32Array {
  const { bytes = 0 } = plan.buffers[buffer] ?? {};
  return runtime.floats(bases[buffer] ?? 0, bytes / Float32Array.BYTES_PER_ELEMENT);
}
