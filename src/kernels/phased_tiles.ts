/**
 * Cuts transposed convolutions whose column phases are taken together into tiles.
 *
 * @module
 */

import type { PhasedShape } from "./column_phases.ts";
import { phasedProgram } from "./phased_tile.ts";
import { tileBlock } from "./tile_block.ts";
import { addTiles, type TileSpace } from "./tile_phase.ts";
import type { PhaseBuilder } from "./tiles.ts";

/** Adds the tiles of units to a phase; where the last unit of a row is not whole, its tile is another. */
export function addPhasedTiles(phase: PhaseBuilder, space: TileSpace, shape: PhasedShape): void {
  const whole = { ...shape, missing: 0 };
  const block = tileBlock(space).columns;
  const full = shape.missing === 0
    ? space.columns
    : Math.floor((space.columns - 1) / block) * block;
  if (full > 0) addUnits(phase, { ...space, columns: full }, whole);
  if (full === space.columns) return;
  addUnits(
    phase,
    {
      ...space,
      columns: space.columns - full,
      input: { ...space.input, offset: space.input.offset + full * shape.inputPixelStep },
      outputOffset: space.outputOffset + full * shape.pixelStep,
    },
    shape,
  );
}

function addUnits(phase: PhaseBuilder, space: TileSpace, shape: PhasedShape): void {
  addTiles(phase, { ...space, shape, write: (block) => phasedProgram(shape, block) });
}
