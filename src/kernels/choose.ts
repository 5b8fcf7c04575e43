/**
 * From the description of a convolution to its plan: which kernel family computes it.
 *
 * @module
 */

import { collapse } from "./collapse.ts";
import { planConvolution } from "./direct/plan.ts";
import { isPlainDepthwise, planDepthwise } from "./depthwise/plan.ts";
import { isInterleaved } from "./interleaved/applies.ts";
import { planInterleaved } from "./interleaved/plan.ts";
import type { Plan, PlanBody, PlanRequest } from "./plan.ts";
import { isPointwise } from "./matrix/choice.ts";
import { planPointwise } from "./matrix/plan.ts";
import { singlePosition } from "./single_position.ts";
import { planTransposed } from "./transposed/plan.ts";
import { chooseWinograd } from "./winograd/choice.ts";
import { planWinograd } from "./winograd/plan.ts";

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
