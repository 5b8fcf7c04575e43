/**
 * Cuts a convolution, or one stride phase of a transposed one, into tiles.
 *
 * @module
 */

import { FLOAT_BYTES, type Program } from "../../codegen/program.ts";
import { kernelTaps, ROW_PARAMETERS, type RowShape, type TileBlock } from "./shape.ts";
import { BUFFER } from "../plan.ts";
import { resultSteps } from "../common/store.ts";
import { countTerms } from "../common/terms.ts";
import { tuned } from "../common/tuning.ts";
import type { PhaseBuilder, TileBase } from "../phase_builder.ts";

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
  /** Where input and output begin. */
  readonly input: TileBase;
  readonly outputOffset: number;
}

/** What tiles find besides. */
export interface TileMemory {
  /** Where their weights begin. */
  readonly weight: TileBase;
  /** Scratch memory of a thread, in bytes: what they need, or more. */
  readonly scratchBytes: number;
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

/** The most that a tile needs of something, by its output channels: the last tile may have fewer. */
export function mostOfTiles(
  { outChannels }: RowShape,
  block: TileBlock,
  of: (outChannels: number) => number,
): number {
  const rest = outChannels % block.outChannels;
  return rest === 0 ? of(block.outChannels) : Math.max(of(block.outChannels), of(rest));
}

/** Adds the tiles of a convolution to a phase. */
export function addTiles(
  phase: PhaseBuilder,
  space: TileSpace,
  kernel: RowKernel,
  { weight, scratchBytes }: TileMemory,
): void {
  const { shape, batch, groups, depth, rows, columns } = space;
  if (depth * rows * columns === 0) return;
  const { block, packedChannels } = kernel;
  const { inChannels, outChannels, taps, channelPitch, outputChannelPitch } = shape;
  const weightPitch = inChannels * kernelTaps(shape) * FLOAT_BYTES;
  phase.addBox({
    parameters: ROW_PARAMETERS,
    axes: {
      batch: {
        count: batch,
        steps: { input: space.inputBatchPitch, ...resultSteps(space.outputBatchPitch) },
      },
      groups: {
        count: groups,
        block: block.groups,
        steps: {
          input: inChannels * channelPitch,
          weight: packedChannels * weightPitch,
          bias: outChannels * FLOAT_BYTES,
          ...resultSteps(outChannels * outputChannelPitch),
        },
      },
      outChannels: {
        count: outChannels,
        block: block.outChannels,
        steps: { weight: weightPitch, bias: FLOAT_BYTES, ...resultSteps(outputChannelPitch) },
      },
      depth: {
        count: depth,
        steps: { input: space.inputDepthStep, ...resultSteps(space.outputDepthStep) },
      },
      rows: {
        count: rows,
        block: block.rows,
        steps: { input: shape.rowStep, ...resultSteps(shape.outputRowStep) },
      },
      columns: {
        count: columns,
        block: block.columns,
        steps: { input: shape.inputPixelStep, ...resultSteps(shape.pixelStep) },
      },
    },
    bases: {
      input: space.input,
      weight,
      bias: { buffer: BUFFER.bias, offset: 0 },
      output: { buffer: BUFFER.output, offset: space.outputOffset },
      scratch: { buffer: BUFFER.scratch, offset: 0, threadStep: scratchBytes },
      add: { buffer: BUFFER.add, offset: space.outputOffset },
    },
    itemCost: (inChannels * countTerms(taps) + 1) /
      tuned(shape.target, "multiplyAddsPerMicrosecond"),
    write: kernel.write,
    key: kernel.key,
  });
}
