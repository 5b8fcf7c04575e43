/**
 * Which convolutions are computed as products of matrices: those of one tap or of one row, whose input or
 * output lies on many pages, and others that take fewer cycles that way than directly.
 *
 * @module
 */

import type { Target } from "../../codegen/target.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { laneWork } from "../direct/plan.ts";
import { directCycles } from "../direct/lanes.ts";
import { product } from "../../base/numbers.ts";
import { PANEL_VECTORS } from "./product.ts";
import { stepsOf } from "./pixels.ts";
import { stepCost } from "../common/register_tile.ts";

/** Fewer output channels do not pay for bringing their pixels together. */
const LEAST_CHANNELS = 12;

/** On fewer pixels a tile reads its weights for too little; machine code has channels in the lanes there. */
const LEAST_PIXELS = 32;
const LEAST_MACHINE_CODE_PIXELS = 256;

/** More taps than this make programs too long, and more terms the copy of a tile's pixels too large. */
const MOST_TAPS = 512;
const MOST_STEPS = 65_536;

/** Whether a convolution, its axes collapsed, is computed as a product of matrices. */
export function isPointwise(g: Geometry, target: Target): boolean {
  if (product(g.kernel) > MOST_TAPS) return false;
  if (stepsOf(g.kernel, g.inChannels / g.groups) > MOST_STEPS) return false;
  const padded = [...g.padBegin, ...g.padEnd].some((pad) => pad > 0);
  if (g.transposed || padded && g.paddingMode !== "zeros") return false;
  if (g.outChannels / g.groups < LEAST_CHANNELS) return false;
  const least = target.cheapBroadcast ? LEAST_MACHINE_CODE_PIXELS : LEAST_PIXELS;
  if (g.output[1] * g.output[2] < least) return false;
  return isOneTap(g) || isOneRow(g) || target.cheapBroadcast && isCheaper(g, target);
}

/** Whether machine code takes fewer cycles than directly. */
function isCheaper(g: Geometry, target: Target): boolean {
  return pointwiseCycles(g, target) < directCycles(laneWork(g, target));
}

function isOneTap({ kernel }: Geometry): boolean {
  return product(kernel) === 1;
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

/** The cycles of a group, about. */
function pointwiseCycles(g: Geometry, target: Target): number {
  const steps = stepsOf(g.kernel, g.inChannels / g.groups);
  const outChannels = g.outChannels / g.groups;
  const sums = outChannels * stepCost(target, outChannels, PANEL_VECTORS) *
    (steps > LONG_SUM ? LONG_SUM_OVERHEAD : 1);
  const copy = [COPY_CYCLES, EVEN_COPY_CYCLES][g.stride[2] - 1] ?? GATHER_CYCLES * target.lanes;
  return product(g.output) / target.lanes * steps * (sums + copy);
}
