/**
 * From arrays to arrays: plans a convolution, stages its operands in the engine's memory, has the
 * phases run, and collects the output.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { describeBytes } from "../base/checks.ts";
import { clamp } from "../base/numbers.ts";
import { type Engine, runtimeOf } from "../engine/engine.ts";
import type { PhaseRun } from "../engine/dispatcher.ts";
import type { Block } from "../engine/heap.ts";
import type { Runtime, Task } from "../engine/runtime.ts";
import type { EarlyCopy, Filling } from "../engine/transfer.ts";
import { bufferBytes, type Phase } from "../engine/work.ts";
import type { Geometry } from "../convolution/geometry.ts";
import type { Algorithm } from "../convolution/algorithm.ts";
import { BUFFER, type Form, type Plan, planBytes } from "../kernels/plan.ts";
import { copyBiases } from "../kernels/single_position.ts";
import type { ActivationSettings } from "../convolution/epilogue.ts";
import { ArrayValues, copyOf, mayShare, type Values } from "../tensor/values.ts";
import { canBeEndedByOthers } from "../platform/threads.ts";
import {
  borrowArray,
  borrowOutput,
  borrowResult,
  isWorthBorrowing,
  type Loan,
  type Loans,
  NO_LOANS,
} from "./loans.ts";
import { copyBetween, copySpans, writable } from "./copies.ts";
import { knownPiece, type PlannedPiece, plannedPieces } from "./plans.ts";

/** The arrays of one convolution, row-major: input `(N, C, ...)`, weight as in `torch.nn`. */
export interface Operands {
  readonly input: Values;
  readonly weight: Float32Array;
  readonly bias: Float32Array | null;
  /** What is added to the output, of its shape. */
  readonly add: Values | null;
  /** Where the output goes, of its shape; `null` for an array of its own. */
  readonly out: Float32Array | null;
  /** What is applied to the output. */
  readonly activation: ActivationSettings;
  /** How to compute. */
  readonly algorithm: Algorithm;
  /**
   * Where weight and bias will never change again, the identity under which the engine may keep its
   * copy of them and never look again.
   */
  readonly frozenKey: object | null;
  /** The identity of the weights, under which the engine may keep what it has made of them. */
  readonly weightKey: object;
}

/**
 * What a call is: synchronous; asynchronous and started at once, so that its operands are the user's, and are
 * read before the call returns; or asynchronous and waiting for others, with operands of its own.
 */
type CallKind = "sync" | "started" | "queued";

/** Operands of a call under way. */
interface StagedOperands extends Operands {
  readonly call: CallKind;
}

/**
 * Whether the programs of a call may work in arrays outside of the shared memory. When a thread ends, its arrays
 * are freed, whoever is at work in them. So that is for calls that nobody can end in the middle: synchronous ones,
 * except in a worker, which can be terminated; and those on which no other thread works.
 */
function mayReachArrays(runtime: Runtime, call: CallKind): boolean {
  if (!runtime.reachesArrays) return false;
  return runtime.workers === 0 || call === "sync" && !IS_ENDED_BY_OTHERS;
}

const IS_ENDED_BY_OTHERS = canBeEndedByOthers();

/**
 * Computes a convolution and blocks until it is done.
 *
 * @returns The geometry's output, row-major.
 * @throws {RangeError} If it does not fit into the engine's memory even in pieces.
 */
export function convolveSync(engine: Engine, geometry: Geometry, operands: Operands): Values {
  const runtime = runtimeOf(engine);
  if (geometry.batch === 0) return new ArrayValues(operands.out ?? newOutput(geometry));
  const pieces = plannedPieces(runtime, geometry, formOf(operands));
  const staged = { ...operands, call: "sync" } as const;
  return runtime.runSync(convolution(runtime, geometry, pieces, staged));
}

/**
 * Computes a convolution in the background. The operands have been read when the call returns: they
 * may be changed from then on.
 *
 * @returns The geometry's output, row-major.
 * @throws {RangeError} If it does not fit into the engine's memory even in pieces.
 */
export function convolve(
  engine: Engine,
  geometry: Geometry,
  operands: Operands,
): Promise<Values> {
  const runtime = runtimeOf(engine);
  if (geometry.batch === 0) {
    return Promise.resolve(new ArrayValues(operands.out ?? newOutput(geometry)));
  }
  const whole = runtime.idle ? readyPiece(runtime, geometry, formOf(operands)) : null;
  if (whole === null) return runtime.runLater(planned(runtime, geometry, snapshot(operands)));
  const staged = { ...operands, call: "started" } as const;
  return runtime.run(convolution(runtime, geometry, [whole], staged));
}

/** A convolution as one piece, if it can begin at once: it is planned, and the code is there. */
function readyPiece(runtime: Runtime, geometry: Geometry, form: Form): PlannedPiece | null {
  const whole = knownPiece(runtime, geometry, form);
  if (whole === null) return null;
  const { plan } = whole;
  return runtime.hasCode(plan.preparation) && runtime.hasCode(plan.phases) ? whole : null;
}

/** A convolution that is planned first, while the event loop goes round. */
function* planned(
  runtime: Runtime,
  geometry: Geometry,
  operands: StagedOperands,
): Task<Values> {
  let pieces: readonly PlannedPiece[] = [];
  const steps = atOnce(() => {
    pieces = plannedPieces(runtime, geometry, formOf(operands));
  });
  yield { steps };
  return yield* convolution(runtime, geometry, pieces, operands);
}

/** @throws {RangeError} If the host has no such array to give. */
function newOutput(geometry: Geometry): Float32Array {
  const length = outputLength(geometry);
  try {
    return new Float32Array(length);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const bytes = describeBytes(length * Float32Array.BYTES_PER_ELEMENT);
    throw new RangeError(`The output takes ${bytes}, and there is no such array to be had`);
  }
}

function inputLength({ batch, inChannels, input }: Geometry): number {
  return input.reduce((a, b) => a * b, batch * inChannels);
}

function outputLength({ batch, outChannels, output }: Geometry): number {
  return output.reduce((a, b) => a * b, batch * outChannels);
}

/** What a convolution with some operands is besides its sizes. */
function formOf({ bias, add, activation, algorithm }: Operands): Form {
  return { hasBias: bias !== null, epilogue: { ...activation, add: add !== null }, algorithm };
}

type Weights = Pick<Operands, "weight" | "bias">;

/** Copies of the operands, for a call that has to wait. */
function snapshot(operands: Operands): StagedOperands {
  const { input, add, frozenKey } = operands;
  const own = (values: Values) => new ArrayValues(values.copy());
  const activations = { input: own(input), add: add && own(add) };
  const weights = frozenKey === null ? copyWeights(operands) : frozenWeights(frozenKey, operands);
  return { ...operands, ...activations, ...weights, call: "queued" };
}

function copyWeights({ weight, bias }: Weights): Weights {
  return { weight: copyOf(weight), bias: bias && copyOf(bias) };
}

/** Copies of weights that do not change: all calls that wait share one. */
const frozenCopies = new WeakMap<object, Weights>();

function frozenWeights(key: object, operands: Weights): Weights {
  const copies = frozenCopies.get(key) ?? copyWeights(operands);
  frozenCopies.set(key, copies);
  return copies;
}

function* convolution(
  runtime: Runtime,
  geometry: Geometry,
  pieces: readonly PlannedPiece[],
  operands: StagedOperands,
): Task<Values> {
  const { out } = operands;
  if (out === null || !isRead(out.buffer, operands)) {
    return yield* runPieces(runtime, geometry, pieces, operands);
  }
  // What is still to be read may not be written to.
  const apart = { ...operands, out: null };
  const { elements } = yield* runPieces(runtime, geometry, pieces, apart);
  yield { steps: copyBetween(elements, out) };
  return new ArrayValues(out);
}

/** Whether some of the operands may lie in a buffer. */
function isRead(buffer: ArrayBufferLike, { input, add, weight, bias }: Operands): boolean {
  return input.liesIn(buffer) || add?.liesIn(buffer) === true ||
    [weight, bias].some((array) => array !== null && mayShare(array.buffer, buffer));
}

function* runPieces(
  runtime: Runtime,
  geometry: Geometry,
  pieces: readonly PlannedPiece[],
  operands: StagedOperands,
): Task<Values> {
  const [whole, ...others] = pieces;
  if (whole !== undefined && others.length === 0) return yield* runWhole(runtime, whole, operands);
  const output = operands.out ?? newOutput(geometry);
  for (const piece of pieces) {
    runtime.renew();
    const { plan } = piece;
    if (operands.call === "queued") {
      yield { steps: runtime.makingRoom(placedBytes(plan, runtime.threads)) };
    }
    const room = { plan, loans: NO_LOANS, threads: makeRoom(runtime, plan) };
    const block = placeOutput(runtime, plan);
    try {
      yield* runPiece(runtime, piece, operands, withOutput(room, block));
      const result = runtime.floats(block.address, outputLength(piece.geometry));
      yield { steps: copySpans(piece.outputSpans(), output, result) };
    } finally {
      runtime.release(block);
    }
  }
  return new ArrayValues(output);
}

/** A convolution in one piece: what goes in and what comes out may stay where it is. */
function* runWhole(runtime: Runtime, piece: PlannedPiece, operands: StagedOperands): Task<Values> {
  const { plan } = piece;
  if (operands.call === "queued") {
    yield { steps: runtime.makingRoom(placedBytes(plan, runtime.threads)) };
  }
  const room = borrow(runtime, plan, operands);
  try {
    if (operands.out !== null) {
      return yield* runIntoOut(runtime, piece, operands, room, operands.out);
    }
    return yield* runIntoArray(runtime, piece, operands, room) ??
      runIntoMemory(runtime, piece, operands, room);
  } finally {
    for (const loan of room.loans.values()) loan.giveBack();
  }
}

/** Computes an output where it is to stay, in an array; `null` if the programs do not reach there. */
function runIntoArray(
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
function* runIntoMemory(
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
function* runIntoOut(
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

/** A buffer that lies somewhere already. */
type Placed = Pick<Loan, "address">;

/** What a plan is going to be run with. */
interface Room {
  readonly plan: Plan;
  /** Operands that lie where the programs find them already. */
  readonly loans: Loans;
  /** Threads that there is memory for. */
  readonly threads: number;
}

/** A room with the buffers that lie somewhere already, the output among them. */
interface FurnishedRoom extends Omit<Room, "loans"> {
  readonly placed: ReadonlyMap<number, Placed>;
}

function withOutput({ plan, threads, loans }: Room, output: Placed): FurnishedRoom {
  return { plan, threads, placed: new Map<number, Placed>([...loans, [BUFFER.output, output]]) };
}

function placeOutput(runtime: Runtime, plan: Plan): Block {
  return place(runtime, plan, [BUFFER.output], 1, []);
}

/** What a plan takes with some threads, wherever its buffers are placed. */
function placedBytes(plan: Plan, threads: number): number {
  return planBytes(plan, threads) + plan.buffers.length * CACHE_LINE_BYTES;
}

/**
 * Sees to it that there is room for a plan.
 *
 * @param lent Bytes of it that lie somewhere already.
 * @returns How many threads there is room for.
 */
function makeRoom(runtime: Runtime, plan: Plan, lent = 0): number {
  const { threads } = runtime;
  if (runtime.makeRoom(placedBytes(plan, threads) - lent)) return threads;
  const one = placedBytes(plan, 1) - lent;
  const each = placedBytes(plan, 2) - lent - one;
  if (each === 0) return threads;
  return clamp(1 + Math.floor((runtime.largestFree - one) / each), 1, threads);
}

/**
 * Sees to it that there is room, and borrows the operands that the kernels can read where they lie,
 * unless that is in the way of the rest.
 */
function borrow(runtime: Runtime, plan: Plan, { input, add, call }: StagedOperands): Room {
  const loans = new Map<number, Loan>();
  let lent = 0;
  const reaches = call !== "started" && mayReachArrays(runtime, call);
  for (const [buffer, values] of [[BUFFER.input, input], [BUFFER.add, add]] as const) {
    const spec = plan.buffers[buffer];
    if (values === null || spec === undefined) continue;
    const loan = borrowResult(runtime, values) ??
      (reaches ? borrowArray(runtime, values.elements, spec) : null);
    if (loan === null) continue;
    loans.set(buffer, loan);
    lent += spec.bytes;
  }
  const threads = makeRoom(runtime, plan, lent);
  if (loans.size === 0 || runtime.makeRoom(planBytes(plan, 1) - lent)) {
    return { plan, loans, threads };
  }
  for (const loan of loans.values()) loan.giveBack();
  return { plan, loans: NO_LOANS, threads: makeRoom(runtime, plan) };
}

/**
 * Runs one piece.
 *
 * @param room Where: the output has been placed.
 * @param outputCopy Copies the output while it is being computed.
 */
function* runPiece(
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
    blocks.push(place(runtime, plan, [BUFFER.padded, BUFFER.scratch], threads, bases));
    const { add, call, input } = operands;
    const target = placeOperand(BUFFER.input);
    const addend = add === null ? null : placeOperand(BUFFER.add);
    if (add !== null && addend !== null) {
      yield* stage(call, copySpans(piece.addSpans(), addend, add.elements));
    }
    const filling = target && (yield* stageInput(piece, target, input.elements, call));
    // Weights come last: taking memory may cost the copy of them that is kept.
    const preparation = stageWeights(runtime, { plan, threads }, operands, bases, blocks);
    const phases = phasesOf(runtime, plan.phases, { bases, threads }, outputCopy);
    // The input is read as the first phase begins: what comes after may run when the call has returned.
    yield* whileFilling(filling, inTurn(preparation, phases));
  } finally {
    for (const block of blocks) runtime.release(block);
  }
}

/** Makes a copy: what has been waiting gets its own time, so that the event loop goes round. */
function* stage(call: CallKind, steps: Iterable<void>): Task<void> {
  if (call === "queued") yield { steps };
  else for (const _ of steps);
}

/** Something that cannot be done bit by bit. */
function* atOnce(work: () => void): Iterable<void> {
  yield work();
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
  if (kept === undefined || !hasSameBytes(staged, weight)) {
    if (call === "queued") yield { steps: copyBetween(weight, staged) };
    else staged.set(weight);
    yield* phasesOf(runtime, plan.preparation, { bases, threads });
  }
  if (owner === null) return;
  blocks.splice(blocks.indexOf(block), 1);
  residents.keep(owner, name, block);
}

/** Whether two arrays are the same to the bit; as fast as the memory. */
function hasSameBytes(a: Float32Array, b: Float32Array): boolean {
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) =>
    Buffer.from(buffer, byteOffset, byteLength);
  return Buffer.compare(bytes(a), bytes(b)) === 0;
}

/**
 * Phases one after the other.
 *
 * @param where Where their buffers are.
 * @param emptying Copies what the last one writes while it runs.
 */
function* phasesOf(
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

/** Takes one block for some of a plan's buffers. */
function place(
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
function locate(
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

function view(
  runtime: Runtime,
  plan: Plan,
  bases: readonly number[],
  buffer: number,
): Float32Array {
  const { bytes = 0 } = plan.buffers[buffer] ?? {};
  return runtime.floats(bases[buffer] ?? 0, bytes / Float32Array.BYTES_PER_ELEMENT);
}
