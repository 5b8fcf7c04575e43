/**
 * Runs one piece of a convolution: brings its operands to where the kernels read them, and has the phases run.
 *
 * @module
 */

import type { PhaseRun } from "../engine/dispatcher.ts";
import type { Block } from "../engine/heap.ts";
import type { Runtime, Task } from "../engine/runtime.ts";
import type { EarlyCopy, Filling } from "../engine/transfer.ts";
import type { Phase } from "../engine/work.ts";
import type { Geometry } from "../convolution/geometry.ts";
import { BUFFER } from "../kernels/plan.ts";
import { copyBiases } from "../kernels/single_position.ts";
import { hasSameBytes } from "../platform/bytes.ts";
import { copyBetween, copySpans } from "./copies.ts";
import type { PlannedPiece } from "./plans.ts";
import type { CallKind, StagedOperands } from "./operands.ts";
import { type FurnishedRoom, locate, place, type Room, view } from "./placement.ts";

/**
 * Runs one piece.
 *
 * @param room Where: the output has been placed.
 * @param outputCopy Copies the output while it is being computed.
 */
export function* runPiece(
  runtime: Runtime,
  piece: PlannedPiece,
  operands: StagedOperands,
  { plan, threads, placed }: FurnishedRoom,
  outputCopy: EarlyCopy | null = null,
): Task<void> {
  const bases: number[] = [];
  const blocks: Block[] = [];
  for (const [buffer, { address }] of placed) bases[buffer] = address;
  /** A buffer for an operand, unless it lies somewhere already. */
  const placeOperand = (buffer: number): Float32Array | null => {
    if (placed.has(buffer)) return null;
    blocks.push(place(runtime, plan, [buffer], 1, bases));
    return view(runtime, plan, bases, buffer);
  };
  try {
    blocks.push(
      place(runtime, plan, [BUFFER.padded, BUFFER.scratch, BUFFER.partialSums], threads, bases),
    );
    const { add, call, input } = operands;
    const target = placeOperand(BUFFER.input);
    const addend = add === null ? null : placeOperand(BUFFER.add);
    if (add !== null && addend !== null) {
      yield* stage(call, copySpans(piece.addSpans(), addend, add.elements));
    }
    const filling = target && (yield* stageInput(piece, target, input.elements, call));
    // Weights come last: taking memory may cost the copy of them that is kept.
    const isLent = placed.has(BUFFER.weight);
    if (isLent) blocks.push(stageBias(runtime, plan, operands, bases));
    const preparation = isLent
      ? []
      : [stageWeights(runtime, { plan, threads }, operands, bases, blocks)];
    const phases = phasesOf(runtime, plan.phases, { bases, threads }, outputCopy);
    // The input is read as the first phase begins: what comes after may run when the call has returned.
    yield* whileFilling(filling, inTurn(...preparation, phases));
  } finally {
    for (const block of blocks) runtime.release(block);
  }
}

/** Makes a copy: what has been waiting gets its own time, so that the event loop goes round. */
function* stage(call: CallKind, steps: Iterable<void>): Task<void> {
  if (call === "queued") yield { steps };
  else for (const _ of steps);
}

/**
 * Copies the part of the input that a piece needs.
 *
 * @returns The copy that is still to be made, which others may begin to read before it is complete; `null`
 * if it has been made.
 */
function* stageInput(
  piece: PlannedPiece,
  target: Float32Array,
  input: Float32Array,
  call: CallKind,
): Task<Filling | null> {
  const { firstInput } = piece;
  if (firstInput === null) {
    yield* stage(call, copySpans(piece.inputSpans(), target, input));
    return null;
  }
  return {
    buffer: BUFFER.input,
    length: inputLength(piece.geometry),
    isLive: call === "started",
    copy: (from, to) => target.set(input.subarray(firstInput + from, firstInput + to), from),
  };
}

function inputLength({ batch, inChannels, input }: Geometry): number {
  return input.reduce((a, b) => a * b, batch * inChannels);
}

const WEIGHTS = [BUFFER.weight, BUFFER.bias, BUFFER.packedWeight];

/** Brings the weights to where the kernels read them, unless they are known to be there. */
function* stageWeights(
  runtime: Runtime,
  { plan, threads }: Pick<Room, "plan" | "threads">,
  { weight, bias, frozenKey, weightKey, call }: StagedOperands,
  bases: number[],
  blocks: Block[],
): Task<void> {
  const isPrepared = plan.preparation.length > 0;
  // Weights that are used as they are serve every plan. To copy them is as fast as to compare them, so
  // without a promise only what has been made of them is kept.
  const name = isPrepared ? plan.id : `weights, biases ${plan.biasCopies} times`;
  const owner = frozenKey ?? (isPrepared ? weightKey : null);
  const { residents } = runtime;
  const frozen = frozenKey === null ? undefined : residents.get(frozenKey, name);
  if (frozen !== undefined) {
    locate(plan, WEIGHTS, 1, frozen.address, bases);
    return;
  }
  // What is kept is taken while it may be changed: after an error it is not kept any more.
  const kept = owner === null ? undefined : residents.take(owner, name);
  const block = kept ?? place(runtime, plan, WEIGHTS, 1, bases);
  blocks.push(block);
  locate(plan, WEIGHTS, 1, block.address, bases);
  if (bias !== null) {
    copyBiases(view(runtime, plan, bases, BUFFER.bias), bias, plan.biasCopies);
  }
  const staged = view(runtime, plan, bases, BUFFER.weight).subarray(0, weight.length);
  if (kept === undefined || !hasSameBytes(staged, weight.elements)) {
    if (call === "queued") yield { steps: copyBetween(weight.elements, staged) };
    else staged.set(weight.elements);
    yield* phasesOf(runtime, plan.preparation, { bases, threads });
  }
  if (owner === null) return;
  blocks.splice(blocks.indexOf(block), 1);
  residents.keep(owner, name, block);
}

/** Brings the bias to where the kernels read it, and has room for what they make of weights that they find where they are. */
function stageBias(
  runtime: Runtime,
  plan: PlannedPiece["plan"],
  { bias }: StagedOperands,
  bases: number[],
): Block {
  const block = place(runtime, plan, [BUFFER.bias, BUFFER.packedWeight], 1, bases);
  if (bias !== null) copyBiases(view(runtime, plan, bases, BUFFER.bias), bias, plan.biasCopies);
  return block;
}

/**
 * Phases one after the other.
 *
 * @param where Where their buffers are.
 * @param emptying Copies what the last one writes while it runs.
 */
export function* phasesOf(
  runtime: Runtime,
  phases: readonly Phase[],
  where: Required<Pick<PhaseRun, "bases" | "threads">>,
  emptying: EarlyCopy | null = null,
): Task<void> {
  const last = phases.at(-1);
  for (const phase of phases) {
    if (!runtime.hasCode([phase])) yield { steps: runtime.compiling(phase) };
    yield { ...where, phase, emptying: phase === last ? emptying : null };
  }
}

function* inTurn(...tasks: readonly Task<void>[]): Task<void> {
  for (const task of tasks) yield* task;
}

/** A task during whose first phase a buffer is filled. */
function* whileFilling(filling: Filling | null, task: Task<void>): Task<void> {
  let left = filling;
  for (const run of task) {
    if ("phase" in run) {
      yield { ...run, filling: left };
      left = null;
    } else yield run;
  }
}
