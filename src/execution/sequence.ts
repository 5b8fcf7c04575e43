/**
 * Runs convolutions and what is between them one after the other: what one makes is what others take, and stays
 * where it is as long as anybody asks for it.
 *
 * @module
 */

import type { Geometry } from "../convolution/geometry.ts";
import { type Engine, runtimeOf } from "../engine/engine.ts";
import type { Runtime, Task } from "../engine/runtime.ts";
import { BUFFER, type Plan } from "../kernels/plan.ts";
import { ArrayValues, copyOf, type Values } from "../tensor/values.ts";
import { convolution } from "./convolve.ts";
import { copyBetween } from "./copies.ts";
import { type MapPrograms, runMap } from "./map.ts";
import { type CallKind, formOf, type Operands, type StagedOperands } from "./operands.ts";
import { runPiece } from "./piece.ts";
import { makeRoom, type Placed, placedBytes } from "./placement.ts";
import { Places, type Slot } from "./places.ts";
import { plannedPieces } from "./plans.ts";

/** What a convolution is computed from, besides what other steps make. */
export type StepOperands = Omit<Operands, "input" | "add" | "out">;

/** A convolution, or another pass of the kernels. */
export interface ConvolutionStep {
  readonly kind: "convolution";
  readonly geometry: Geometry;
  readonly operands: StepOperands;
  readonly input: Slot;
  readonly add: Slot | null;
  readonly output: Slot;
}

/** Something that is made of arrays: by the threads, or bit by bit by the calling one. */
export interface ArrayStep {
  readonly kind: "arrays";
  readonly inputs: readonly Slot[];
  readonly output: Slot;
  /** What the threads do; `null` if they cannot. */
  readonly programs: MapPrograms | null;
  /** What the calling thread does where they cannot, or where there is no room for them. */
  readonly compute: (inputs: readonly Float32Array[], output: Float32Array) => Iterable<void>;
}

/** A step, and the places that nobody asks for after it. */
export interface Step {
  readonly work: ConvolutionStep | ArrayStep;
  readonly closes: readonly number[];
}

/** Steps in their order. */
export interface Sequence {
  /** Elements of each place. */
  readonly places: readonly number[];
  readonly steps: readonly Step[];
  readonly inputs: readonly Slot[];
  readonly outputs: readonly Slot[];
}

/**
 * Runs a sequence and blocks until it is done.
 *
 * @param inputs One for each slot, as long as it.
 * @param onStep Is told of each step that is done.
 * @returns The outputs, in arrays of their own.
 */
export function runSequenceSync(
  engine: Engine,
  sequence: Sequence,
  inputs: readonly Values[],
  onStep: (index: number) => void = () => {},
): Float32Array<ArrayBuffer>[] {
  const runtime = runtimeOf(engine);
  return runtime.runSync(running(runtime, sequence, inputs, "sync", onStep));
}

/** The same in the background; the inputs have been read when the call returns. */
export function runSequence(
  engine: Engine,
  sequence: Sequence,
  inputs: readonly Values[],
): Promise<Float32Array<ArrayBuffer>[]> {
  const runtime = runtimeOf(engine);
  const own = inputs.map((values) => new ArrayValues(values.copy()));
  return runtime.runLater(running(runtime, sequence, own, "queued", () => {}));
}

function* running(
  runtime: Runtime,
  sequence: Sequence,
  inputs: readonly Values[],
  call: CallKind,
  onStep: (index: number) => void,
): Task<Float32Array<ArrayBuffer>[]> {
  const places = new Places(runtime, sequence.places);
  try {
    for (const [i, slot] of sequence.inputs.entries()) {
      places.open(slot.place);
      const values = inputs[i];
      if (values) yield { steps: copyBetween(values.elements, places.elements(slot)) };
    }
    for (const [index, { work, closes }] of sequence.steps.entries()) {
      places.open(work.output.place);
      if (work.kind === "convolution") yield* runConvolution(runtime, places, work, call);
      else yield* runArrays(runtime, places, work);
      for (const place of closes) places.close(place);
      if (runtime.lostThread) leaveMemory(runtime, places);
      onStep(index);
    }
    return sequence.outputs.map((slot) => copyOf(places.elements(slot)));
  } finally {
    places.closeAll();
  }
}

/** Goes on in another memory: a lost thread may still write to this one. */
function leaveMemory(runtime: Runtime, places: Places): void {
  places.moveOut();
  runtime.renew();
}

function* runArrays(runtime: Runtime, places: Places, step: ArrayStep): Task<void> {
  const { inputs, output, programs, compute } = step;
  if (programs !== null) { for (const { place } of [output, ...inputs]) places.moveIn(place); }
  const [end, ...starts] = [output, ...inputs].map((slot) => places.addressOf(slot));
  const isPlaced = output.length > 0 && starts.every((address) => address !== null);
  if (programs !== null && isPlaced && end !== undefined && end !== null) {
    const isDone = yield* runMap(runtime, programs, { inputs: starts, output: end });
    if (isDone) return;
  }
  const arrays = inputs.map((slot) => places.elements(slot));
  yield { steps: compute(arrays, places.elements(output)) };
}

function* runConvolution(
  runtime: Runtime,
  places: Places,
  step: ConvolutionStep,
  call: CallKind,
): Task<void> {
  const { geometry, operands, input, add, output } = step;
  if (geometry.batch === 0) return;
  const values = (slot: Slot) => new ArrayValues(places.elements(slot));
  const staged = (): StagedOperands => ({
    ...operands,
    input: values(input),
    add: add && values(add),
    out: null,
    call,
  });
  const pieces = plannedPieces(runtime, geometry, formOf(staged()));
  const [whole, ...others] = pieces;
  if (whole !== undefined && others.length === 0) {
    const placed = placedOperands(places, step);
    const threads = placed === null ? 0 : roomFor(runtime, whole.plan, placed);
    if (placed !== null && threads > 0) {
      return yield* runPiece(runtime, whole, staged(), { plan: whole.plan, threads, placed });
    }
  }
  places.moveOut();
  const result = yield* convolution(runtime, geometry, pieces, staged());
  yield { steps: copyBetween(result.elements, places.elements(output)) };
}

/** The operands where they lie in the shared memory, `null` unless all do. */
function placedOperands(
  places: Places,
  { input, add, output }: ConvolutionStep,
): Map<number, Placed> | null {
  const placed = new Map<number, Placed>();
  const slots = [[BUFFER.input, input], [BUFFER.add, add], [BUFFER.output, output]] as const;
  for (const [buffer, slot] of slots) {
    if (slot === null) continue;
    const address = places.addressOf(slot);
    if (address === null) return null;
    placed.set(buffer, { address });
  }
  return placed;
}

/** Threads that there is memory for beside what is placed; 0 if there is too little for one. */
function roomFor(runtime: Runtime, plan: Plan, placed: ReadonlyMap<number, Placed>): number {
  let lent = 0;
  for (const buffer of placed.keys()) lent += plan.buffers[buffer]?.bytes ?? 0;
  return runtime.makeRoom(placedBytes(plan, 1) - lent) ? makeRoom(runtime, plan, lent) : 0;
}
