/**
 * What the kernels of stride phases offer: transposed convolutions of not too many phases.
 *
 * @module
 */

import { product } from "../../base/numbers.ts";
import type { Target } from "../../codegen/target.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { axisPhases } from "../../convolution/residues.ts";
import { collapse } from "../collapse.ts";
import { hasFewPhases } from "../common/stride_phases.ts";
import { tuned } from "../common/tuning.ts";
import type { Candidate, Problem } from "../plan.ts";
import { planTransposed } from "./plan.ts";

/** Transposed convolutions phase by phase. */
export function transposedCandidate(problem: Problem): Candidate | null {
  const { geometry: g, target } = problem;
  if (!g.transposed || !hasFewPhases(problem)) return null;
  const multiplyAdds = g.batch * g.inChannels * g.outChannels / g.groups * vectorTaps(g, target);
  const overhead = tuned(target, "stridePhaseOverhead");
  return {
    nanoseconds: multiplyAdds * overhead * tuned(target, "multiplyAddNanoseconds"),
    plan: () => planTransposed({ ...problem, geometry: collapse(g) }),
  };
}

/** Vectors of outputs of a channel, each as often as it has taps; where registers are many, none is partly empty. */
function vectorTaps(g: Geometry, { lanes, cheapBroadcast }: Target): number {
  const tapsOf = (axis: 0 | 1 | 2, vectors: (count: number) => number) =>
    axisPhases(g, axis).reduce((sum, { count, taps }) => sum + vectors(count) * taps.length, 0);
  const each = (count: number) => count;
  const vectors = (count: number) => cheapBroadcast ? count / lanes : Math.ceil(count / lanes);
  return product([tapsOf(0, each), tapsOf(1, each), tapsOf(2, vectors)]);
}
