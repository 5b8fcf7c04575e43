/**
 * Cuts a convolution, or one stride phase of a transposed one, into tiles.
 *
 * @module
 */

import { FLOAT_BYTES } from "../codegen/program.ts";
import { depthwiseProgram, isDepthwise } from "./depthwise.ts";
import { directProgram, directRows, type DirectShape, type TileBlock } from "./direct.ts";
import { BUFFER, type Family } from "./plan.ts";
import type { PhaseBuilder } from "./tiles.ts";

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
        steps: [space.inputBatchPitch, 0, 0, space.outputBatchPitch],
      },
      {
        count: groups,
        block: block.groups,
        steps: [
          inChannels * channelPitch,
          outChannels * weightPitch,
          outChannels * FLOAT_BYTES,
          outChannels * outputChannelPitch,
        ],
      },
      {
        count: outChannels,
        block: block.outChannels,
        steps: [0, weightPitch, FLOAT_BYTES, outputChannelPitch],
      },
      { count: depth, block: 1, steps: [space.inputDepthStep, 0, 0, space.outputDepthStep] },
      { count: rows, block: block.rows, steps: [shape.rowStep, 0, 0, shape.outputRowStep] },
      { count: columns, block: block.columns, steps: [FLOAT_BYTES, 0, 0, shape.pixelStep] },
    ],
    [
      space.input,
      space.weight,
      { buffer: BUFFER.bias, offset: 0 },
      { buffer: BUFFER.output, offset: space.outputOffset },
    ],
    ([, groups = 1, outChannels = 1, , rows = 1, columns = 1]) =>
      write(shape, { groups, outChannels, rows, columns }),
  );
}

/** Multiply-adds of a tile: at least what pays for claiming it, at most what balances threads. */
const LEAST_TILE_WORK = 400_000;
const MOST_TILE_WORK = 8_000_000;

/** How many tiles a large layer is cut into. */
const TILES = 256;

/** Weights of one tile: they stay in a second-level cache while its pixels pass by. */
const TILE_WEIGHT_BYTES = 512 * 1024;

/** Longest piece of a row that one tile takes. */
const TILE_COLUMNS = 4096;

/**
 * Sizes of a tile. A tile takes as many output channels as its weights allow, then rows, then groups,
 * until it is large enough.
 */
function tileBlock(space: TileSpace): TileBlock {
  const { shape, batch, groups, depth, rows } = space;
  const { lanes, outChannels } = shape;
  const reduction = Math.max(1, shape.inChannels * shape.taps.length);
  const total = batch * groups * outChannels * depth * rows * space.columns * reduction;
  const wanted = clamp(total / TILES, LEAST_TILE_WORK, MOST_TILE_WORK);
  const columns = columnBlock(space, wanted / reduction);
  const together = Math.min(rows, directRows(lanes, outChannels, columns));
  const pixelWork = reduction * columns;
  const channels = clamp(
    roundTo(
      CHANNEL_STEP,
      Math.min(TILE_WEIGHT_BYTES / FLOAT_BYTES / reduction, wanted / (pixelWork * together)),
    ),
    Math.min(CHANNEL_STEP, outChannels),
    outChannels,
  );
  const fewerRows = roundTo(together, wanted / (pixelWork * channels));
  const blockRows = clamp(fewerRows, together, rows);
  const whole = channels === outChannels && blockRows === rows && columns === space.columns;
  const blockGroups = whole
    ? clamp(Math.floor(wanted / (pixelWork * channels * blockRows)), 1, groups)
    : 1;
  return { groups: blockGroups, outChannels: channels, rows: blockRows, columns };
}

/** Output channels come in multiples of a register tile's. */
const CHANNEL_STEP = 12;

/** A row is cut only where there is too little else to share out. */
function columnBlock({ shape, columns, rows, depth }: TileSpace, wantedOutputs: number): number {
  if (columns <= TILE_COLUMNS && rows * depth > 1) return columns;
  const step = COLUMN_VECTORS * shape.lanes;
  return clamp(roundTo(step, Math.min(TILE_COLUMNS, wantedOutputs)), step, columns);
}

/** A row's pieces are a whole number of the widest register tiles. */
const COLUMN_VECTORS = 16;

function roundTo(step: number, value: number): number {
  return Math.max(step, Math.floor(value / step) * step);
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(Math.min(low, high), Math.min(high, value));
}
