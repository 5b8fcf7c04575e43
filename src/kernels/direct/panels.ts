/**
 * Packing of weights for kernels with output channels in the lanes: `[group][panel][input
 * channel][tap][channel of the panel]`, where a panel is some vectors of channels. The last panel of a
 * group may have fewer vectors, and zeros behind its last channel.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { packedChannels, panelChannels } from "./channels.ts";
import { range } from "../../base/numbers.ts";
import { BUFFER } from "../plan.ts";
import { writeReduction } from "../common/reduction.ts";
import {
  countTerms,
  firstTerm,
  repeated,
  scaledTerms,
  shiftedTerms,
  type Terms,
} from "../common/terms.ts";
import { COPIES_PER_MICROSECOND, type PhaseBuilder } from "../phase_builder.ts";
import { transpose } from "../common/transpose.ts";
import { FROM, PACK_PARAMETERS, TO } from "../packing/weights.ts";

/** Weights as they lie, everything in elements. */
export interface WeightLayout {
  readonly groups: number;
  /** Channels of a group. */
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groupPitch: number;
  readonly inChannelPitch: number;
  readonly outChannelPitch: number;
  /** Positions of the taps in a kernel. */
  readonly taps: Terms;
}

/** Elements that the packed weights take. */
export function panelElements(target: Target, layout: WeightLayout): number {
  const { groups, inChannels, outChannels, taps } = layout;
  return groups * packedChannels(target, outChannels) * inChannels * countTerms(taps);
}

/** Vectors that are gathered without a loop. */
const UNROLL = 8;

/**
 * Adds the packing of weights to a phase.
 *
 * @param start Where the panels begin in the packed weights, in elements.
 */
export function addPanelPacking(
  phase: PhaseBuilder,
  target: Target,
  layout: WeightLayout,
  start: number,
): void {
  const { groups, inChannels, outChannels, groupPitch, outChannelPitch, taps } = layout;
  const first = firstTerm(taps);
  if (first === undefined) return;
  const reduction = inChannels * countTerms(taps);
  phase.addBox({
    parameters: PACK_PARAMETERS,
    axes: {
      groups: {
        count: groups,
        steps: {
          weight: groupPitch * FLOAT_BYTES,
          packedWeight: packedChannels(target, outChannels) * reduction * FLOAT_BYTES,
        },
      },
      channels: {
        count: outChannels,
        block: Math.min(outChannels, panelChannels(target)),
        steps: { weight: outChannelPitch * FLOAT_BYTES, packedWeight: reduction * FLOAT_BYTES },
      },
    },
    bases: {
      weight: { buffer: BUFFER.weight, offset: first * FLOAT_BYTES },
      packedWeight: { buffer: BUFFER.packedWeight, offset: start * FLOAT_BYTES },
    },
    itemCost: reduction / COPIES_PER_MICROSECOND,
    write: ({ channels }) => panelProgram(target, layout, channels),
    key: JSON.stringify({ ...layout, taps: shiftedTerms(taps, -first) }),
  });
}

/** Packs one panel of some channels. */
function panelProgram(
  { lanes }: Target,
  { inChannels, inChannelPitch, outChannelPitch, taps }: WeightLayout,
  channels: number,
): Program {
  const relative = scaledTerms(shiftedTerms(taps, -(firstTerm(taps) ?? 0)), FLOAT_BYTES);
  const source = repeated(inChannels, inChannelPitch * FLOAT_BYTES, relative);
  const code = new ProgramBuilder(
    `pack panel ${channels}oc x ${countTerms(source)}`,
    lanes,
    PACK_PARAMETERS,
  );
  const panel: Panel = { channels, channelPitch: outChannelPitch * FLOAT_BYTES };
  const weightStep = Math.ceil(channels / lanes) * lanes * FLOAT_BYTES;
  writeReduction(code, FROM, TO, source, (offsets) => {
    const first = offsets[0] ?? 0;
    const isRow = offsets.every((offset, i) => offset === first + i * FLOAT_BYTES);
    for (let step = 0; step < offsets.length; step += lanes) {
      const part = offsets.slice(step, step + lanes);
      if (isRow) transposeSteps(code, panel, part, step * weightStep);
      else gatherSteps(code, panel, part, step * weightStep);
    }
  }, { weightStep, unroll: Math.max(UNROLL, lanes) });
  return code.build();
}

/** Channels of a panel, and bytes from one to the next. */
interface Panel {
  readonly channels: number;
  readonly channelPitch: number;
}

/** Packs steps that follow one another in every channel, at most a vector of them. */
function transposeSteps(
  code: ProgramBuilder,
  { channels, channelPitch }: Panel,
  offsets: readonly number[],
  target: number,
): void {
  const { lanes } = code;
  const vectors = Math.ceil(channels / lanes);
  const [first = 0] = offsets;
  for (const v of range(vectors)) {
    const present = Math.min(lanes, channels - v * lanes);
    const rows = code.registers(present);
    rows.forEach((row, i) => {
      code.load(row, FROM, first + (v * lanes + i) * channelPitch, offsets.length);
    });
    const others = present < lanes ? code.registers(1) : [];
    for (const zero of others) code.zero(zero);
    const filled = range(lanes).flatMap((i) => rows[i] ?? others);
    transpose(code, filled, (column, step) => {
      if (step >= offsets.length) return;
      code.store(column, TO, target + (step * vectors + v) * lanes * FLOAT_BYTES);
    });
  }
}

/** Packs any steps, at most a vector of them. */
function gatherSteps(
  code: ProgramBuilder,
  { channels, channelPitch }: Panel,
  offsets: readonly number[],
  target: number,
): void {
  const { lanes } = code;
  const vectors = Math.ceil(channels / lanes);
  const value = code.register();
  offsets.forEach((offset, step) => {
    range(vectors).forEach((v) => {
      const present = range(Math.min(lanes, channels - v * lanes));
      code.gather(value, FROM, present.map((i) => offset + (v * lanes + i) * channelPitch));
      code.store(value, TO, target + (step * vectors + v) * lanes * FLOAT_BYTES);
    });
  });
}
