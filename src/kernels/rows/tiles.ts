/**
 * Cuts a convolution, or one stride phase of a transposed one, into tiles.
 *
 * @module
 */

import { FLOAT_BYTES, type Program } from "../../codegen/program.ts";
import { kernelTaps, type RowShape, type TileBlock } from "./shape.ts";
import { BUFFER } from "../plan.ts";
import { countTerms } from "../common/terms.ts";
import { multiplyAddsPerMicrosecond, type PhaseBuilder } from "../phase_builder.ts";

/** Everything that the tiles of one convolution share. */
export interface TileSpace {
  readonly shape: RowShape;
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
}

/** What computes the rows of a tile. */
export interface RowKernel {
  /** How much a tile takes. */
  readonly block: TileBlock;
  /** Writes the program of a tile that takes so much. */
  readonly write: (block: TileBlock) => Program;
  /** Scratch memory that a tile needs, in bytes. */
  readonly scratchBytes: number;
  /** Output channels of a group in its weights, with what fills up the last vector. */
  readonly packedChannels: number;
  /** Says what the programs depend on besides their blocks. */
  readonly key: string;
}

/**
 * Adds the tiles of a convolution to a phase.
 *
 * @param scratchBytes Scratch memory of a thread: what the kernel needs, or more.
 */
export function addTiles(
  phase: PhaseBuilder,
  space: TileSpace,
  kernel: RowKernel,
  scratchBytes: number,
): void {
  const { shape, batch, groups, depth, rows, columns } = space;
  if (depth * rows * columns === 0) return;
  const { block, packedChannels } = kernel;
  const { inChannels, outChannels, taps, channelPitch, outputChannelPitch } = shape;
  const weightPitch = inChannels * kernelTaps(shape) * FLOAT_BYTES;
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
          packedChannels * weightPitch,
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
      { buffer: BUFFER.scratch, offset: 0, threadStep: scratchBytes },
      { buffer: BUFFER.add, offset: space.outputOffset },
    ],
    (inChannels * countTerms(taps) + 1) / multiplyAddsPerMicrosecond(shape.target),
    ([, groups = 1, outChannels = 1, , rows = 1, columns = 1]) =>
      kernel.write({ groups, outChannels, rows, columns }),
    kernel.key,
  );
}
