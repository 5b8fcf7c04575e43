/**
 * What the direct kernels offer: any convolution.
 *
 * @module
 */

import type { Target } from "../../codegen/target.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { collapse } from "../collapse.ts";
import { COPY_NANOSECONDS, CYCLE_NANOSECONDS, MOVE_NANOSECONDS, tuned } from "../common/tuning.ts";
import type { Candidate, Problem } from "../plan.ts";
import { directCycles, type LaneWork } from "./lanes.ts";
import { laneWork, planConvolution } from "./plan.ts";
import { seenShare } from "./regions.ts";

/** Convolutions with the input as it lies or packed, pixels or output channels in the lanes. */
export function directCandidate(problem: Problem): Candidate | null {
  const { geometry: g, target } = problem;
  if (g.transposed) return null;
  const collapsed = collapse(g);
  return {
    nanoseconds: g.batch * g.groups * groupNanoseconds(g, collapsed, target),
    plan: () => planConvolution({ ...problem, geometry: collapsed }),
  };
}

/** A group of an item. */
function groupNanoseconds(g: Geometry, collapsed: Geometry, target: Target): number {
  const work = laneWork(collapsed, target);
  const { kernel, output } = collapsed;
  const isOneRow = kernel[0] * kernel[1] * output[0] * output[1] === 1;
  // In machine code taps through which some outputs see padding alone are left out for those.
  const share = target.cheapBroadcast ? seenShare(g) : 1;
  const sums = sumNanoseconds(work) * share * (work.taps === 1 || isOneRow ? FAR_OVERHEAD : 1);
  // Where there is no sum over channels, what counts is the way there and back.
  if (work.inChannels > 1) return sums;
  const seen = work.rows * work.columns * collapsed.stride[2];
  return sums + work.outChannels * seen * MOVE_NANOSECONDS;
}

/**
 * How much longer the sums take where kernels have one tap or one row, so that each load but a few is from
 * another plane, on a page of its own.
 */
const FAR_OVERHEAD = 1.2;

/** How much longer they take in machine code than the cycles that the choice of lanes counts. */
const OVERHEAD = 1.1;

/** The sums through all taps; in WebAssembly pixels are in the lanes. */
function sumNanoseconds(work: LaneWork): number {
  const { target, inChannels, outChannels, taps, rows, columns, copies } = work;
  if (target.cheapBroadcast) return directCycles(work) * OVERHEAD * CYCLE_NANOSECONDS;
  const vectors = rows * Math.ceil(columns / target.lanes);
  return outChannels * vectors * inChannels * taps * tuned(target, "multiplyAddNanoseconds") +
    copies.pixels * COPY_NANOSECONDS;
}
