/**
 * The vectors of a convolution with one output position: the input that it sees, in the order of the weights.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { padSegments } from "../../convolution/padding.ts";
import { joinRuns, listSources, type Sources } from "../../convolution/sources.ts";
import { product } from "../../base/numbers.ts";
import { loadPositions } from "../common/positions.ts";
import { COPIES_PER_MICROSECOND, evenBlock, PhaseBuilder } from "../phase_builder.ts";
import { BUFFER } from "../plan.ts";
import type { Phase } from "../../engine/work.ts";

/** Whether the input lies in that order already: the taps are its positions, one by one. */
export function isInOrder(g: Geometry): boolean {
  return ([0, 1, 2] as const).every((axis) => {
    const [run, ...others] = tapSources(g, axis);
    return run?.source === 0 && others.length === 0 && run.count === g.input[axis] &&
      (run.count === 1 || run.step === 1);
  });
}

/** The part of the taps that sees more than padding. */
export function seenShare(g: Geometry): number {
  const seen = ([0, 1, 2] as const).map((axis) =>
    tapSources(g, axis).reduce((sum, { source, count }) => sum + (source === null ? 0 : count), 0)
  );
  return product(seen) / product(g.kernel);
}

/** Where the taps along an axis look. */
function tapSources(g: Geometry, axis: 0 | 1 | 2): Sources {
  const taps = { count: g.kernel[axis], step: g.dilation[axis], first: -g.padBegin[axis] };
  return joinRuns(padSegments(taps, g.input[axis], g.paddingMode));
}

/** Microseconds of a tile. */
const TILE_COST = 20;

/** Brings the vectors of all items together. */
export function gatherPhase(g: Geometry, target: Target): Phase {
  const taps = product(g.kernel);
  const plane = product(g.input) * FLOAT_BYTES;
  const channels = g.batch * g.inChannels;
  const cost = taps / COPIES_PER_MICROSECOND;
  const phase = new PhaseBuilder("gather input");
  phase.add(
    [{
      count: channels,
      block: evenBlock(channels, 1, channels * cost, TILE_COST),
      steps: [plane, taps * FLOAT_BYTES],
    }],
    [{ buffer: BUFFER.input, offset: 0 }, { buffer: BUFFER.padded, offset: 0 }],
    cost,
    ([count = 1]) => gatherProgram(g, target, count),
  );
  return phase.build();
}

/** What the taps of some channels see. */
function gatherProgram(g: Geometry, { lanes }: Target, channels: number): Program {
  const [from, to] = [0, 1];
  const positions = listPositions(g);
  const code = new ProgramBuilder(`gather ${positions.length} taps x ${channels}`, lanes, 2);
  const zero = code.register();
  code.zero(zero);
  const steps = [
    [from, product(g.input) * FLOAT_BYTES],
    [to, positions.length * FLOAT_BYTES],
  ] as const;
  code.sweep(channels, steps, () => {
    for (let first = 0; first < positions.length; first += lanes) {
      const some = positions.slice(first, first + lanes);
      const value = loadPositions(code, some, positions, from, 0, zero);
      code.store(value, to, first * FLOAT_BYTES, some.length);
    }
  });
  return code.build();
}

/** The position of every tap in a channel, `null` for zero. */
function listPositions(g: Geometry): (number | null)[] {
  const [depth, height, width] = ([0, 1, 2] as const).map((axis) =>
    listSources(tapSources(g, axis))
  );
  const inside = (outer: number | null, size: number, inner: number | null) =>
    outer === null || inner === null ? null : outer * size + inner;
  return (depth ?? []).flatMap((d) =>
    (height ?? []).flatMap((h) =>
      (width ?? []).map((w) => inside(inside(d, g.input[1], h), g.input[2], w))
    )
  );
}
