/**
 * Brings some elements of every plane together: what an output position sees of every input channel, and
 * the weights that it sees it with.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { Phase } from "../../engine/work.ts";
import { loadPositions } from "../common/positions.ts";
import { COPIES_PER_MICROSECOND, evenBlock, PhaseBuilder } from "../phase_builder.ts";

/** Planes, and what is wanted of each. */
export interface Planes {
  readonly buffer: number;
  readonly count: number;
  /** Elements of a plane. */
  readonly size: number;
  /** Places of the elements in a plane. */
  readonly places: readonly number[];
}

/** Microseconds of a tile. */
const TILE_COST = 20;

/** Copies the elements of every plane to a buffer, those of a plane side by side. */
export function gatherPhase(name: string, planes: Planes, to: number, target: Target): Phase {
  const { buffer, count, size, places } = planes;
  const cost = places.length / COPIES_PER_MICROSECOND;
  const phase = new PhaseBuilder(name);
  phase.add(
    [{
      count,
      block: evenBlock(count, 1, count * cost, TILE_COST),
      steps: [size * FLOAT_BYTES, places.length * FLOAT_BYTES],
    }],
    [{ buffer, offset: 0 }, { buffer: to, offset: 0 }],
    cost,
    ([count = 1]) => gatherProgram(name, { ...planes, count }, target),
  );
  return phase.build();
}

function gatherProgram(name: string, { count, size, places }: Planes, { lanes }: Target): Program {
  const [from, to] = [0, 1];
  const code = new ProgramBuilder(`${name} ${count} x ${places.length}`, lanes, 2);
  const zero = code.register();
  code.zero(zero);
  const steps = [[from, size * FLOAT_BYTES], [to, places.length * FLOAT_BYTES]] as const;
  code.sweep(count, steps, () => {
    for (let first = 0; first < places.length; first += lanes) {
      const some = places.slice(first, first + lanes);
      const value = loadPositions(code, some, places, from, 0, zero);
      code.store(value, to, first * FLOAT_BYTES, some.length);
    }
  });
  return code.build();
}
