/**
 * What fills the lanes of a weight's gradient: output channels or pixels, whichever takes less.
 *
 * @module
 */

import type { Target } from "../../codegen/target.ts";
import { paddedSizes } from "../../convolution/adjoint.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { product } from "../../base/numbers.ts";
import { COPY_NANOSECONDS, CYCLE_NANOSECONDS, LATENCY, tuned } from "../common/tuning.ts";
import type { ColumnOrder } from "../packing/view.ts";
import { channelLanesTile, panelChannels } from "./channels.ts";
import { pixelLanesTile } from "./pixels.ts";
import { countProducts, type GradientShape, productsOf, type Unit } from "./shape.ts";

/** What fills the lanes. */
export type GradientLanes = "channels" | "pixels";

/** The use of the lanes that takes less. */
export function chooseLanes(g: Geometry, target: Target): GradientLanes {
  return channelNanoseconds(g, target) <= pixelNanoseconds(g, target) ? "channels" : "pixels";
}

/** About what the sums of products take, and what is packed for them. */
export function plainNanoseconds(g: Geometry, target: Target): number {
  const isPadded = [...g.padBegin, ...g.padEnd].some((pad) => pad > 0);
  const padded = isPadded ? g.batch * g.inChannels * product(paddedSizes(g)) : 0;
  return Math.min(channelNanoseconds(g, target), pixelNanoseconds(g, target)) +
    padded * COPY_NANOSECONDS;
}

/** How columns have to lie: side by side where vectors of pixels are loaded. */
export function columnOrder(g: Geometry, target: Target, lanes: GradientLanes): ColumnOrder {
  if (g.stride[2] === 1) return "in order";
  const isVector = lanes === "pixels" || !target.cheapBroadcast;
  return isVector && g.kernel[2] <= MOST_SORTED ? "by residue" : "in order";
}

/** More taps of a row may be more than a register tile has, and are not evenly apart when sorted. */
const MOST_SORTED = 3;

/** What of a group the register tiles are cut from. */
type GroupSizes = Pick<GradientShape, "kernel" | "inChannels" | "outChannels">;

function groupOf({ kernel, inChannels, outChannels, groups }: Geometry): GroupSizes {
  return { kernel, inChannels: inChannels / groups, outChannels: outChannels / groups };
}

/** Sums of panels of channels, and the packing of the gradient. */
function channelNanoseconds(g: Geometry, target: Target): number {
  const group = groupOf(g);
  const panel = panelChannels(target, g.kernel);
  const panels = Math.ceil(group.outChannels / panel);
  const pixels = g.batch * product(g.output);
  const packed = panels * panel * pixels * COPY_NANOSECONDS;
  return g.groups * (pixels * panelNanoseconds(group, target) + packed);
}

/** The products of a pixel of a group in sums of panels of channels. */
export function panelNanoseconds(group: GroupSizes, target: Target): number {
  const tile = channelLanesTile(group, target);
  const panels = Math.ceil(group.outChannels / panelChannels(target, group.kernel));
  const vectors = Math.ceil(group.outChannels / target.lanes) / panels;
  const units = panels * productsOf(group) / countProducts(tile.products);
  return units * stepNanoseconds(target, vectors, countProducts(tile.products));
}

/** Sums of vectors of pixels, of which the last one of a row may be filled in part, and of their lanes. */
function pixelNanoseconds(g: Geometry, target: Target): number {
  const group = groupOf(g);
  const tile = pixelLanesTile(group, target);
  const [depth, rows, columns] = g.output;
  const vectors = g.batch * depth * rows * Math.ceil(columns / target.lanes);
  const units = g.groups * group.outChannels * productsOf(group) /
    (tile.outChannels * countProducts(tile.products));
  const step = stepNanoseconds(target, tile.outChannels, countProducts(tile.products));
  // What is seen is loaded from anywhere, each vector from two cache lines.
  const areApart = g.stride[2] > 1 && columnOrder(g, target, "pixels") === "in order";
  const loadCycles = areApart ? GATHER_CYCLES * target.lanes : CROSSING_CYCLES;
  const loads = loadCycles * countProducts(tile.products) * CYCLE_NANOSECONDS;
  const far = product(g.kernel) === 1 ? FAR_OVERHEAD : 1;
  return units * (vectors * (step + loads) * far + laneNanoseconds(target, tile));
}

/** How much longer a step takes where all that it loads is of other planes, each on a page of its own. */
const FAR_OVERHEAD = 1.4;

/** Cycles that a vector which lies in two cache lines takes longer. */
const CROSSING_CYCLES = 0.5;

/** Cycles of a lane that is brought from a place of its own. */
const GATHER_CYCLES = 1.5;

/** A step of a register tile: its multiply-adds, but that one waits for the one before it, and their loads. */
function stepNanoseconds(target: Target, held: number, passing: number): number {
  if (!target.cheapBroadcast) {
    return held * passing * tuned(target, "multiplyAddNanoseconds") +
      passing * MOVE_CYCLES * CYCLE_NANOSECONDS;
  }
  return Math.max(held * passing / 2, (held + passing) / 2, LATENCY) * CYCLE_NANOSECONDS;
}

/** Cycles of what WebAssembly does besides for each product of a step: a lane is broadcast, or a vector loaded. */
const MOVE_CYCLES = 1;

/** The sums of the lanes of a register tile: two shuffles and an addition to halve two vectors. */
function laneNanoseconds(target: Target, { outChannels, products }: Unit): number {
  const halvings = 3 * (target.lanes - 1) / target.lanes + Math.log2(target.lanes);
  return outChannels * (countProducts(products) * halvings + LANE_SUM_CYCLES) * CYCLE_NANOSECONDS;
}

/** Cycles until the sums of an output channel are stored. */
const LANE_SUM_CYCLES = 30;
