/**
 * What the depthwise kernels offer that read the input as it lies.
 *
 * @module
 */

import { product } from "../../base/numbers.ts";
import type { Target } from "../../codegen/target.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { collapse } from "../collapse.ts";
import { MOVE_NANOSECONDS, tuned } from "../common/tuning.ts";
import type { Candidate, Problem } from "../plan.ts";
import { planDepthwise } from "./plan.ts";

/** Convolutions of each channel by itself, with kernels of one depth tap that are not too large. */
export function depthwiseCandidate(problem: Problem): Candidate | null {
  const { target } = problem;
  const g = collapse(problem.geometry);
  if (!isPlain(g, target)) return null;
  const [depth, rows, columns] = g.output;
  const vectors = g.batch * g.outChannels * depth * rows * Math.ceil(columns / target.lanes);
  const taps = product(g.kernel) * tuned(target, "depthwiseTap") *
    tuned(target, "multiplyAddNanoseconds");
  const moves = target.lanes * g.stride[2] * MOVE_NANOSECONDS;
  return {
    nanoseconds: vectors * (taps + moves),
    plan: () => planDepthwise({ ...problem, geometry: g }),
  };
}

/** More output channels of an input channel share its vectors better than rows do. */
const MOST_MULTIPLIER = 2;

/** Larger kernels make programs too long. */
const MOST_TAPS = 49;

/** Input positions from the first tap of an output to the last, and to the next output's: programs look at each. */
const MOST_REACH = 4096;
const MOST_STRIDE = 64;

/** Register tiles that see both the input and the padding, each with code of its own, and the inner one. */
const MOST_KINDS = 64;

/** Rows of a register tile at least where there are many, or vectors of a row where there are few. */
const TILE_ROWS = 4;

/** About how many kinds of register tiles of some outputs there are along an axis. */
function kindsOfTiles(g: Geometry, axis: 1 | 2, outputs: number): number {
  const reach = (g.kernel[axis] - 1) * g.dilation[axis];
  const kinds = (pad: number) => Math.ceil(Math.min(pad, reach) / g.stride[axis] / outputs);
  return 1 + kinds(g.padBegin[axis]) + kinds(g.padEnd[axis]);
}

/** Whether a convolution, its axes collapsed, is one of each channel by itself, along rows and columns. */
function isPlain(g: Geometry, target: Target): boolean {
  const tileColumns = target.lanes * Math.max(1, Math.floor(TILE_ROWS / g.output[1]));
  const isNear =
    ([1, 2] as const).every((axis) =>
      (g.kernel[axis] - 1) * g.dilation[axis] <= MOST_REACH && g.stride[axis] <= MOST_STRIDE
    ) && kindsOfTiles(g, 1, TILE_ROWS) * kindsOfTiles(g, 2, tileColumns) <= MOST_KINDS;
  return isNear && !g.transposed && g.groups === g.inChannels &&
    g.outChannels <= MOST_MULTIPLIER * g.groups && g.kernel[1] * g.kernel[2] <= MOST_TAPS &&
    g.kernel[0] === 1 && g.padBegin[0] === 0 && g.padEnd[0] === 0;
}
