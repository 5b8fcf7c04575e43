/**
 * Cuts a convolution, or one stride phase of a transposed one, into tiles.
 *
 * @module
 */

import { FLOAT_BYTES, type Program } from "../../codegen/program.ts";
import { depthwiseProgram, isDepthwise } from "../depthwise/packed.ts";
import {
  channelLanesProgram,
  channelLanesScratchBytes,
  packedChannels,
} from "../direct/channels.ts";
import {
  directProgram,
  directScratchBytes,
  type DirectShape,
  kernelTaps,
  type TileBlock,
} from "../direct/pixels.ts";
import type { LaneUse } from "../direct/lanes.ts";
import { BUFFER, type Family } from "../plan.ts";
import { countTerms } from "../common/terms.ts";
import { tileBlock } from "../direct/blocks.ts";
import { multiplyAddsPerMicrosecond, type PhaseBuilder } from "../phase_builder.ts";

/** Everything that the tiles of one convolution share. */
export interface TileSpace {
  readonly shape: DirectShape;
  /** What fills the lanes; the weights are packed for it. */
  readonly lanes: LaneUse;
  readonly batch: number;
  readonly groups: number;
  /** Output positions along depth, height and width. */
  readonly depth: number;
  readonly rows: number;
  readonly columns: number;
  /** Input bytes from one batch item, and from the window of one output depth, to the next. */
  readonly inputBatchPitch: number;
  readonly inputDepthStep: number;
  /** Output bytes likewise. */
  readonly outputBatchPitch: number;
  readonly outputDepthStep: number;
  /** Where input, weights and output begin. */
  readonly input: { readonly buffer: number; readonly offset: number };
  readonly weight: { readonly buffer: number; readonly offset: number };
  readonly outputOffset: number;
  /** Scratch memory of a thread: what {@linkcode scratchBytes} says, or more. */
  readonly scratchBytes: number;
  /** Where none of the families does: how much a tile takes, and what writes its program. */
  readonly special?: {
    readonly block: TileBlock;
    readonly write: (block: TileBlock) => Program;
  };
}

/** Which family computes a shape. */
export function familyOf(shape: DirectShape): Family {
  return isDepthwise(shape) && shape.outChannels <= MOST_DEPTHWISE_MULTIPLIER
    ? "depthwise"
    : "direct";
}

/** From here on several output channels share an input vector better than several rows do. */
const MOST_DEPTHWISE_MULTIPLIER = 2;

/** Adds the tiles of a convolution to a phase. */
export function addTiles(phase: PhaseBuilder, space: TileSpace): void {
  const { shape, batch, groups, depth, rows, columns } = space;
  if (depth * rows * columns === 0) return;
  const write = writerOf(space);
  const block = space.special?.block ?? tileBlock(space);
  const { inChannels, outChannels, taps, channelPitch, outputChannelPitch } = shape;
  const weightPitch = inChannels * kernelTaps(shape) * FLOAT_BYTES;
  const weightChannels = space.lanes === "channels"
    ? packedChannels(shape.target, outChannels)
    : outChannels;
  phase.add(
    [
      {
        count: batch,
        block: 1,
        steps: [space.inputBatchPitch, 0, 0, space.outputBatchPitch, 0, space.outputBatchPitch],
      },
      {
        count: groups,
        block: block.groups,
        steps: [
          inChannels * channelPitch,
          weightChannels * weightPitch,
          outChannels * FLOAT_BYTES,
          outChannels * outputChannelPitch,
          0,
          outChannels * outputChannelPitch,
        ],
      },
      {
        count: outChannels,
        block: block.outChannels,
        steps: [0, weightPitch, FLOAT_BYTES, outputChannelPitch, 0, outputChannelPitch],
      },
      {
        count: depth,
        block: 1,
        steps: [space.inputDepthStep, 0, 0, space.outputDepthStep, 0, space.outputDepthStep],
      },
      {
        count: rows,
        block: block.rows,
        steps: [shape.rowStep, 0, 0, shape.outputRowStep, 0, shape.outputRowStep],
      },
      {
        count: columns,
        block: block.columns,
        steps: [shape.inputPixelStep, 0, 0, shape.pixelStep, 0, shape.pixelStep],
      },
    ],
    [
      space.input,
      space.weight,
      { buffer: BUFFER.bias, offset: 0 },
      { buffer: BUFFER.output, offset: space.outputOffset },
      { buffer: BUFFER.scratch, offset: 0, threadStep: space.scratchBytes },
      { buffer: BUFFER.add, offset: space.outputOffset },
    ],
    (inChannels * countTerms(taps) + 1) / multiplyAddsPerMicrosecond(shape.target),
    ([, groups = 1, outChannels = 1, , rows = 1, columns = 1]) =>
      write({ groups, outChannels, rows, columns }),
    JSON.stringify([space.lanes, shape]),
  );
}

/** What writes the programs of a convolution's tiles. */
function writerOf({ shape, lanes, special }: TileSpace): (block: TileBlock) => Program {
  if (special !== undefined) return special.write;
  if (lanes === "channels") return (block) => channelLanesProgram(shape, block);
  return familyOf(shape) === "depthwise"
    ? (block) => depthwiseProgram(shape, block)
    : (block) => directProgram(shape, block);
}

/** Bytes of scratch memory that the tiles of a convolution need. */
export function scratchBytes(
  { target, outChannels }: Pick<DirectShape, "target" | "outChannels">,
  lanes: LaneUse,
): number {
  return lanes === "channels"
    ? channelLanesScratchBytes(target)
    : directScratchBytes({ target, outChannels });
}
