/**
 * What Winograd's algorithm offers.
 *
 * @module
 */

import { tuned } from "../common/tuning.ts";
import { hasFewPhases } from "../common/stride_phases.ts";
import type { Candidate, Problem } from "../plan.ts";
import { cheapestWay } from "./choice.ts";
import { planWinograd } from "./plan.ts";
import { channelTerms, tiling } from "./tiling.ts";

/** With fewer terms the error of the transforms is large beside that of the sum. */
const LEAST_TERMS = 8;

/** Convolutions with kernels of some taps a step of the stride, see {@linkcode allowsWinograd}. */
export function winogradCandidate(problem: Problem): Candidate | null {
  const { geometry: g, target, algorithm } = problem;
  if (algorithm === "direct" || g.transposed && !hasFewPhases(problem)) return null;
  const way = cheapestWay(g, target);
  if (way === null) return null;
  const { planes, cost } = way;
  const isShort = planes.some((plane) => channelTerms(g, plane) < LEAST_TERMS);
  if (algorithm === "auto" && isShort) return null;
  return {
    nanoseconds: g.batch * g.groups * g.output[0] * cost * tuned(target, "multiplyAddNanoseconds"),
    plan: () => planWinograd(problem, planes.map((plane) => tiling(g, plane, target))),
  };
}
