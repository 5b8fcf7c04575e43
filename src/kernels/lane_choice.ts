/**
 * What fills the lanes of a direct convolution: pixels of a row, or output channels.
 *
 * @module
 */

import type { Target } from "../codegen/target.ts";
import { packedChannels } from "./channel_lanes.ts";
import { preferredVectors, stepCost } from "./register_tile.ts";

/** What a lane of a sum belongs to. */
export type LaneUse = "pixels" | "channels";

/** A convolution, or a stride phase of one, as far as the choice depends on it. */
export interface LaneWork {
  readonly target: Target;
  /** Channels of a group. */
  readonly inChannels: number;
  readonly outChannels: number;
  readonly taps: number;
  /** Rows of outputs, and pixels of each. */
  readonly rows: number;
  readonly columns: number;
  /** Whether the pixels of a row lie side by side in the output. */
  readonly dense: boolean;
}

/** Cycles for each element of a vector that is scattered. */
const SCATTER_CYCLES = 1.25;

/** Cycles to store a vector of consecutive elements. */
const STORE_CYCLES = 2;

/** Channels must be so much faster: their weights have to be packed. */
const LEAST_GAIN = 1.05;

/** Chooses by the cycles that each form takes, about. */
export function chooseLanes(work: LaneWork): LaneUse {
  const { target, inChannels, outChannels } = work;
  // Elements are not broadcast cheaply, or there is nothing to sum over.
  if (!target.cheapBroadcast || inChannels === 1 && outChannels <= 2) return "pixels";
  return pixelCycles(work) > LEAST_GAIN * channelCycles(work) ? "channels" : "pixels";
}

function pixelCycles(work: LaneWork): number {
  const { target, inChannels, outChannels, taps, rows, columns, dense } = work;
  const vectors = rows * Math.ceil(columns / target.lanes);
  const step = stepCost(target, outChannels, preferredVectors(target, outChannels));
  const store = dense ? STORE_CYCLES : SCATTER_CYCLES * Math.min(columns, target.lanes);
  return vectors * outChannels * (step * inChannels * taps + store);
}

function channelCycles(work: LaneWork): number {
  const { target, inChannels, outChannels, taps, rows, columns } = work;
  const vectors = packedChannels(target, outChannels) / target.lanes;
  const pixels = rows * columns;
  return pixels * (vectors * inChannels * taps / 2 + SCATTER_CYCLES * outChannels);
}
