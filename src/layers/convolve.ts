/**
 * From arrays to arrays: plans a convolution, stages its operands in the engine's memory, has the
 * phases run, and collects the output.
 *
 * @module
 */

import { type Engine, runtimeOf } from "../engine/engine.ts";
import type { Block } from "../engine/heap.ts";
import type { Runtime, Task } from "../engine/runtime.ts";
import { bufferBytes, type Phase } from "../engine/work.ts";
import type { Geometry } from "../geometry.ts";
import { BUFFER, type Plan, planBytes, planFor } from "../kernels/plan.ts";
import { type Piece, piecesOf } from "./pieces.ts";

/** The arrays of one convolution, row-major: input `(N, C, ...)`, weight as in `torch.nn`. */
export interface Operands {
  readonly input: Float32Array;
  readonly weight: Float32Array;
  readonly bias: Float32Array | null;
  /**
   * Where weight and bias will never change again, the identity under which the engine may keep its
   * copy of them and never look again.
   */
  readonly frozenKey: object | null;
}

/**
 * Computes a convolution and blocks until it is done.
 *
 * @returns A new array of the geometry's output, row-major.
 * @throws {RangeError} If it does not fit into the engine's memory even in pieces.
 */
export function convolveSync(
  engine: Engine,
  geometry: Geometry,
  operands: Operands,
): Float32Array {
  const runtime = runtimeOf(engine);
  if (geometry.batch === 0) return newOutput(geometry);
  const pieces = cut(runtime, geometry, operands.bias !== null);
  return runtime.runSync(convolution(runtime, geometry, pieces, operands));
}

/**
 * Computes a convolution in the background. The operands have been read when the call returns: they
 * may be changed from then on.
 *
 * @returns A new array of the geometry's output, row-major.
 * @throws {RangeError} If it does not fit into the engine's memory even in pieces.
 */
export function convolve(
  engine: Engine,
  geometry: Geometry,
  operands: Operands,
): Promise<Float32Array> {
  const runtime = runtimeOf(engine);
  if (geometry.batch === 0) return Promise.resolve(newOutput(geometry));
  const pieces = cut(runtime, geometry, operands.bias !== null);
  const readAtOnce = runtime.idle && pieces.length === 1;
  const own = readAtOnce ? operands : snapshot(operands);
  return runtime.run(convolution(runtime, geometry, pieces, own));
}

function newOutput({ batch, outChannels, output }: Geometry): Float32Array {
  return new Float32Array(output.reduce((a, b) => a * b, batch * outChannels));
}

function snapshot({ input, weight, bias, frozenKey }: Operands): Operands {
  if (frozenKey !== null) return { input: input.slice(), weight, bias, frozenKey };
  return { input: input.slice(), weight: weight.slice(), bias: bias && bias.slice(), frozenKey };
}

/** The rest of the memory is for code, job descriptions and what is kept between calls. */
const USABLE_SHARE = 0.9;

/** The pieces that a convolution is done in. */
export function cut(runtime: Runtime, geometry: Geometry, hasBias: boolean): Piece[] {
  const bytesOf = (part: Geometry) => planBytes(planOf(runtime, part, hasBias), runtime.threads);
  return piecesOf(geometry, bytesOf, Math.floor(runtime.capacity * USABLE_SHARE));
}

/** The plan for a convolution on what the runtime computes with. */
export function planOf({ target }: Runtime, geometry: Geometry, hasBias: boolean): Plan {
  return planFor({ geometry, hasBias, target });
}

function* convolution(
  runtime: Runtime,
  geometry: Geometry,
  pieces: readonly Piece[],
  operands: Operands,
): Task<Float32Array> {
  const output = newOutput(geometry);
  for (const piece of pieces) yield* runPiece(runtime, piece, operands, output);
  return output;
}

function* runPiece(
  runtime: Runtime,
  { geometry, stageInput, collectOutput }: Piece,
  operands: Operands,
  output: Float32Array,
): Task<void> {
  const plan = planOf(runtime, geometry, operands.bias !== null);
  const bases: number[] = [];
  const blocks: Block[] = [];
  try {
    // Weights come last: taking memory may cost the copy of them that is kept.
    blocks.push(place(runtime, plan, ACTIVATIONS, bases));
    yield* stageWeights(runtime, plan, operands, bases, blocks);
    stageInput(view(runtime, plan, bases, BUFFER.input), operands.input);
    yield* phasesOf(plan.phases, bases);
    const result = view(runtime, plan, bases, BUFFER.output);
    collectOutput(output, result.subarray(0, outputLength(geometry)));
  } finally {
    for (const block of blocks) runtime.release(block);
  }
}

const WEIGHTS = [BUFFER.weight, BUFFER.bias, BUFFER.packedWeight];
const ACTIVATIONS = [BUFFER.input, BUFFER.padded, BUFFER.output, BUFFER.scratch];

/** Brings the weights to where the kernels read them, unless they are known to be there. */
function* stageWeights(
  runtime: Runtime,
  plan: Plan,
  { weight, bias, frozenKey }: Operands,
  bases: number[],
  blocks: Block[],
): Task<void> {
  // Weights that are used as they are serve every plan.
  const name = plan.preparation.length === 0 ? "weights" : plan.id;
  const kept = frozenKey === null ? undefined : runtime.residents.get(frozenKey, name);
  if (kept !== undefined) {
    locate(runtime, plan, WEIGHTS, kept.address, bases);
    return;
  }
  const block = place(runtime, plan, WEIGHTS, bases);
  if (frozenKey === null) blocks.push(block);
  view(runtime, plan, bases, BUFFER.weight).set(weight);
  if (bias !== null) view(runtime, plan, bases, BUFFER.bias).set(bias);
  yield* phasesOf(plan.preparation, bases);
  if (frozenKey !== null) runtime.residents.keep(frozenKey, name, block);
}

function* phasesOf(phases: readonly Phase[], bases: readonly number[]): Task<void> {
  for (const phase of phases) yield { phase, bases };
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

function outputLength({ batch, outChannels, output }: Geometry): number {
  return output.reduce((a, b) => a * b, batch * outChannels);
}
