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
import { FROM, PACK_PARAMETERS, TO } from "../packing/weights.ts";
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
  const both = (bytes: number) => ({ weight: bytes, packedWeight: bytes });
  phase.addBox({
    parameters: PACK_PARAMETERS,
    axes: {
      groups: { count: groups, steps: both(outChannels * row) },
      channels: { count: outChannels, block: panel, steps: both(row) },
    },
    bases: {
      weight: { buffer: BUFFER.weight, offset: 0 },
      packedWeight: { buffer: BUFFER.packedWeight, offset: 0 },
    },
    itemCost: steps / COPIES_PER_MICROSECOND,
    write: ({ channels }) => weightPanelProgram(target, channels, steps),
  });
}

/** Packs one panel of some channels. */
function weightPanelProgram({ lanes }: Target, channels: number, steps: number): Program {
  const code = new ProgramBuilder(`pack weights ${channels}oc x ${steps}`, lanes, PACK_PARAMETERS);
  const value = code.register();
  const weightStep = channels * FLOAT_BYTES;
  writeReduction(code, FROM, TO, repeated(steps, FLOAT_BYTES, [0]), (offsets) => {
    offsets.forEach((offset, index) => {
      code.gather(value, FROM, range(channels).map((c) => offset + c * steps * FLOAT_BYTES));
      code.store(value, TO, index * weightStep, channels);
    });
  }, { weightStep, unroll: UNROLL });
  return code.build();
}
