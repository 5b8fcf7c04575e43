/**
 * From the description of a convolution to the work that computes it: which kernel family, which
 * layouts, which tiles. A plan is plain data.
 *
 * @module
 */

import type { Target } from "../codegen/target.ts";
import { bufferBytes, type Phase, type Work } from "../engine/work.ts";
import type { Geometry } from "../geometry.ts";
import type { Algorithm } from "./algorithm.ts";
import { collapse } from "./collapse.ts";
import type { Epilogue } from "./epilogue.ts";
import { planConvolution } from "./convolution.ts";
import { isPlainDepthwise, planDepthwise } from "./depthwise_plan.ts";
import { isInterleaved } from "./interleaved_choice.ts";
import { planInterleaved } from "./interleaved_plan.ts";
import { isPointwise } from "./pointwise_choice.ts";
import { planPointwise } from "./pointwise_plan.ts";
import { singlePosition } from "./single_position.ts";
import { planTransposed } from "./transposed.ts";
import { chooseWinograd } from "./winograd_choice.ts";
import { planWinograd } from "./winograd_plan.ts";

/** The kernel families. */
export type Family = "direct" | "pointwise" | "depthwise" | "winograd";

/** Indices into the buffers of every plan. */
export const BUFFER = {
  input: 0,
  weight: 1,
  bias: 2,
  output: 3,
  padded: 4,
  packedWeight: 5,
  scratch: 6,
  add: 7,
} as const;

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

/** What a convolution is besides its sizes. */
export interface Form {
  readonly hasBias: boolean;
  readonly epilogue: Epilogue;
  readonly algorithm: Algorithm;
}

/** What a planner is given. */
export interface PlanRequest extends Form {
  readonly geometry: Geometry;
  readonly target: Target;
}

/** Plans that are kept; the one that was longest not asked for makes room for a new one. */
const MOST_PLANS = 128;

const plans = new Map<string, Plan>();
let nextId = 1;

/**
 * The plan for a convolution. Equal requests get the same object.
 *
 * @param request The convolution, with at least one batch item, and the target.
 */
export function planFor(request: PlanRequest): Plan {
  const key = JSON.stringify(request);
  const known = plans.get(key);
  if (known !== undefined) {
    plans.delete(key);
    plans.set(key, known);
    return known;
  }
  const plan = makePlan(request, `plan ${nextId++}`);
  const [oldest] = plans.keys();
  if (plans.size >= MOST_PLANS && oldest !== undefined) plans.delete(oldest);
  plans.set(key, plan);
  return plan;
}

function makePlan(request: PlanRequest, id: string): Plan {
  const single = request.algorithm === "winograd" ? null : singlePosition(request.geometry);
  if (single === null) return { ...planBody(request), id, biasCopies: 1 };
  const { geometry, biasCopies } = single;
  return { ...planBody({ ...request, geometry }), id, biasCopies };
}

function planBody(request: PlanRequest): PlanBody {
  const collapsed = { ...request, geometry: collapse(request.geometry) };
  if (isInterleaved(request)) return planInterleaved(collapsed);
  const winograd = chooseWinograd(request);
  if (winograd !== null) return planWinograd(request, winograd);
  if (isPlainDepthwise(collapsed)) return planDepthwise(collapsed);
  if (isPointwise(collapsed.geometry, collapsed.target)) return planPointwise(collapsed);
  return collapsed.geometry.transposed ? planTransposed(collapsed) : planConvolution(collapsed);
}

/** Bytes of shared memory that a plan's buffers take with a number of threads. */
export function planBytes({ buffers }: Pick<Plan, "buffers">, threads: number): number {
  return buffers.reduce((sum, buffer) => sum + bufferBytes(buffer, threads), 0);
}
