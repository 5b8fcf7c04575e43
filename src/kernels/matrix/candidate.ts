/**
 * What the products of matrices offer: convolutions whose pixels are worth bringing together.
 *
 * @module
 */

import type { Target } from "../../codegen/target.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { mirrored } from "../../convolution/mirrored.ts";
import { product } from "../../base/numbers.ts";
import { PANEL_VECTORS } from "./product.ts";
import { stepsOf } from "./pixels.ts";
import { collapse } from "../collapse.ts";
import { stepCost } from "../common/register_tile.ts";
import { CYCLE_NANOSECONDS, tuned } from "../common/tuning.ts";
import type { Candidate, Problem } from "../plan.ts";
import { planMirrored, planPointwise } from "./plan.ts";

/** Fewer output channels do not pay for bringing their pixels together. */
const LEAST_CHANNELS = 12;

/** More taps than this make programs too long, and more terms the copy of a tile's pixels too large. */
const MOST_TAPS = 512;
const MOST_STEPS = 65_536;

/** Convolutions as products of matrices, and transposed ones without a stride. */
export function matrixCandidate(problem: Problem): Candidate | null {
  const { target, geometry } = problem;
  const convolution = geometry.transposed ? mirrored(geometry) : geometry;
  if (convolution === null) return null;
  const g = collapse(convolution);
  if (!applies(g, target)) return null;
  const plan = geometry.transposed ? planMirrored : planPointwise;
  return {
    nanoseconds: g.batch * g.groups * groupNanoseconds(g, target),
    plan: () => plan({ ...problem, geometry: g }),
  };
}

/** Whether a convolution, its axes collapsed, has enough channels and pixels, and not too many terms. */
function applies(g: Geometry, target: Target): boolean {
  if (product(g.kernel) > MOST_TAPS) return false;
  if (stepsOf(g.kernel, g.inChannels / g.groups) > MOST_STEPS) return false;
  const padded = [...g.padBegin, ...g.padEnd].some((pad) => pad > 0);
  if (padded && g.paddingMode !== "zeros") return false;
  if (g.outChannels / g.groups < LEAST_CHANNELS) return false;
  if (g.output[1] * g.output[2] < tuned(target, "matrixPixels")) return false;
  // In WebAssembly pixels that lie apart come one by one.
  return target.cheapBroadcast || product(g.kernel) === 1 || isOneRow(g);
}

function isOneRow({ kernel, output }: Geometry): boolean {
  return kernel[0] * kernel[1] * output[0] * output[1] === 1;
}

/** Cycles to bring a vector of pixels together, by the stride, and for each of a gathered vector. */
const COPY_CYCLES = 3;
const EVEN_COPY_CYCLES = 5;
const GATHER_CYCLES = 1.5;

/** How much longer sums take whose pixels and weights come from a second-level cache. */
const LONG_SUM = 600;
const LONG_SUM_OVERHEAD = 1.2;

/** A group of an item. */
function groupNanoseconds(g: Geometry, target: Target): number {
  const steps = stepsOf(g.kernel, g.inChannels / g.groups);
  const outChannels = g.outChannels / g.groups;
  const copy = [COPY_CYCLES, EVEN_COPY_CYCLES][g.stride[2] - 1] ?? GATHER_CYCLES * target.lanes;
  const sums = outChannels * sumNanoseconds(outChannels, steps, target);
  const vectors = product(g.output) / target.lanes;
  return vectors * steps * (sums + copy * CYCLE_NANOSECONDS);
}

/** A term of a vector of sums. */
function sumNanoseconds(outChannels: number, steps: number, target: Target): number {
  if (!target.cheapBroadcast) return tuned(target, "multiplyAddNanoseconds");
  const overhead = steps > LONG_SUM ? LONG_SUM_OVERHEAD : 1;
  return stepCost(target, outChannels, PANEL_VECTORS) * overhead * CYCLE_NANOSECONDS;
}
