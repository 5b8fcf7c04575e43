/**
 * From arrays to arrays: plans a convolution, stages its operands in the engine's memory, has the
 * phases run, and collects the output.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { type Engine, runtimeOf } from "../engine/engine.ts";
import type { Block } from "../engine/heap.ts";
import type { Runtime, Task } from "../engine/runtime.ts";
import type { EarlyTransfer, Transfer } from "../engine/transfer.ts";
import { bufferBytes, type Phase } from "../engine/work.ts";
import type { Geometry } from "../geometry.ts";
import type { Algorithm } from "../kernels/algorithm.ts";
import { BUFFER, type Form, type Plan, planBytes, planFor } from "../kernels/plan.ts";
import { copyBiases } from "../kernels/single_position.ts";
import type { ActivationSettings } from "./activation.ts";
import { ArrayValues, copyOf, type Values } from "../values.ts";
import {
  borrowArray,
  borrowOutput,
  borrowResult,
  isWorthBorrowing,
  type Loan,
  type Loans,
  NO_LOANS,
} from "./loans.ts";
import { type Piece, piecesOf } from "./pieces.ts";

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

/** Operands of a call under way. */
interface StagedOperands extends Operands {
  /** Whether nobody can change them before it is done; otherwise they are read before its first phase. */
  readonly areLasting: boolean;
}

/**
 * Computes a convolution and blocks until it is done.
 *
 * @returns The geometry's output, row-major.
 * @throws {RangeError} If it does not fit into the engine's memory even in pieces.
 */
export function convolveSync(engine: Engine, geometry: Geometry, operands: Operands): Values {
  const runtime = runtimeOf(engine);
  if (geometry.batch === 0) return new ArrayValues(operands.out ?? newOutput(geometry));
  const { pieces, algorithm } = cut(runtime, geometry, formOf(operands));
  const staged = { ...operands, algorithm, areLasting: true };
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
  const { pieces, algorithm } = cut(runtime, geometry, formOf(operands));
  const readAtOnce = runtime.idle && pieces.length === 1;
  const staged = readAtOnce ? { ...operands, areLasting: false } : snapshot(operands);
  return runtime.run(convolution(runtime, geometry, pieces, { ...staged, algorithm }));
}

function newOutput(geometry: Geometry): Float32Array {
  return new Float32Array(outputLength(geometry));
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
  const own = (values: Values) => new ArrayValues(copyOf(values.data));
  const activations = { input: own(input), add: add && own(add) };
  const weights = frozenKey === null ? copyWeights(operands) : frozenWeights(frozenKey, operands);
  return { ...operands, ...activations, ...weights, areLasting: true };
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

/** The rest of the memory is for code, job descriptions and what is kept between calls. */
const USABLE_SHARE = 0.9;

/** The pieces that a convolution is done in. */
interface Pieces {
  readonly pieces: readonly Piece[];
  /** How each is computed; what was asked for, unless that was to choose and left no other choice. */
  readonly algorithm: Algorithm;
}

/**
 * Cuts a convolution into pieces that fit into the memory. The formula takes least of it: where nothing
 * else is asked for, it is what is left.
 */
export function cut(runtime: Runtime, geometry: Geometry, form: Form): Pieces {
  const bytesOf = (part: Geometry) => planBytes(planOf(runtime, part, form), runtime.threads);
  try {
    const pieces = piecesOf(geometry, bytesOf, Math.floor(runtime.capacity * USABLE_SHARE));
    return { pieces, algorithm: form.algorithm };
  } catch (error) {
    if (form.algorithm !== "auto" || !(error instanceof RangeError)) throw error;
    return cut(runtime, geometry, { ...form, algorithm: "direct" });
  }
}

/** Plans by the object that describes their sizes: a layer uses the same one while shapes repeat. */
const plansByGeometry = new WeakMap<Geometry, Map<string, Plan>>();

/** The plan for a convolution on what the runtime computes with. */
export function planOf({ target }: Runtime, geometry: Geometry, form: Form): Plan {
  const { hasBias, algorithm, epilogue: { add, activation, negativeSlope } } = form;
  const key = `${target.name} ${hasBias} ${algorithm} ${add} ${activation} ${negativeSlope}`;
  const plans = plansByGeometry.get(geometry) ?? new Map<string, Plan>();
  const plan = plans.get(key) ?? planFor({ geometry, ...form, target });
  plansByGeometry.set(geometry, plans.set(key, plan));
  return plan;
}

function* convolution(
  runtime: Runtime,
  geometry: Geometry,
  pieces: readonly Piece[],
  operands: StagedOperands,
): Task<Values> {
  const { out } = operands;
  if (out === null || !isRead(out.buffer, operands)) {
    return yield* runPieces(runtime, geometry, pieces, operands);
  }
  // What is still to be read may not be written to.
  const apart = { ...operands, out: null };
  const { data } = yield* runPieces(runtime, geometry, pieces, apart);
  out.set(data);
  return new ArrayValues(out);
}

/** Whether some of the operands may lie in a buffer. */
function isRead(buffer: ArrayBufferLike, { input, add, weight, bias }: Operands): boolean {
  return input.liesIn(buffer) || add?.liesIn(buffer) === true ||
    [weight, bias].some((array) => array?.buffer === buffer);
}

function* runPieces(
  runtime: Runtime,
  geometry: Geometry,
  pieces: readonly Piece[],
  operands: StagedOperands,
): Task<Values> {
  const [whole, ...others] = pieces;
  if (whole !== undefined && others.length === 0) return yield* runWhole(runtime, whole, operands);
  const output = operands.out ?? newOutput(geometry);
  for (const piece of pieces) {
    const { geometry } = piece;
    const plan = planOf(runtime, geometry, formOf(operands));
    runtime.makeRoom(planBytes(plan, runtime.threads));
    const block = placeOutput(runtime, plan);
    try {
      yield* runPiece(runtime, piece, operands, withOutput(NO_LOANS, block));
      piece.collectOutput(output, runtime.floats(block.address, outputLength(geometry)));
    } finally {
      runtime.release(block);
    }
  }
  return new ArrayValues(output);
}

/** A convolution in one piece: what goes in and what comes out may stay where it is. */
function* runWhole(runtime: Runtime, piece: Piece, operands: StagedOperands): Task<Values> {
  const plan = planOf(runtime, piece.geometry, formOf(operands));
  const loans = borrow(runtime, plan, operands);
  try {
    if (operands.out !== null) {
      return yield* runIntoOut(runtime, piece, operands, loans, operands.out);
    }
    return yield* runIntoArray(runtime, piece, operands, loans) ??
      runIntoMemory(runtime, piece, operands, loans);
  } finally {
    for (const loan of loans.values()) loan.giveBack();
  }
}

/** Computes an output where it is to stay, in an array; `null` if the programs do not reach there. */
function runIntoArray(
  runtime: Runtime,
  piece: Piece,
  operands: StagedOperands,
  loans: Loans,
): Task<Values> | null {
  if (!runtime.reachesArrays || !isWorthBorrowing(outputLength(piece.geometry))) return null;
  const array = newOutput(piece.geometry);
  const output = borrowOutput(runtime, array);
  if (output === null) return null;
  const run = function* () {
    try {
      yield* runPiece(runtime, piece, operands, withOutput(loans, output));
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
  piece: Piece,
  operands: StagedOperands,
  loans: Loans,
): Task<Values> {
  const { geometry } = piece;
  const { results } = runtime;
  const block = placeOutput(runtime, planOf(runtime, geometry, formOf(operands)));
  const length = outputLength(geometry);
  const isCopied = runtime.workers > 0 && isWorthBorrowing(length) &&
    results.areReadFrom(operands.weightKey);
  const source = runtime.floats(block.address, length);
  const copy = isCopied ? new OutputCopy(source, () => newOutput(geometry)) : null;
  try {
    yield* runPiece(runtime, piece, operands, withOutput(loans, block), copy);
  } catch (error) {
    runtime.release(block);
    throw error;
  }
  return results.keep(block, length, operands.weightKey, copy?.array ?? null);
}

/**
 * Computes an output in the shared memory and copies it to where the user wants it. Machine code could
 * write it there, but so could a thread that got lost and comes back one day.
 */
function* runIntoOut(
  runtime: Runtime,
  piece: Piece,
  operands: StagedOperands,
  loans: Loans,
  out: Float32Array,
): Task<Values> {
  const block = placeOutput(runtime, planOf(runtime, piece.geometry, formOf(operands)));
  try {
    const copy = new OutputCopy(runtime.floats(block.address, out.length), () => out);
    yield* runPiece(runtime, piece, operands, withOutput(loans, block), copy);
    copy.finish();
  } finally {
    runtime.release(block);
  }
  return new ArrayValues(out);
}

/** An output that is copied to an array while it is being computed, if that is worth it. */
class OutputCopy implements EarlyTransfer {
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
    this.#array?.set(this.#source.subarray(from, to), from);
  }

  /** Makes the copy now, unless it has been made. */
  finish(): void {
    if (this.#array !== null) return;
    this.open();
    this.copy(0, this.length);
  }
}

/** A buffer that lies somewhere already. */
type Placed = Pick<Loan, "address">;

function withOutput(loans: Loans, output: Placed): Map<number, Placed> {
  return new Map<number, Placed>([...loans, [BUFFER.output, output]]);
}

function placeOutput(runtime: Runtime, plan: Plan): Block {
  return place(runtime, plan, [BUFFER.output], []);
}

/**
 * Sees to it that there is room, and borrows the operands that the kernels can read where they lie,
 * unless that is in the way of the rest.
 */
function borrow(
  runtime: Runtime,
  plan: Plan,
  { input, add, areLasting }: StagedOperands,
): Loans {
  const loans = new Map<number, Loan>();
  let bytes = planBytes(plan, runtime.threads) + plan.buffers.length * CACHE_LINE_BYTES;
  for (const [buffer, values] of [[BUFFER.input, input], [BUFFER.add, add]] as const) {
    const spec = plan.buffers[buffer];
    if (values === null || spec === undefined) continue;
    const loan = borrowResult(runtime, values) ??
      (areLasting ? borrowArray(runtime, values.data, spec) : null);
    if (loan === null) continue;
    loans.set(buffer, loan);
    bytes -= spec.bytes;
  }
  if (runtime.makeRoom(bytes)) return loans;
  for (const loan of loans.values()) loan.giveBack();
  runtime.makeRoom(planBytes(plan, runtime.threads));
  return NO_LOANS;
}

/**
 * Runs one piece.
 *
 * @param loans The buffers that lie somewhere already: the output, and operands in their arrays.
 * @param outputCopy Copies the output while it is being computed.
 */
function* runPiece(
  runtime: Runtime,
  piece: Piece,
  operands: StagedOperands,
  loans: ReadonlyMap<number, Placed>,
  outputCopy: EarlyTransfer | null = null,
): Task<void> {
  const { geometry, stageAdd } = piece;
  const plan = planOf(runtime, geometry, formOf(operands));
  const bases: number[] = [];
  const blocks: Block[] = [];
  for (const [buffer, { address }] of loans) bases[buffer] = address;
  /** A buffer for an operand, unless it lies somewhere already. */
  const placeOperand = (buffer: number): Float32Array | null => {
    if (loans.has(buffer)) return null;
    blocks.push(place(runtime, plan, [buffer], bases));
    return view(runtime, plan, bases, buffer);
  };
  try {
    blocks.push(place(runtime, plan, [BUFFER.padded, BUFFER.scratch], bases));
    const input = placeOperand(BUFFER.input);
    const filling = input === null ? null : stageInput(piece, input, operands.input.data);
    const { add } = operands;
    const addend = add === null ? null : placeOperand(BUFFER.add);
    if (add !== null && addend !== null) stageAdd(addend, add.data);
    // Weights come last: taking memory may cost the copy of them that is kept.
    const preparation = stageWeights(runtime, plan, operands, bases, blocks);
    const phases = phasesOf(plan.phases, bases, outputCopy);
    // The input is read as the first phase begins: what comes after may run when the call has returned.
    yield* whileFilling(filling, inTurn(preparation, phases));
  } finally {
    for (const block of blocks) runtime.release(block);
  }
}

/**
 * Copies the part of the input that a piece needs.
 *
 * @returns The copy that is still to be made, which others may begin to read before it is complete; `null`
 * if it has been made.
 */
function stageInput(piece: Piece, target: Float32Array, input: Float32Array): Transfer | null {
  if (!piece.seesOneRun) {
    piece.stageInput(target, input);
    return null;
  }
  return {
    buffer: BUFFER.input,
    length: inputLength(piece.geometry),
    copy: (from, to) => piece.stageInput(target, input, from, to),
  };
}

const WEIGHTS = [BUFFER.weight, BUFFER.bias, BUFFER.packedWeight];

/** Brings the weights to where the kernels read them, unless they are known to be there. */
function* stageWeights(
  runtime: Runtime,
  plan: Plan,
  { weight, bias, frozenKey, weightKey }: Operands,
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
    locate(runtime, plan, WEIGHTS, frozen.address, bases);
    return;
  }
  // What is kept is taken while it may be changed: after an error it is not kept any more.
  const kept = owner === null ? undefined : residents.take(owner, name);
  const block = kept ?? place(runtime, plan, WEIGHTS, bases);
  blocks.push(block);
  locate(runtime, plan, WEIGHTS, block.address, bases);
  if (bias !== null) {
    copyBiases(view(runtime, plan, bases, BUFFER.bias), bias, plan.biasCopies);
  }
  const staged = view(runtime, plan, bases, BUFFER.weight).subarray(0, weight.length);
  if (kept === undefined || !hasSameBytes(staged, weight)) {
    staged.set(weight);
    yield* phasesOf(plan.preparation, bases);
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
 * @param emptying Copies what the last one writes while it runs.
 */
function* phasesOf(
  phases: readonly Phase[],
  bases: readonly number[],
  emptying: EarlyTransfer | null = null,
): Task<void> {
  const last = phases.at(-1);
  for (const phase of phases) yield { phase, bases, emptying: phase === last ? emptying : null };
}

function* inTurn(...tasks: readonly Task<void>[]): Task<void> {
  for (const task of tasks) yield* task;
}

/** A task during whose first phase a buffer is filled. */
function* whileFilling(transfer: Transfer | null, task: Task<void>): Task<void> {
  let filling = transfer;
  for (const run of task) {
    yield { ...run, filling };
    filling = null;
  }
}

/** Takes one block for some of a plan's buffers. */
function place(
  runtime: Runtime,
  plan: Plan,
  buffers: readonly number[],
  bases: number[],
): Block {
  const block = runtime.allocate(locate(runtime, plan, buffers, 0, bases));
  locate(runtime, plan, buffers, block.address, bases);
  return block;
}

const CACHE_LINE_BYTES = 64;

/** Lays some buffers side by side from an address on; returns the bytes they take. */
function locate(
  { threads }: Runtime,
  plan: Plan,
  buffers: readonly number[],
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
