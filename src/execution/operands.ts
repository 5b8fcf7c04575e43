/**
 * What a convolution is computed from, and who may see it: copies where a call has to wait.
 *
 * @module
 */

import type { Runtime } from "../engine/runtime.ts";
import type { Algorithm } from "../convolution/algorithm.ts";
import type { Form, Pass } from "../kernels/plan.ts";
import type { ActivationSettings } from "../convolution/epilogue.ts";
import { ArrayValues, copyOf, mayShare, type Values } from "../tensor/values.ts";
import { canBeEndedByOthers } from "../platform/threads.ts";

/** The arrays of one convolution, row-major: input `(N, C, ...)`, weight as in `torch.nn`. */
export interface Operands {
  readonly input: Values;
  readonly weight: Values;
  readonly bias: Float32Array | null;
  /** What is added to the output, of its shape. */
  readonly add: Values | null;
  /** Where the output goes, of its shape; `null` for an array of its own. */
  readonly out: Float32Array | null;
  /** What is applied to the output. */
  readonly activation: ActivationSettings;
  /** How to compute. */
  readonly algorithm: Algorithm;
  /** What of: a gradient's arrays lie as those of the convolution that it is for. */
  readonly pass: Pass;
  /**
   * Where weight and bias will never change again, the identity under which the engine may keep its
   * copy of them and never look again.
   */
  readonly frozenKey: object | null;
  /** The identity of the weights, under which the engine may keep what it has made of them. */
  readonly weightKey: object;
  /** Whether nobody changes any of the arrays any more: a call that waits needs no copies of them. */
  readonly areKept?: boolean;
}

/**
 * What a call is: synchronous; asynchronous and started at once, so that its operands are the user's, and are
 * read before the call returns; or asynchronous and waiting for others, with operands of its own.
 */
export type CallKind = "sync" | "started" | "queued";

/** Operands of a call under way. */
export interface StagedOperands extends Operands {
  readonly call: CallKind;
}

/**
 * Whether the programs of a call may work in arrays outside of the shared memory. When a thread ends, its arrays
 * are freed, whoever is at work in them. So that is for calls that nobody can end in the middle: synchronous ones,
 * except in a worker, which can be terminated; and those on which no other thread works.
 */
export function mayReachArrays(runtime: Runtime, call: CallKind): boolean {
  if (!runtime.reachesArrays) return false;
  return runtime.workers === 0 || call === "sync" && !IS_ENDED_BY_OTHERS;
}

const IS_ENDED_BY_OTHERS = canBeEndedByOthers();

/** What a convolution with some operands is besides its sizes. */
export function formOf({ bias, add, activation, algorithm, pass }: Operands): Form {
  const epilogue = { ...activation, add: add !== null };
  return { pass, hasBias: bias !== null, epilogue, algorithm };
}

type Weights = Pick<Operands, "weight" | "bias">;

/** Copies of the operands unless they are kept, for a call that has to wait. */
export function snapshot(operands: Operands): StagedOperands {
  if (operands.areKept) return { ...operands, call: "queued" };
  const { input, add, frozenKey } = operands;
  const own = (values: Values) => new ArrayValues(values.copy());
  const activations = { input: own(input), add: add && own(add) };
  const weights = frozenKey === null ? copyWeights(operands) : frozenWeights(frozenKey, operands);
  return { ...operands, ...activations, ...weights, call: "queued" };
}

function copyWeights({ weight, bias }: Weights): Weights {
  return { weight: new ArrayValues(weight.copy()), bias: bias && copyOf(bias) };
}

/** Copies of weights that do not change: all calls that wait share one. */
const frozenCopies = new WeakMap<object, Weights>();

function frozenWeights(key: object, operands: Weights): Weights {
  const copies = frozenCopies.get(key) ?? copyWeights(operands);
  frozenCopies.set(key, copies);
  return copies;
}

/** Whether some of the operands may lie in a buffer. */
export function isRead(buffer: ArrayBufferLike, { input, add, weight, bias }: Operands): boolean {
  return [input, weight, add].some((values) => values?.liesIn(buffer)) ||
    bias !== null && mayShare(bias.buffer, buffer);
}
