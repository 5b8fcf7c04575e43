/**
 * Packing of the weights of a transposed convolution for kernels with taps in the lanes:
 * `[group][channels of a vector][depth tap][row tap][input channel][round][channel of the vector][tap]`.
 * A round are the taps of a row that reach different residues of the stride: as many as there are, or all
 * taps of a row. Where a vector has one channel the rounds follow one another as they do in the kernel.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../codegen/program.ts";
import type { Phase } from "../../engine/work.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { product, range } from "../../base/numbers.ts";
import { BUFFER } from "../plan.ts";
import { tapSteps } from "../../convolution/residues.ts";
import { FROM, PACK_PARAMETERS, TO } from "../packing/weights.ts";
import { COPIES_PER_MICROSECOND, evenBlock, PhaseBuilder } from "../phase_builder.ts";

/** Where weights are, everything in elements. */
export interface InterleavedWeights {
  /** Output channels that share a vector. */
  readonly channelsOfVector: number;
  /** Elements from one of them to the next. */
  readonly channelLanes: number;
  /** From one round of a row's taps to the next. */
  readonly roundPitch: number;
  readonly inChannelPitch: number;
  readonly rowTapPitch: number;
  readonly depthTapPitch: number;
  /** From one output channel to the next, if that begins a vector. */
  readonly outChannelPitch: number;
  readonly groupPitch: number;
  /** Whether that is how `torch.nn` has them. */
  readonly asTheyAre: boolean;
}

/** Weights as `torch.nn` has them. */
export function plainWeights(g: Geometry): InterleavedWeights {
  const kernel = product(g.kernel);
  const inChannels = g.inChannels / g.groups;
  const outChannels = g.outChannels / g.groups;
  const { kernel: roundPitch } = tapSteps(g, 2);
  return {
    channelsOfVector: 1,
    channelLanes: Math.min(g.kernel[2], roundPitch),
    roundPitch,
    inChannelPitch: outChannels * kernel,
    rowTapPitch: g.kernel[2],
    depthTapPitch: g.kernel[1] * g.kernel[2],
    outChannelPitch: kernel,
    groupPitch: inChannels * outChannels * kernel,
    asTheyAre: true,
  };
}

/** Weights packed for vectors of so many lanes of taps. */
export function tapWeights(g: Geometry, lanes: number): InterleavedWeights {
  const inChannels = g.inChannels / g.groups;
  const outChannels = g.outChannels / g.groups;
  const { kernel: roundTaps } = tapSteps(g, 2);
  const channelLanes = Math.min(g.kernel[2], roundTaps);
  const channelsOfVector = Math.max(1, Math.min(Math.floor(lanes / channelLanes), outChannels));
  // Rows of a single input channel follow one another as they do in the kernel.
  if (channelsOfVector === 1 && inChannels === 1) return plainWeights(g);
  const rounds = Math.ceil(g.kernel[2] / roundTaps);
  const row = channelsOfVector === 1 ? g.kernel[2] : rounds * channelLanes;
  const inChannelPitch = channelsOfVector * row;
  const rowTapPitch = inChannels * inChannelPitch;
  const depthTapPitch = g.kernel[1] * rowTapPitch;
  const outChannelPitch = g.kernel[0] * g.kernel[1] * inChannels * row;
  return {
    channelsOfVector,
    channelLanes,
    roundPitch: channelsOfVector === 1 ? roundTaps : channelsOfVector * channelLanes,
    inChannelPitch,
    rowTapPitch,
    depthTapPitch,
    outChannelPitch,
    groupPitch: Math.ceil(outChannels / channelsOfVector) * channelsOfVector * outChannelPitch,
    asTheyAre: false,
  };
}

/** Microseconds of a tile of the packing. */
const TILE_COST = 20;

/** The phase that packs the weights. */
export function packTaps(g: Geometry, weights: InterleavedWeights, lanes: number): Phase {
  const phase = new PhaseBuilder("pack weights");
  const inChannels = g.inChannels / g.groups;
  const outChannels = g.outChannels / g.groups;
  const kernel = product(g.kernel);
  const rows = g.kernel[0] * g.kernel[1];
  const { channelsOfVector, inChannelPitch, rowTapPitch, outChannelPitch, groupPitch } = weights;
  const itemCost = inChannelPitch / channelsOfVector / COPIES_PER_MICROSECOND;
  const vectors = g.groups * Math.ceil(outChannels / channelsOfVector);
  const cost = vectors * channelsOfVector * rows * inChannels * itemCost;
  const rowBlock = evenBlock(rows, vectors, cost, TILE_COST);
  const others = vectors * Math.ceil(rows / rowBlock);
  const block = evenBlock(inChannels, others, cost, TILE_COST);
  const elements = (weight: number, packedWeight: number) => ({
    weight: weight * FLOAT_BYTES,
    packedWeight: packedWeight * FLOAT_BYTES,
  });
  const channelSteps = elements(outChannels * kernel, inChannelPitch);
  const rowSteps = elements(g.kernel[2], rowTapPitch);
  const groupSteps = elements(inChannels * outChannels * kernel, groupPitch);
  const vectorSteps = elements(kernel, outChannelPitch);
  phase.addBox({
    parameters: PACK_PARAMETERS,
    axes: {
      groups: { count: g.groups, steps: groupSteps },
      channels: { count: outChannels, block: channelsOfVector, steps: vectorSteps },
      rows: { count: rows, block: rowBlock, steps: rowSteps },
      inChannels: { count: inChannels, block, steps: channelSteps },
    },
    bases: {
      weight: { buffer: BUFFER.weight, offset: 0 },
      packedWeight: { buffer: BUFFER.packedWeight, offset: 0 },
    },
    itemCost,
    write: ({ channels, rows, inChannels }): Program => {
      const code = new ProgramBuilder(
        `pack weights ${inChannels}ic x ${channels}oc x ${rows}x${g.kernel[2]}`,
        lanes,
        PACK_PARAMETERS,
      );
      const steps = ({ weight, packedWeight }: typeof rowSteps) =>
        [[FROM, weight], [TO, packedWeight]] as const;
      code.sweep(rows, steps(rowSteps), () => {
        code.sweep(inChannels, steps(channelSteps), () => {
          if (channelsOfVector === 1) copyRow(code, g.kernel[2]);
          else copyRounds(code, g, weights, channels);
        });
      });
      return code.build();
    },
  });
  return phase.build();
}

/** Vectors that are copied without a loop. */
const UNROLL = 8;

/** Copies the taps of a row. */
function copyRow(code: ProgramBuilder, taps: number): void {
  const value = code.register();
  const vectorBytes = code.lanes * FLOAT_BYTES;
  const steps = [[FROM, FLOAT_BYTES], [TO, FLOAT_BYTES]] as const;
  code.blocks(taps, UNROLL * code.lanes, steps, (taps) => {
    range(Math.ceil(taps / code.lanes)).forEach((v) => {
      const lanes = Math.min(code.lanes, taps - v * code.lanes);
      code.load(value, FROM, v * vectorBytes, lanes);
      code.store(value, TO, v * vectorBytes, lanes);
    });
  });
}

/** Copies the taps of a row for the channels of a vector, round by round; lanes of no tap become 0. */
function copyRounds(
  code: ProgramBuilder,
  g: Geometry,
  { channelsOfVector, channelLanes }: InterleavedWeights,
  channels: number,
): void {
  const value = code.register();
  const channelBytes = product(g.kernel) * FLOAT_BYTES;
  const laneBytes = channelLanes * FLOAT_BYTES;
  const steps = [[FROM, FLOAT_BYTES], [TO, channelsOfVector * FLOAT_BYTES]] as const;
  code.blocks(g.kernel[2], channelLanes, steps, (taps) => {
    range(channelsOfVector).forEach((channel) => {
      if (channel < channels) code.load(value, FROM, channel * channelBytes, taps);
      else code.zero(value);
      code.store(value, TO, channel * laneBytes, channelLanes);
    });
  });
}
