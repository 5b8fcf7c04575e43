/**
 * Packing of weights for products of matrices: `[group][panel][step][channel of the panel]`, a step
 * being an input channel and a tap. The last panel of a group may have fewer channels.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { range } from "../../base/numbers.ts";
import { BUFFER } from "../plan.ts";
import { writeReduction } from "../common/reduction.ts";
import { repeated } from "../common/terms.ts";
import { COPIES_PER_MICROSECOND, type PhaseBuilder } from "../phase_builder.ts";

/** What is packed. */
export interface PointwiseWeights {
  readonly groups: number;
  /** Output channels of a group. */
  readonly outChannels: number;
  /** Channels of a full panel. */
  readonly panel: number;
  /** Weights of an output channel. */
  readonly steps: number;
}

/** Steps that are written without a loop. */
const UNROLL = 8;

/** Adds the packing of weights to a phase. */
export function addWeightPanels(
  phase: PhaseBuilder,
  target: Target,
  { groups, outChannels, panel, steps }: PointwiseWeights,
): void {
  const row = steps * FLOAT_BYTES;
  phase.add(
    [
      { count: groups, block: 1, steps: [outChannels * row, outChannels * row] },
      { count: outChannels, block: panel, steps: [row, row] },
    ],
    [{ buffer: BUFFER.weight, offset: 0 }, { buffer: BUFFER.packedWeight, offset: 0 }],
    steps / COPIES_PER_MICROSECOND,
    ([, channels = 1]) => weightPanelProgram(target, channels, steps),
  );
}

/** Packs one panel of some channels. */
function weightPanelProgram({ lanes }: Target, channels: number, steps: number): Program {
  const [from, to] = [0, 1];
  const code = new ProgramBuilder(`pack weights ${channels}oc x ${steps}`, lanes, 2);
  const value = code.register();
  const weightStep = channels * FLOAT_BYTES;
  writeReduction(code, from, to, repeated(steps, FLOAT_BYTES, [0]), (offsets) => {
    offsets.forEach((offset, index) => {
      code.gather(value, from, range(channels).map((c) => offset + c * steps * FLOAT_BYTES));
      code.store(value, to, index * weightStep, channels);
    });
  }, { weightStep, unroll: UNROLL });
  return code.build();
}
