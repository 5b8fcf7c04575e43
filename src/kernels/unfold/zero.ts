/**
 * Zeros, where sums begin or nothing is added.
 *
 * @module
 */

import { FLOAT_BYTES, ProgramBuilder } from "../../codegen/program.ts";
import type { Phase } from "../../engine/work.ts";
import { COPIES_PER_MICROSECOND, evenBlock, PhaseBuilder } from "../phase_builder.ts";

/** Microseconds of a tile. */
const TILE_COST = 20;

const PARAMETERS = ["zeroed"] as const;

/** Sets so many elements of a buffer to zero. */
export function zeroPhase(buffer: number, count: number, lanes: number): Phase {
  const cost = count / COPIES_PER_MICROSECOND;
  const phase = new PhaseBuilder("zero");
  phase.addBox({
    parameters: PARAMETERS,
    axes: {
      elements: {
        count,
        block: evenBlock(count, 1, cost, TILE_COST),
        steps: { zeroed: FLOAT_BYTES },
      },
    },
    bases: { zeroed: { buffer, offset: 0 } },
    itemCost: 1 / COPIES_PER_MICROSECOND,
    write: ({ elements }) => {
      const code = new ProgramBuilder(`zero ${elements}`, lanes, PARAMETERS);
      const zero = code.register();
      code.zero(zero);
      code.blocks(elements, lanes, [[0, FLOAT_BYTES]], (n) => code.store(zero, 0, 0, n));
      return code.build();
    },
  });
  return phase.build();
}
