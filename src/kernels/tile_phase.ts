/**
 * Cuts a convolution, or one stride phase of a transposed one, into tiles.
 *
 * @module
 */

import { FLOAT_BYTES } from "../codegen/program.ts";
import { depthwiseProgram, isDepthwise } from "./depthwise.ts";
import {
  directProgram,
  directRows,
  directScratchBytes,
  type DirectShape,
  type TileBlock,
} from "./direct.ts";
import { clamp } from "./numbers.ts";
import { BUFFER, type Family } from "./plan.ts";
import { MULTIPLY_ADDS_PER_MICROSECOND, type PhaseBuilder } from "./tiles.ts";

/** Everything that the tiles of one convolution share. */
export interface TileSpace {
  readonly shape: DirectShape;
  readonly batch: number;
  readonly groups: number;
  /** Output positions along depth, height and width. */
  readonly depth: number;
  readonly rows: number;
  readonly columns: number;
  /** Input bytes from one batch item, and from the window of one output depth, to the next. */
  readonly inputBatchPitch: number;
  readonly inputDepthStep: number;
  /** Output bytes likewise. */
  readonly outputBatchPitch: number;
  readonly outputDepthStep: number;
  /** Where input, weights and output begin. */
  readonly input: { readonly buffer: number; readonly offset: number };
  readonly weight: { readonly buffer: number; readonly offset: number };
  readonly outputOffset: number;
}

/** Which family computes a shape. */
export function familyOf(shape: DirectShape): Family {
  return isDepthwise(shape) && shape.outChannels <= MOST_DEPTHWISE_MULTIPLIER
    ? "depthwise"
    : "direct";
}

/** From here on several output channels share an input vector better than several rows do. */
const MOST_DEPTHWISE_MULTIPLIER = 2;

/** Adds the tiles of a convolution to a phase. */
export function addTiles(phase: PhaseBuilder, space: TileSpace): void {
  const { shape, batch, groups, depth, rows, columns } = space;
  if (depth * rows * columns === 0) return;
  const write = familyOf(shape) === "depthwise" ? depthwiseProgram : directProgram;
  const block = tileBlock(space);
  const { inChannels, outChannels, taps, channelPitch, outputChannelPitch } = shape;
  const weightPitch = inChannels * taps.length * FLOAT_BYTES;
  phase.add(
    [
      {
        count: batch,
        block: 1,
        steps: [space.inputBatchPitch, 0, 0, space.outputBatchPitch, 0, space.outputBatchPitch],
      },
      {
        count: groups,
        block: block.groups,
        steps: [
          inChannels * channelPitch,
          outChannels * weightPitch,
          outChannels * FLOAT_BYTES,
          outChannels * outputChannelPitch,
          0,
          outChannels * outputChannelPitch,
        ],
      },
      {
        count: outChannels,
        block: block.outChannels,
        steps: [0, weightPitch, FLOAT_BYTES, outputChannelPitch, 0, outputChannelPitch],
      },
      {
        count: depth,
        block: 1,
        steps: [space.inputDepthStep, 0, 0, space.outputDepthStep, 0, space.outputDepthStep],
      },
      {
        count: rows,
        block: block.rows,
        steps: [shape.rowStep, 0, 0, shape.outputRowStep, 0, shape.outputRowStep],
      },
      {
        count: columns,
        block: block.columns,
        steps: [FLOAT_BYTES, 0, 0, shape.pixelStep, 0, shape.pixelStep],
      },
    ],
    [
      space.input,
      space.weight,
      { buffer: BUFFER.bias, offset: 0 },
      { buffer: BUFFER.output, offset: space.outputOffset },
      { buffer: BUFFER.scratch, offset: 0, threadStep: directScratchBytes(shape) },
      { buffer: BUFFER.add, offset: space.outputOffset },
    ],
    (inChannels * taps.length + 1) / MULTIPLY_ADDS_PER_MICROSECOND,
    ([, groups = 1, outChannels = 1, , rows = 1, columns = 1]) =>
      write(shape, { groups, outChannels, rows, columns }),
    JSON.stringify(shape),
  );
}

/** Multiply-adds of a tile: at least what pays for claiming it, at most what balances threads. */
const LEAST_TILE_WORK = 400_000;
const MOST_TILE_WORK = 8_000_000;

/** How many tiles a large layer is cut into. */
const TILES = 256;

/** Weights of one tile: they stay in a second-level cache while its pixels pass by. */
const TILE_WEIGHT_BYTES = 512 * 1024;

/** Output channels come in multiples of this: both of four and of three channels a register tile. */
const CHANNEL_STEP = 12;

/** Pieces of a row are multiples of this many vectors: of the widest register tile. */
const COLUMN_VECTORS = 8;

/**
 * Sizes of a tile of about the work that is wanted. Of pixels and output channels it takes what moves
 * the least memory: a pixel brings its share of the input, a channel its weights. Rows are cut only
 * where they are much longer than that.
 */
function tileBlock(space: TileSpace): TileBlock {
  const { shape, batch, groups, depth, rows, columns } = space;
  const { target, outChannels, inChannels, taps } = shape;
  const reduction = Math.max(1, inChannels * taps.length);
  const total = batch * groups * outChannels * depth * rows * columns * reduction;
  const work = clamp(total / TILES, LEAST_TILE_WORK, MOST_TILE_WORK);
  const outputs = work / reduction;
  const pixels = Math.sqrt(outputs * Math.max(1, taps.length));
  const columnStep = COLUMN_VECTORS * target.lanes;
  const cut = columns >= 2 * Math.max(columnStep, pixels);
  const blockColumns = cut ? roundTo(columnStep, pixels) : columns;
  const together = Math.min(rows, directRows(target, outChannels, blockColumns));
  const channels = clamp(
    roundTo(
      CHANNEL_STEP,
      Math.min(
        TILE_WEIGHT_BYTES / FLOAT_BYTES / reduction,
        outputs / Math.max(Math.min(pixels, rows * blockColumns), together * blockColumns),
      ),
    ),
    Math.min(CHANNEL_STEP, outChannels),
    outChannels,
  );
  const blockRows = clamp(
    roundTo(together, outputs / (blockColumns * channels)),
    together,
    rows,
  );
  const whole = channels === outChannels && blockRows === rows && !cut;
  const blockGroups = whole
    ? clamp(Math.floor(outputs / (blockColumns * channels * blockRows)), 1, groups)
    : 1;
  return { groups: blockGroups, outChannels: channels, rows: blockRows, columns: blockColumns };
}

function roundTo(step: number, value: number): number {
  return Math.max(step, Math.floor(value / step) * step);
}
