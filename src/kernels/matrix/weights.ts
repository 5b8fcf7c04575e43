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
import { repeated, type Terms } from "../common/terms.ts";
import { FROM, PACK_PARAMETERS, TO } from "../packing/weights.ts";
import { COPIES_PER_MICROSECOND, type PhaseBuilder } from "../phase_builder.ts";

/** What is packed. */
export interface PointwiseWeights {
  readonly groups: number;
  /** Output channels of a group. */
  readonly outChannels: number;
  /** Input channels of a group. */
  readonly inChannels: number;
  readonly taps: number;
  /** Channels of a full panel. */
  readonly panel: number;
  /**
   * Whether they lie as those of a transposed convolution, `[group][input channel][output channel][tap]`, every tap in
   * the place of its opposite.
   */
  readonly areMirrored: boolean;
}

/** Steps that are written without a loop. */
const UNROLL = 8;

/** Adds the packing of weights to a phase. */
export function addWeightPanels(
  phase: PhaseBuilder,
  target: Target,
  weights: PointwiseWeights,
): void {
  const { groups, outChannels, inChannels, taps, panel } = weights;
  const steps = inChannels * taps;
  const row = steps * FLOAT_BYTES;
  phase.addBox({
    parameters: PACK_PARAMETERS,
    axes: {
      groups: {
        count: groups,
        steps: { weight: outChannels * row, packedWeight: outChannels * row },
      },
      channels: {
        count: outChannels,
        block: panel,
        steps: { weight: outChannelStep(weights), packedWeight: row },
      },
    },
    bases: {
      weight: { buffer: BUFFER.weight, offset: 0 },
      packedWeight: { buffer: BUFFER.packedWeight, offset: 0 },
    },
    itemCost: steps / COPIES_PER_MICROSECOND,
    write: ({ channels }) => weightPanelProgram(target, channels, weights),
  });
}

/** Bytes from an output channel to the next. */
function outChannelStep({ inChannels, taps, areMirrored }: PointwiseWeights): number {
  return (areMirrored ? taps : inChannels * taps) * FLOAT_BYTES;
}

/** Where the weights of an output channel lie, one for each step. */
function stepTerms({ inChannels, outChannels, taps, areMirrored }: PointwiseWeights): Terms {
  if (!areMirrored) return repeated(inChannels * taps, FLOAT_BYTES, [0]);
  const last = (taps - 1) * FLOAT_BYTES;
  return repeated(
    inChannels,
    outChannels * taps * FLOAT_BYTES,
    repeated(taps, -FLOAT_BYTES, [last]),
  );
}

/** Packs one panel of some channels. */
function weightPanelProgram(
  { lanes }: Target,
  channels: number,
  weights: PointwiseWeights,
): Program {
  const steps = weights.inChannels * weights.taps;
  const code = new ProgramBuilder(`pack weights ${channels}oc x ${steps}`, lanes, PACK_PARAMETERS);
  const value = code.register();
  const weightStep = channels * FLOAT_BYTES;
  const channelStep = outChannelStep(weights);
  writeReduction(code, FROM, TO, stepTerms(weights), (offsets) => {
    offsets.forEach((offset, index) => {
      code.gather(value, FROM, range(channels).map((c) => offset + c * channelStep));
      code.store(value, TO, index * weightStep, channels);
    });
  }, { weightStep, unroll: UNROLL });
  return code.build();
}
