/**
 * How much of a convolution one tile takes.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import { MOST_PIXELS, panelChannels, tilePixels } from "./channels.ts";
import { directRows } from "./pixels.ts";
import { clamp } from "../../base/numbers.ts";
import { channelsOf, evenParts, preferredVectors } from "../common/register_tile.ts";
import { countTerms } from "../common/terms.ts";
import { LEAST_TILE_WORK, MOST_TILE_WORK } from "../common/tuning.ts";
import type { TileBlock } from "../rows/shape.ts";
import type { TileSpace } from "../rows/tiles.ts";

/** Sizes of a tile of about the work that is wanted, where lanes are pixels. */
export function pixelLanesBlock(space: TileSpace): TileBlock {
  return space.shape.target.cheapBroadcast ? wideBlock(space) : narrowBlock(space);
}

/** How many tiles a large layer is cut into. */
const TILES = 256;

/** Weights of one tile: they stay in a second-level cache while its pixels pass by. */
const TILE_WEIGHT_BYTES = 512 * 1024;

/** Pieces of a row are multiples of this many vectors: of the widest register tile. */
const COLUMN_VECTORS = 8;

/** Outputs of a tile of about the work that is wanted. */
function tileOutputs({ shape, batch, groups, depth, rows, columns }: TileSpace): number {
  const { outChannels, inChannels, taps } = shape;
  const reduction = Math.max(1, inChannels * countTerms(taps));
  const total = batch * groups * outChannels * depth * rows * columns * reduction;
  return clamp(total / TILES, LEAST_TILE_WORK, MOST_TILE_WORK) / reduction;
}

/** Output channels come in multiples of this: both of four and of three channels a register tile. */
const CHANNEL_STEP = 12;

/**
 * Where lanes are pixels and vectors are narrow. Of pixels and output channels it takes what moves the
 * least memory: a pixel brings its share of the input, a channel its weights. Rows are cut only where
 * they are much longer than that.
 */
function narrowBlock(space: TileSpace): TileBlock {
  const { shape, rows, columns } = space;
  const { target, outChannels, inChannels, taps } = shape;
  const reduction = Math.max(1, inChannels * countTerms(taps));
  const outputs = tileOutputs(space);
  const pixels = Math.sqrt(outputs * Math.max(1, countTerms(taps)));
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
  return filledBlock(space, { outChannels: channels, rows: together, columns: blockColumns });
}

/** As many times the rows of a block as make the work that is wanted, and whole groups then. */
function filledBlock(space: TileSpace, least: Omit<TileBlock, "groups">): TileBlock {
  const { shape, groups, rows, columns } = space;
  const perRow = tileOutputs(space) / (least.columns * least.outChannels);
  const blockRows = clamp(roundTo(least.rows, perRow), least.rows, rows);
  const whole = least.outChannels === shape.outChannels && blockRows === rows &&
    least.columns === columns;
  const blockGroups = whole ? clamp(Math.floor(perRow / blockRows), 1, groups) : 1;
  return { ...least, groups: blockGroups, rows: blockRows };
}

/**
 * Where lanes are pixels and vectors are wide. The input that a register tile sees is fetched once for
 * all channels of the tile, so channels are taken first: as many as leave the tile a strip of pixels.
 */
function wideBlock(space: TileSpace): TileBlock {
  const { shape, rows, columns } = space;
  const { target, outChannels, inChannels, taps } = shape;
  const reduction = Math.max(1, inChannels * countTerms(taps));
  const outputs = tileOutputs(space);
  const strip = preferredVectors(target, outChannels) * target.lanes * STRIPS;
  const cut = columns >= (countTerms(taps) === 1 ? LONG_ROW : LONG_ROW_OF_TAPS) * strip;
  const blockColumns = cut ? strip : columns;
  const together = Math.min(rows, directRows(target, outChannels, blockColumns));
  const wanted = Math.min(
    TILE_WEIGHT_BYTES / FLOAT_BYTES / reduction,
    outputs / (together * blockColumns),
  );
  const least = channelsOf(target, preferredVectors(target, outChannels));
  const parts = Math.max(1, Math.round(outChannels / Math.max(wanted, least)));
  const channels = Math.ceil(outChannels / parts);
  return filledBlock(space, { outChannels: channels, rows: together, columns: blockColumns });
}

/** Register tiles side by side in a piece of a row. */
const STRIPS = 4;

/** Rows are cut from so many pieces on: their ends cost more before, and what several taps see twice. */
const LONG_ROW = 1.5;
const LONG_ROW_OF_TAPS = 2.5;

function roundTo(step: number, value: number): number {
  return Math.max(step, Math.floor(value / step) * step);
}

/** Register tiles that the weights of a panel pass by at least, once they have been fetched. */
const LEAST_REGISTER_TILES = 2;

/**
 * Where lanes are output channels: a panel of them, and the pixels that the work is enough for. The
 * weights of a panel are fetched once for each tile, so a tile has some pixels before it is cut.
 */
export function channelLanesBlock(space: TileSpace): TileBlock {
  const { shape, rows, columns } = space;
  const { target, outChannels } = shape;
  const panel = Math.min(outChannels, panelChannels(target));
  const outputs = tileOutputs(space);
  const least = LEAST_REGISTER_TILES * tilePixels(target, Math.ceil(panel / target.lanes));
  const pixels = clamp(outputs / panel, least, MOST_PIXELS);
  const blockColumns = evenParts(columns, Math.ceil(pixels)).size;
  const most = clamp(Math.floor(pixels / blockColumns), 1, rows);
  const blockRows = blockColumns < columns ? 1 : evenParts(rows, most).size;
  const whole = blockColumns === columns && blockRows === rows;
  const panels = whole ? Math.max(1, Math.floor(outputs / (panel * rows * columns))) : 1;
  return {
    groups: 1,
    outChannels: Math.min(outChannels, panels * panel),
    rows: blockRows,
    columns: blockColumns,
  };
}
