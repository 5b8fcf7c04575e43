/**
 * The kernel families. Of those that offer the same, the first is taken.
 *
 * @module
 */

import { planActivationGradient } from "./activation_gradient/plan.ts";
import { depthwiseCandidate } from "./depthwise/candidate.ts";
import { directCandidate } from "./direct/candidate.ts";
import { interleavedCandidate } from "./interleaved/candidate.ts";
import { matrixCandidate } from "./matrix/candidate.ts";
import { matrixVectorCandidate } from "./matrix_vector/candidate.ts";
import { planPaddingGradient } from "./padding_gradient/plan.ts";
import type { KernelFamily, Pass, PlanBody, Problem } from "./plan.ts";
import { transposedCandidate } from "./transposed/candidate.ts";
import { planUnfold } from "./unfold/plan.ts";
import { planBiasGradient } from "./weight_gradient/bias.ts";
import { planWeightGradient } from "./weight_gradient/plan.ts";
import { winogradCandidate } from "./winograd/candidate.ts";

/** A line each: a family says itself what it is for, and what that takes. */
export const FAMILIES: readonly KernelFamily[] = [
  { name: "depthwise", candidate: depthwiseCandidate },
  { name: "matrix", candidate: matrixCandidate },
  { name: "matrix-vector", candidate: matrixVectorCandidate },
  { name: "direct", candidate: directCandidate },
  { name: "transposed", candidate: transposedCandidate },
  { name: "interleaved", candidate: interleavedCandidate },
  { name: "winograd", candidate: winogradCandidate },
];

/** Who plans what is no convolution as it is: none has a rival. */
export const WITHOUT_RIVALS: Readonly<
  Record<Exclude<Pass, "forward">, (problem: Problem) => PlanBody>
> = {
  "weight gradient": planWeightGradient,
  "bias gradient": planBiasGradient,
  "activation gradient": planActivationGradient,
  "padding gradient": planPaddingGradient,
  unfold: planUnfold,
};
