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
import { addTiles, type TileSpace } from "../rows/tiles.ts";
import type { PhaseBuilder } from "../phase_builder.ts";

/** Adds the tiles of units to a phase; where the last unit of a row is not whole, its tile is another. */
export function addPhasedTiles(
  phase: PhaseBuilder,
  space: TileSpace,
  shape: PhasedShape,
  scratchBytes: number,
): void {
  const whole = { ...shape, missing: 0 };
  const block = phasedBlock(space, shape);
  const full = shape.missing === 0
    ? space.columns
    : Math.floor((space.columns - 1) / block.columns) * block.columns;
  const add = (space: TileSpace, shape: PhasedShape) =>
    addUnits(phase, space, shape, block, scratchBytes);
  if (full > 0) add({ ...space, columns: full }, whole);
  if (full === space.columns) return;
  add(
    {
      ...space,
      columns: space.columns - full,
      input: { ...space.input, offset: space.input.offset + full * shape.inputPixelStep },
      outputOffset: space.outputOffset + full * shape.pixelStep,
    },
    shape,
  );
}

function addUnits(
  phase: PhaseBuilder,
  space: TileSpace,
  shape: PhasedShape,
  block: TileBlock,
  scratchBytes: number,
): void {
  const kernel = {
    block: { ...block, columns: Math.min(block.columns, space.columns) },
    write: (block: TileBlock) => phasedProgram(shape, block),
    scratchBytes: phasedScratchBytes(shape),
    packedChannels: shape.outChannels,
    key: JSON.stringify(["units", shape]),
  };
  addTiles(phase, { ...space, shape }, kernel, scratchBytes);
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
