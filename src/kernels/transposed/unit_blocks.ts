/**
 * Cuts transposed convolutions whose column phases are taken together into tiles.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import { type PhasedShape, phasedVectors } from "./units.ts";
import type { TileBlock } from "../rows/shape.ts";
import { clamp } from "../../base/numbers.ts";
import { LEAST_TILE_WORK, MOST_TILE_WORK } from "../common/tuning.ts";
import { phasedProgram, phasedScratchBytes, rowsTogether } from "./unit_tile.ts";
import { mostOfTiles, type RowKernel, type TileSpace } from "../rows/tiles.ts";

/** Some outputs and what computes them. */
export interface KernelSpace {
  readonly space: TileSpace;
  readonly kernel: RowKernel;
}

/** The units of a space; where the last unit of a row is not whole, its tile is another. */
export function unitSpaces(space: TileSpace, shape: PhasedShape): KernelSpace[] {
  const block = phasedBlock(space, shape);
  const full = shape.missing === 0
    ? space.columns
    : Math.floor((space.columns - 1) / block.columns) * block.columns;
  const wholes = { ...space, shape: { ...shape, missing: 0 }, columns: full };
  const last = {
    ...space,
    shape,
    columns: space.columns - full,
    input: { ...space.input, offset: space.input.offset + full * shape.inputPixelStep },
    outputOffset: space.outputOffset + full * shape.pixelStep,
  };
  return [wholes, last].filter(({ columns }) => columns > 0).map((space) => {
    return { space, kernel: unitKernel(space, block) };
  });
}

function unitKernel(
  { shape, columns }: { readonly shape: PhasedShape; readonly columns: number },
  block: TileBlock,
): RowKernel {
  return {
    block: { ...block, columns: Math.min(block.columns, columns) },
    write: (block) => phasedProgram(shape, block),
    scratchBytes: mostOfTiles(shape, block, (channels) => phasedScratchBytes(shape, channels)),
    packedChannels: shape.outChannels,
    key: JSON.stringify(["units", shape]),
  };
}

/** Weights of one tile: they stay in a second-level cache while its units pass by. */
const TILE_WEIGHT_BYTES = 256 * 1024;

/** Tiles that a layer is cut into at least, where they have work enough. */
const TILES = 64;

/**
 * How much a tile takes. All channels if it can be: the input that a row of units sees comes from far
 * away, and so does what it makes go there.
 */
function phasedBlock(space: TileSpace, shape: PhasedShape): TileBlock {
  const { batch, groups, depth, rows, columns } = space;
  const { inChannels, outChannels, taps } = shape;
  const reduction = Math.max(1, inChannels * taps.length);
  const strip = phasedVectors(shape, outChannels) * shape.target.lanes * STRIPS;
  const blockColumns = columns >= LONG_ROW * strip ? strip : columns;
  const together = Math.min(rows, rowsTogether(shape, outChannels, blockColumns));
  const total = batch * groups * outChannels * depth * rows * columns * reduction;
  const outputs = clamp(total / TILES, LEAST_TILE_WORK, MOST_TILE_WORK) / reduction;
  const weightParts = outChannels * reduction * FLOAT_BYTES / TILE_WEIGHT_BYTES;
  const workParts = outChannels * together * blockColumns / outputs;
  const parts = clamp(Math.floor(Math.max(weightParts, workParts)), 1, outChannels);
  const channels = Math.ceil(outChannels / parts);
  const fitting = Math.floor(outputs / (blockColumns * channels * together)) * together;
  const blockRows = clamp(fitting, together, rows);
  const whole = channels === outChannels && blockRows === rows && blockColumns === columns;
  const blockGroups = whole
    ? clamp(Math.floor(outputs / (blockColumns * channels * blockRows)), 1, groups)
    : 1;
  return { groups: blockGroups, outChannels: channels, rows: blockRows, columns: blockColumns };
}

/** Register tiles side by side in a piece of a row, and how much longer rows are that are cut. */
const STRIPS = 4;
const LONG_ROW = 2.5;
