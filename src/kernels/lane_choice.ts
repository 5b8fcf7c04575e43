/**
 * What fills the lanes of a direct convolution: pixels of a row, or output channels.
 *
 * @module
 */

import { FLOAT_BYTES } from "../codegen/program.ts";
import type { Target } from "../codegen/target.ts";
import { cacheSets, WAYS } from "./cache.ts";
import { packedChannels, panelChannels } from "./channel_lanes.ts";
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
  /** Output bytes from one pixel, and from one channel, to the next. */
  readonly pixelStep: number;
  readonly channelPitch: number;
  /** Elements of the input that have to be packed for each use of the lanes. */
  readonly copies: Readonly<Record<LaneUse, number>>;
}

/** Cycles for each element of a vector that is scattered, and of one whose lines share a cache set. */
const SCATTER_CYCLES = 1.5;
const ALIASED_SCATTER_CYCLES = 12;

/** Of the lines that a cache has room for, what is scattered to may take one in so many. */
const CROWDED = 2;

/** Cycles to pack an element. */
const COPY_CYCLES = 1;

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
  const { target, inChannels, outChannels, taps, rows, columns, pixelStep, copies } = work;
  const vectors = rows * Math.ceil(columns / target.lanes);
  const step = stepCost(target, outChannels, preferredVectors(target, outChannels));
  const store = pixelStep === FLOAT_BYTES
    ? STORE_CYCLES
    : SCATTER_CYCLES * Math.min(columns, target.lanes);
  return vectors * outChannels * (step * inChannels * taps + store) + COPY_CYCLES * copies.pixels;
}

function channelCycles(work: LaneWork): number {
  const { target, inChannels, outChannels, taps, rows, columns, channelPitch, copies } = work;
  const vectors = packedChannels(target, outChannels) / target.lanes;
  const lines = Math.min(outChannels, panelChannels(target));
  const crowded = cacheSets(channelPitch) * WAYS < CROWDED * lines;
  const scatter = crowded ? ALIASED_SCATTER_CYCLES : SCATTER_CYCLES;
  const pixel = vectors * inChannels * taps / 2 + scatter * outChannels;
  return rows * columns * pixel + COPY_CYCLES * copies.channels;
}
