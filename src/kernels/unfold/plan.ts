/**
 * Plans what a convolution does without its sums: its taps are outputs of their own, and back.
 *
 * @module
 */

import { BUFFER, type PlanBody, type Problem } from "../plan.ts";
import { hasManyRuns, planAccumulated } from "./accumulate.ts";
import { planSums } from "./sums.ts";
import { planWindows } from "./windows.ts";

/**
 * Plans the unfolding of items of one channel, or, of a transposed geometry, the folding into such. There are no
 * weights.
 */
export function planUnfold(problem: Problem): PlanBody {
  const body = planBody(problem);
  return { ...body, buffers: body.buffers.with(BUFFER.weight, { name: "weight", bytes: 0 }) };
}

function planBody(problem: Problem): PlanBody {
  const { geometry } = problem;
  if (!geometry.transposed) return planWindows(problem);
  return hasManyRuns(geometry) ? planAccumulated(problem) : planSums(problem);
}
