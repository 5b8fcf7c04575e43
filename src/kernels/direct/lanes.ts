/**
 * What fills the lanes of a direct convolution: pixels of a row, or output channels.
 *
 * GFLOP/s of either form in machine code with AVX-512, one thread, medians of turns that alternate,
 * where registers alone reached 75 to 95 because the processor was shared; all channels scattered:
 *
 * | layer | pixels | channels |
 * | --- | --- | --- |
 * | 3x3, 64 channels, 56 x 56 | 56 | 61 |
 * | 3x3, 128 channels, 28 x 28 | 59 | 67 |
 * | 3x3, dilation 2, 256 channels, 28 x 28 | 84 | 101 |
 * | 3x3, stride 2, 128 channels, 28 x 28 | 83 | 96 |
 * | 1x1, 1024 to 256 channels, 14 x 14 | 66 | 74 |
 * | 1x1, 256 to 64 channels, 56 x 56 (one row) | 41 | 13 |
 * | 3x3, 64 channels, 224 x 224 (planes 49 x 4 KiB apart) | 46 | 40 |
 * | transposed 4x4, stride 2, 128 to 64 channels, 64 x 64 (planes 4 x 4 KiB apart) | 79 | 60 |
 * | 3, 80 to 384 channels, 3000 (one row) | 74 | 54 |
 *
 * Where sums of channels are transposed and stored as pixels side by side, planes whose distance is a
 * multiple of 4 KiB are no worse than others: 3x3, 64 channels, 224 x 224 reached 81 that way beside 70
 * with pixels, and 62 scattered.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { cacheSets, WAYS } from "../common/cache.ts";
import { packedChannels, panelChannels } from "./channels.ts";
import { preferredVectors, stepCost } from "../common/register_tile.ts";

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

/** Cycles for each element of vectors that are transposed and then stored pixel beside pixel. */
const TRANSPOSE_CYCLES = 0.75;

/** Of the lines that a cache has room for, what is scattered to may take one in so many. */
const CROWDED = 2;

/** Cycles to pack an element. */
const COPY_CYCLES = 1;

/** Cycles to store a vector of consecutive elements. */
const STORE_CYCLES = 2;

/**
 * How much longer pixels take than their cycles say: their loads cross cache lines, and their weights
 * come from as many places as there are channels.
 */
const PIXEL_OVERHEAD = 1.05;

/** Chooses by the cycles that each form takes, about. */
export function chooseLanes(work: LaneWork): LaneUse {
  const { target, inChannels, outChannels } = work;
  // Elements are not broadcast cheaply, or there is nothing to sum over.
  if (!target.cheapBroadcast || inChannels === 1 && outChannels <= 2) return "pixels";
  return cyclesOf(work, "pixels") > cyclesOf(work, "channels") ? "channels" : "pixels";
}

/** The cycles that a form takes, about. */
export function cyclesOf(work: LaneWork, lanes: LaneUse): number {
  return lanes === "channels" ? channelCycles(work) : PIXEL_OVERHEAD * pixelCycles(work);
}

/** The cycles of the better form. */
export function directCycles(work: LaneWork): number {
  return Math.min(cyclesOf(work, "pixels"), cyclesOf(work, "channels"));
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
  const { target, inChannels, outChannels, taps, rows, columns, copies } = work;
  const vectors = packedChannels(target, outChannels) / target.lanes;
  const pixel = vectors * inChannels * taps / 2 + storeCycles(work) * outChannels;
  return rows * columns * pixel + COPY_CYCLES * copies.channels;
}

/** Cycles to store an element where lanes are channels. */
function storeCycles({ target, outChannels, pixelStep, channelPitch }: LaneWork): number {
  if (pixelStep === FLOAT_BYTES) return TRANSPOSE_CYCLES;
  const lines = Math.min(outChannels, panelChannels(target));
  const crowded = cacheSets(channelPitch) * WAYS < CROWDED * lines;
  return crowded ? ALIASED_SCATTER_CYCLES : SCATTER_CYCLES;
}
