import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../src/codegen/program.ts";
import { WASM_TARGET } from "../../src/codegen/target.ts";
import type { Phase } from "../../src/engine/work.ts";

/** Units of the phase, unless others are asked for. */
export const UNITS = 12;

/** Elements that a tile writes: enough for a copy of its own. */
export const TILE_ELEMENTS = 4096;

const { lanes } = WASM_TARGET;
const VECTOR_BYTES = lanes * FLOAT_BYTES;

/** Fills some vectors with ones. */
function onesProgram(): Program {
  const code = new ProgramBuilder("ones", lanes, 1);
  const [one = 0] = code.registers(1);
  code.constant(one, 1);
  code.loop(TILE_ELEMENTS / lanes, () => {
    code.store(one, 0, 0);
    code.advance(0, VECTOR_BYTES);
  });
  return code.build();
}

/** Fills a buffer, tile after tile, and is thought worth sharing. */
export function fillingPhase(units = UNITS): Phase {
  const step = TILE_ELEMENTS * FLOAT_BYTES;
  const argument = { buffer: 0, offset: 0, threadStep: 0, steps: [step] };
  return {
    name: "ones",
    programs: [onesProgram()],
    grids: [{ program: 0, extents: [units], args: [argument] }],
    cost: 1e6,
  };
}
