/**
 * What a plan is: the work that computes a convolution, as plain data; and what it is made from.
 *
 * @module
 */

import type { Target } from "../codegen/target.ts";
import { FLOAT_BYTES } from "../codegen/program.ts";
import { bufferBytes, type BufferSpec, type Phase, type Work } from "../engine/work.ts";
import type { Geometry } from "../convolution/geometry.ts";
import type { Algorithm } from "../convolution/algorithm.ts";
import type { Epilogue } from "../convolution/epilogue.ts";
import { indicesOf } from "../base/indices.ts";
import { product } from "../base/numbers.ts";

/** The kernel families. */
export type Family =
  | "direct"
  | "pointwise"
  | "matrix-vector"
  | "depthwise"
  | "winograd"
  | "weight-gradient"
  | "activation-gradient"
  | "padding-gradient"
  | "unfold";

/** The buffers of every plan, in their order. */
const BUFFER_NAMES = [
  "input",
  "weight",
  "bias",
  "output",
  "padded",
  "packedWeight",
  "scratch",
  "partialSums",
  "add",
] as const;

type BufferName = typeof BUFFER_NAMES[number];

/** Indices into the buffers of every plan. */
export const BUFFER: Readonly<Record<BufferName, number>> = indicesOf(BUFFER_NAMES);

/** How a convolution is computed. */
export interface Plan extends Work {
  /** Unique among all plans. */
  readonly id: string;
  /** The family of its kernels. */
  readonly family: Family;
  /** The layout in which the kernels read the input. */
  readonly inputLayout: string;
  /**
   * Phases that depend on the weights alone and write {@linkcode BUFFER}`.packedWeight`: while the
   * weights stay as they are, once is enough.
   */
  readonly preparation: readonly Phase[];
  /** How often {@linkcode BUFFER}`.bias` has every bias, side by side. */
  readonly biasCopies: number;
}

/** What a planner makes. */
export type PlanBody = Omit<Plan, "id" | "biasCopies">;

/**
 * What is computed: a convolution; one that is the gradient of weights or biases, whose arrays lie otherwise; the
 * gradient in front of its activation, or of what its padding is made of; or what the taps of one channel see, each for
 * an output channel, and with a transposed geometry back to that channel.
 */
export type Pass =
  | "forward"
  | "weight gradient"
  | "bias gradient"
  | "activation gradient"
  | "padding gradient"
  | "unfold";

/** What a convolution is besides its sizes. */
export interface Form {
  readonly pass: Pass;
  readonly hasBias: boolean;
  readonly epilogue: Epilogue;
  readonly algorithm: Algorithm;
}

/** What is to be computed, and by what instructions. */
export interface Problem extends Form {
  readonly geometry: Geometry;
  readonly target: Target;
}

/** A way to compute a problem. */
export interface Candidate {
  /** About how long it takes one thread, in nanoseconds. */
  readonly nanoseconds: number;
  /** Works it out. */
  plan(): PlanBody;
}

/** Some kernels that belong together. */
export interface KernelFamily {
  readonly name: string;
  /** How the family would compute a problem; `null` if it is not for such. */
  candidate(problem: Problem): Candidate | null;
}

/** Bytes of shared memory that a plan's buffers take with a number of threads. */
export function planBytes({ buffers }: Pick<Plan, "buffers">, threads: number): number {
  return buffers.reduce((sum, buffer) => sum + bufferBytes(buffer, threads), 0);
}

/** Elements of what a plan makes on its way. */
export type Intermediates = Readonly<
  Partial<Record<"padded" | "packedWeight" | "partialSums", number>>
>;

/**
 * The buffers of a plan. Each is larger than its contents by one vector,
 * which the last vector load of a row or of a kernel's weights may reach into.
 *
 * @param request What is planned.
 * @param elements Of the packed input and weights, 0 or nothing if they are used where they lie; of sums that are taken
 * in parts.
 * @param scratchBytes Scratch memory of one tile.
 */
export function planBuffers(
  { geometry: g, hasBias, epilogue, target }: Problem,
  { padded = 0, packedWeight = 0, partialSums = 0 }: Intermediates,
  scratchBytes = 0,
): BufferSpec[] {
  const slack = target.lanes;
  const bytesOf = (elements: number) => elements === 0 ? 0 : (elements + slack) * FLOAT_BYTES;
  const outputs = g.batch * g.outChannels * product(g.output);
  const bytes: Readonly<Record<BufferName, number>> = {
    input: bytesOf(g.batch * g.inChannels * product(g.input)),
    weight: bytesOf(g.outChannels * g.inChannels / g.groups * product(g.kernel)),
    bias: bytesOf(hasBias ? g.outChannels : 0),
    output: bytesOf(outputs),
    padded: bytesOf(padded),
    packedWeight: bytesOf(packedWeight),
    scratch: scratchBytes,
    add: bytesOf(epilogue.add ? outputs : 0),
    partialSums: bytesOf(partialSums),
  };
  return BUFFER_NAMES.map((name) => ({
    name,
    bytes: bytes[name],
    ...(name === "scratch" ? { perThread: true } : {}),
  }));
}
