/**
 * Where the output of a convolution goes: an array, a part of the shared memory until it is read, or a tensor of
 * the user's.
 *
 * @module
 */

import { describeBytes } from "../base/checks.ts";
import type { Runtime, Task } from "../engine/runtime.ts";
import type { EarlyCopy } from "../engine/transfer.ts";
import type { Geometry } from "../convolution/geometry.ts";
import { BUFFER } from "../kernels/plan.ts";
import { ArrayValues, copyOf, type Values } from "../tensor/values.ts";
import { borrowOutput, isWorthBorrowing } from "./loans.ts";
import { copyBetween, writable } from "./copies.ts";
import type { PlannedPiece } from "./plans.ts";
import { mayReachArrays, type StagedOperands } from "./operands.ts";
import { placeOutput, type Room, withOutput } from "./placement.ts";
import { runPiece } from "./piece.ts";

/** @throws {RangeError} If the host has no such array to give. */
export function newOutput(geometry: Geometry): Float32Array {
  const length = outputLength(geometry);
  try {
    return new Float32Array(length);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const bytes = describeBytes(length * Float32Array.BYTES_PER_ELEMENT);
    throw new RangeError(`The output takes ${bytes}, and there is no such array to be had`);
  }
}

export function outputLength({ batch, outChannels, output }: Geometry): number {
  return output.reduce((a, b) => a * b, batch * outChannels);
}

/** Computes an output where it is to stay, in an array; `null` if the programs do not reach there. */
export function runIntoArray(
  runtime: Runtime,
  piece: PlannedPiece,
  operands: StagedOperands,
  room: Room,
): Task<Values> | null {
  const { call } = operands;
  const length = outputLength(piece.geometry);
  if (!mayReachArrays(runtime, call) || !isWorthBorrowing(length)) return null;
  const array = newOutput(piece.geometry);
  const output = borrowOutput(runtime, array);
  if (output === null) return null;
  const run = function* () {
    try {
      yield* runPiece(runtime, piece, operands, withOutput(room, output));
      // What a lost thread may still write to is not what is given away.
      return new ArrayValues(runtime.lostThread ? copyOf(array) : array);
    } finally {
      output.giveBack();
    }
  };
  return run();
}

/** Computes an output in the shared memory, where it stays until it is read. */
export function* runIntoMemory(
  runtime: Runtime,
  piece: PlannedPiece,
  operands: StagedOperands,
  room: Room,
): Task<Values> {
  const { geometry } = piece;
  const { results } = runtime;
  const { call, weightKey } = operands;
  const block = placeOutput(runtime, room.plan);
  const length = outputLength(geometry);
  const source = runtime.floats(block.address, length);
  const copy = new OutputCopy(source, () => newOutput(geometry));
  const isRead = results.areReadFrom(weightKey);
  const isEarly = runtime.workers > 0 && isWorthBorrowing(length) && isRead === true;
  // Whoever reads it later would make the copy in one go.
  const isPaced = call !== "sync" && length >= LEAST_PACED_LENGTH &&
    (isRead !== false || !results.hasRoomFor(block.bytes));
  try {
    yield* runPiece(runtime, piece, operands, withOutput(room, block), isEarly ? copy : null);
    if (isPaced) yield* copy.rest();
    if (call !== "sync") yield { steps: results.makingRoomFor(block.bytes) };
  } catch (error) {
    runtime.release(block);
    throw error;
  }
  // What a lost thread may still write to is not what is given away.
  if (runtime.lostThread) return new ArrayValues(copy.array ?? copyOf(source));
  return results.keep(block, length, weightKey, copy.array);
}

/** A copy of more takes some milliseconds, for which asynchronous calls do not keep the event loop. */
const LEAST_PACED_LENGTH = 2 ** 20;

/**
 * Computes an output in the shared memory and copies it to where the user wants it. Machine code could
 * write it there, but so could a thread that got lost and comes back one day.
 */
export function* runIntoOut(
  runtime: Runtime,
  piece: PlannedPiece,
  operands: StagedOperands,
  room: Room,
  out: Float32Array,
): Task<Values> {
  const block = placeOutput(runtime, room.plan);
  try {
    const source = runtime.floats(block.address, outputLength(piece.geometry));
    const copy = new OutputCopy(source, () => out);
    yield* runPiece(runtime, piece, operands, withOutput(room, block), copy);
    yield* copy.rest();
  } finally {
    runtime.release(block);
  }
  return new ArrayValues(out);
}

/** An output that is copied to an array while it is being computed, if that is worth it. */
class OutputCopy implements EarlyCopy {
  readonly buffer = BUFFER.output;
  readonly length: number;
  readonly #source: Float32Array;
  readonly #target: () => Float32Array;
  #array: Float32Array | null = null;

  /**
   * @param source The output in the shared memory.
   * @param target Gives the array.
   */
  constructor(source: Float32Array, target: () => Float32Array) {
    this.#source = source;
    this.#target = target;
    this.length = source.length;
  }

  /** The copy, complete when the output is; `null` if none has been made. */
  get array(): Float32Array | null {
    return this.#array;
  }

  open(): void {
    this.#array = this.#target();
  }

  copy(from: number, to: number): void {
    if (this.#array === null) return;
    writable(this.#array).set(this.#source.subarray(from, to), from);
  }

  /** Makes the copy now, unless it has been made. */
  *rest(): Task<void> {
    if (this.#array !== null) return;
    const array = this.#target();
    this.#array = array;
    yield { steps: copyBetween(this.#source, array) };
  }
}
