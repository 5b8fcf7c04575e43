/**
 * Plans convolutions that are products of matrices.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Geometry, Triple } from "../../convolution/geometry.ts";
import { clamp, product } from "../../base/numbers.ts";
import { PLAIN_LAYOUT } from "../packing/input.ts";
import { BUFFER, type PlanBody, planBuffers, type Problem } from "../plan.ts";
import {
  PANEL_VECTORS,
  type PointwiseBlock,
  pointwiseProgram,
  pointwiseScratchBytes,
  type PointwiseShape,
  weightPanel,
} from "./product.ts";
import { stepsOf } from "./pixels.ts";
import { addWeightPanels } from "./weights.ts";
import { type WindowRun, windowRuns } from "./windows.ts";
import { evenParts } from "../common/register_tile.ts";
import { resultSteps } from "../common/store.ts";
import { tuned } from "../common/tuning.ts";
import { ROW_PARAMETERS } from "../rows/shape.ts";
import { PhaseBuilder } from "../phase_builder.ts";

/** Plans a convolution as products of matrices. */
export function planPointwise(request: Problem): PlanBody {
  return planProducts(request, false);
}

/**
 * The same for a transposed convolution that has been {@linkcode mirrored}.
 *
 * @param request With the geometry that it has become.
 */
export function planMirrored(request: Problem): PlanBody {
  return planProducts(request, true);
}

function planProducts(request: Problem, areMirrored: boolean): PlanBody {
  const { geometry: g, hasBias, epilogue, target } = request;
  const inChannels = g.inChannels / g.groups;
  const outChannels = g.outChannels / g.groups;
  const steps = stepsOf(g.kernel, inChannels);
  const shape: PointwiseShape = {
    target,
    inChannels,
    inputChannelPitch: product(g.input) * FLOAT_BYTES,
    steps,
    outChannels,
    hasBias,
    epilogue,
    outputChannelPitch: product(g.output) * FLOAT_BYTES,
  };
  const block = blockOf(shape, g);
  const scratchBytes = pointwiseScratchBytes(shape, block);
  const tiles = new PhaseBuilder("convolve");
  addTiles(tiles, g, shape, block, scratchBytes);
  const preparation = new PhaseBuilder("pack weights");
  const panel = weightPanel(target, outChannels);
  addWeightPanels(preparation, target, {
    groups: g.groups,
    outChannels,
    inChannels,
    taps: product(g.kernel),
    panel,
    areMirrored,
  });
  return {
    family: "pointwise",
    inputLayout: PLAIN_LAYOUT,
    buffers: planBuffers(request, { packedWeight: g.outChannels * steps }, scratchBytes),
    preparation: [preparation.build()],
    phases: [tiles.build()],
  };
}

/** Adds the tiles of a convolution, for every way in which some of them see their input. */
function addTiles(
  phase: PhaseBuilder,
  g: Geometry,
  shape: PointwiseShape,
  block: PointwiseBlock,
  scratchBytes: number,
): void {
  const { target, inChannels, outChannels, steps, inputChannelPitch, outputChannelPitch } = shape;
  const row = steps * FLOAT_BYTES;
  const inRow = g.input[2] * FLOAT_BYTES;
  const pitches = [g.input[1] * inRow, inRow, FLOAT_BYTES] as const;
  const outRow = g.output[2] * FLOAT_BYTES;
  const outPitches = [g.output[1] * outRow, outRow, FLOAT_BYTES] as const;
  const runs = (axis: 0 | 1 | 2, size: number) => windowRuns(g, axis, size, pitches[axis]);
  const axisOf = (axis: 0 | 1 | 2, run: WindowRun) => ({
    count: run.tiles * run.block,
    block: run.block,
    steps: { input: run.step / run.block * pitches[axis], ...resultSteps(outPitches[axis]) },
  });
  for (const depth of runs(0, 1)) {
    for (const height of runs(1, block.rows)) {
      for (const width of runs(2, block.columns)) {
        const along = [depth, height, width];
        const input = along.reduce((sum, run, axis) => sum + run.input * (pitches[axis] ?? 0), 0);
        const output = along.reduce(
          (sum, run, axis) => sum + run.output * (outPitches[axis] ?? 0),
          0,
        );
        const windows = [depth.window, height.window, width.window] as const;
        phase.addBox({
          parameters: ROW_PARAMETERS,
          axes: {
            batch: {
              count: g.batch,
              steps: {
                input: g.inChannels * inputChannelPitch,
                ...resultSteps(g.outChannels * outputChannelPitch),
              },
            },
            groups: {
              count: g.groups,
              steps: {
                input: inChannels * inputChannelPitch,
                weight: outChannels * row,
                bias: outChannels * FLOAT_BYTES,
                ...resultSteps(outChannels * outputChannelPitch),
              },
            },
            depth: axisOf(0, depth),
            rows: axisOf(1, height),
            columns: axisOf(2, width),
            outChannels: {
              count: outChannels,
              block: block.outChannels,
              steps: { weight: row, bias: FLOAT_BYTES, ...resultSteps(outputChannelPitch) },
            },
          },
          bases: {
            input: { buffer: BUFFER.input, offset: input },
            weight: { buffer: BUFFER.packedWeight, offset: 0 },
            bias: { buffer: BUFFER.bias, offset: 0 },
            output: { buffer: BUFFER.output, offset: output },
            scratch: { buffer: BUFFER.scratch, offset: 0, threadStep: scratchBytes },
            add: { buffer: BUFFER.add, offset: output },
          },
          itemCost: (steps + 1) / tuned(target, "multiplyAddsPerMicrosecond"),
          write: (block) => pointwiseProgram(shape, block, windows),
        });
      }
    }
  }
}

/** What the pixels of a tile may take: they stay in a second-level cache while all channels pass by. */
const PANELS_BYTES = 256 * 1024;

/** Longer runs of a channel's pixels are stored no faster. */
const MOST_PIXELS = 512;

/** Vectors of a channel's pixels that a tile copies: each is an instruction or several. */
const MOST_COPIES = 2048;

/** Fewer panels of pixels than these read the weights too often. */
const LEAST_PANELS = 2;

/** Tiles that balance threads. */
const ENOUGH_TILES = 12;

/** Output channels for which it pays to bring their pixels together once more. */
const LEAST_CHANNELS = 64;

/**
 * As many pixels as a cache keeps, and all output channels of a group unless that leaves too few tiles.
 * For one panel of channels after the other all pixels are stored: long runs on few pages.
 */
function blockOf(shape: PointwiseShape, g: Geometry): PointwiseBlock {
  const { target, outChannels, steps } = shape;
  const panel = PANEL_VECTORS * target.lanes;
  const most = clamp(
    Math.min(PANELS_BYTES / FLOAT_BYTES / steps, MOST_COPIES * target.lanes / product(g.kernel)),
    LEAST_PANELS * panel,
    MOST_PIXELS,
  );
  const pixels = pixelBlock(g.output, panel, most);
  const parts = Math.ceil(g.output[1] / pixels.rows) * Math.ceil(g.output[2] / pixels.columns);
  const others = g.batch * g.groups * g.output[0] * parts;
  const size = weightPanel(target, outChannels);
  const wanted = clamp(
    Math.ceil(ENOUGH_TILES / others),
    1,
    Math.max(1, outChannels / LEAST_CHANNELS),
  );
  const channels = Math.ceil(outChannels / Math.floor(wanted) / size) * size;
  return { ...pixels, outChannels: Math.min(outChannels, channels) };
}

/** Pixels of a tile: a piece of a row that is whole panels, or some rows. */
function pixelBlock(
  [, rows, columns]: Triple,
  panel: number,
  most: number,
): Omit<PointwiseBlock, "outChannels"> {
  if (rows > 1 && columns <= most) {
    return { rows: evenParts(rows, Math.max(1, Math.floor(most / columns))).size, columns };
  }
  const panels = evenParts(Math.ceil(columns / panel), Math.max(1, Math.floor(most / panel))).size;
  return { rows: 1, columns: Math.min(columns, panels * panel) };
}
