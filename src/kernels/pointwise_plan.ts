/**
 * Plans convolutions that are products of matrices.
 *
 * @module
 */

import { FLOAT_BYTES } from "../codegen/program.ts";
import type { Target } from "../codegen/target.ts";
import type { Geometry, Triple } from "../geometry.ts";
import { planBuffers } from "./buffers.ts";
import { clamp, product, range } from "./numbers.ts";
import { PLAIN_LAYOUT } from "./packing.ts";
import { BUFFER, type PlanBody, type PlanRequest } from "./plan.ts";
import {
  PANEL_VECTORS,
  type PointwiseBlock,
  pointwiseProgram,
  pointwiseScratchBytes,
  type PointwiseShape,
  weightPanel,
} from "./pointwise.ts";
import { addWeightPanels } from "./pointwise_weights.ts";
import { evenParts } from "./register_tile.ts";
import { multiplyAddsPerMicrosecond, PhaseBuilder } from "./tiles.ts";

/** Whether a convolution, its axes collapsed, is computed as a product of matrices. */
export function isPointwise(g: Geometry, target: Target): boolean {
  const padded = [...g.padBegin, ...g.padEnd].some((pad) => pad > 0);
  if (g.transposed || padded || g.inChannels === g.groups && g.outChannels === g.groups) {
    return false;
  }
  const oneRow = g.kernel[0] * g.kernel[1] === 1 && g.output[0] * g.output[1] === 1;
  if (product(g.kernel) > 1 && !oneRow) return false;
  return target.cheapBroadcast && g.output[1] * g.output[2] >= 256 &&
    g.outChannels / g.groups >= 13;
}

/** Plans a convolution that {@linkcode isPointwise}. */
export function planPointwise(request: PlanRequest): PlanBody {
  const { geometry: g, hasBias, epilogue, target } = request;
  const [inDepth, inHeight, inWidth] = g.input;
  const [outDepth, outHeight, outWidth] = g.output;
  const row = inWidth * FLOAT_BYTES;
  const outPlane = outHeight * outWidth * FLOAT_BYTES;
  const shape: PointwiseShape = {
    target,
    source: {
      rowStep: g.stride[1] * row,
      pixelStep: g.stride[2] * FLOAT_BYTES,
      channels: g.inChannels / g.groups,
      channelPitch: inDepth * inHeight * row,
      taps: range(g.kernel[2]).map((tap) => tap * g.dilation[2] * FLOAT_BYTES),
    },
    outChannels: g.outChannels / g.groups,
    hasBias,
    epilogue,
    outputChannelPitch: outDepth * outPlane,
  };
  const block = blockOf(shape, g);
  const scratch = pointwiseScratchBytes(shape, block);
  const { source, outChannels, outputChannelPitch } = shape;
  const reduction = source.channels * source.taps.length;
  const tiles = new PhaseBuilder("convolve");
  const steps = (input: number, weight: number, bias: number, output: number) => [
    input * FLOAT_BYTES,
    weight * FLOAT_BYTES,
    bias * FLOAT_BYTES,
    output,
    0,
    output,
  ];
  const inPlane = inHeight * inWidth;
  tiles.add(
    [
      {
        count: g.batch,
        block: 1,
        steps: steps(g.inChannels * inDepth * inPlane, 0, 0, g.outChannels * outputChannelPitch),
      },
      {
        count: g.groups,
        block: 1,
        steps: steps(
          source.channels * inDepth * inPlane,
          outChannels * reduction,
          outChannels,
          outChannels * outputChannelPitch,
        ),
      },
      { count: outDepth, block: 1, steps: steps(g.stride[0] * inPlane, 0, 0, outPlane) },
      {
        count: outHeight,
        block: block.rows,
        steps: steps(g.stride[1] * inWidth, 0, 0, outWidth * FLOAT_BYTES),
      },
      { count: outWidth, block: block.columns, steps: steps(g.stride[2], 0, 0, FLOAT_BYTES) },
      {
        count: outChannels,
        block: block.outChannels,
        steps: steps(0, reduction, 1, outputChannelPitch),
      },
    ],
    [
      { buffer: BUFFER.input, offset: 0 },
      { buffer: BUFFER.packedWeight, offset: 0 },
      { buffer: BUFFER.bias, offset: 0 },
      { buffer: BUFFER.output, offset: 0 },
      { buffer: BUFFER.scratch, offset: 0, threadStep: scratch },
      { buffer: BUFFER.add, offset: 0 },
    ],
    (reduction + 1) / multiplyAddsPerMicrosecond(target),
    ([, , , rows = 1, columns = 1, outChannels = 1]) =>
      pointwiseProgram(shape, { rows, columns, outChannels }),
  );
  const preparation = new PhaseBuilder("pack weights");
  addWeightPanels(preparation, target, {
    groups: g.groups,
    outChannels,
    panel: weightPanel(target, outChannels),
    steps: reduction,
  });
  return {
    family: "pointwise",
    inputLayout: PLAIN_LAYOUT,
    buffers: planBuffers(request, 0, g.outChannels * reduction, scratch),
    preparation: [preparation.build()],
    phases: [tiles.build()],
  };
}

/** What the pixels of a tile may take: they stay in a second-level cache while all channels pass by. */
const PANELS_BYTES = 256 * 1024;

/** Longer runs of a channel's pixels are stored no faster. */
const MOST_PIXELS = 512;

/** Fewer panels of pixels than these read the weights too often. */
const LEAST_PANELS = 2;

/** Tiles that balance threads. */
const ENOUGH_TILES = 12;

/** Output channels for which it pays to bring their pixels together once more. */
const LEAST_CHANNELS = 128;

/**
 * As many pixels as a cache keeps, and all output channels of a group unless that leaves too few tiles.
 * For one panel of channels after the other all pixels are stored: long runs on few pages.
 */
function blockOf(shape: PointwiseShape, g: Geometry): PointwiseBlock {
  const { target, outChannels, source } = shape;
  const reduction = source.channels * source.taps.length;
  const panel = PANEL_VECTORS * target.lanes;
  const most = clamp(PANELS_BYTES / FLOAT_BYTES / reduction, LEAST_PANELS * panel, MOST_PIXELS);
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
