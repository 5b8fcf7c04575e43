/**
 * Convolutions as products of matrices: the pixels that a tile needs are brought together, one row for
 * every term of the sum, and multiplied by the weights of one panel of output channels after the other.
 *
 * For each panel of channels all pixels of the tile are stored before the next: runs of up to 2 KiB in a
 * dozen rows. Stores alone, of 32 pixels of every channel at a time, with 16-float vectors, reached 3.7
 * GB/s on 256 channels of 3136 pixels and 2.2 GB/s on 512 of 3199; 16 channels at a time, 13 and 8 to 12.
 *
 * What was tried in machine code with AVX-512, GFLOP/s, one thread, where registers alone reached 115 to
 * 130 (figures of different columns come from different runs on a shared processor):
 *
 * | layer | direct, packed by a phase | this | first panel of channels copies on its way |
 * | --- | --- | --- | --- |
 * | 1x1, 64 to 256 channels, 56 x 56 | 57 | 86 | 65 |
 * | 1x1, 256 to 64 channels, 56 x 56 | 45 | 85 | 35 |
 * | 1x1, stride 2, 256 to 512 channels, 28 x 28 | 69 | 74 | - |
 * | 1x1, 240 channels in 3 groups, 28 x 28 | 71 | 99 | 80 |
 * | 10, stride 5, 1 to 512 channels, 3199 | 14 | 34 | - |
 * | 3, stride 2, 512 channels, 1599 | 60 | 89 | - |
 * | 2, dilation 64, 64 channels, 7936 | 37 | 79 | 78 |
 * | 3x5, stride 2 x 1, 16 to 33 channels, 26 x 100 | 63 | 69 | - |
 * | 1x1, 1024 to 256 channels, 14 x 14 (channels in lanes) | 85 | 85 | 92 |
 * | 3x3, 128 channels, 28 x 28 (channels in lanes) | 101 | 77 | - |
 *
 * Panels of pixels whose pitch is no multiple of 4 KiB gain up to a twentieth. Sums in passes of 256, 384
 * and 512 terms, whose weights stay in a first-level cache, gain nothing. Tiles of 128 KiB to 1 MiB of
 * pixels take as long, tiles of 256 instead of 512 pixels up to a quarter longer where the output is large.
 *
 * In WebAssembly, where registers alone reached 30: 1x1, 64 to 256 channels 12.2 directly, 19.8 here; 256
 * to 64 channels 11.9, 18.3; 1024 to 256 at 14 x 14 17.4, 20.8; the three long rows 6.4 to 16.3, 14.6 to 22.7.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type Program,
  ProgramBuilder,
  type Register,
} from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import {
  outputSteps,
  ROW_PARAMETERS,
  ROW_POINTERS,
  storeLanes,
  writeInitialSums,
} from "../rows/shape.ts";
import type { Epilogue } from "../../convolution/epilogue.ts";
import { range } from "../../base/numbers.ts";
import { spread } from "../packing/padded.ts";
import { type PixelSource, writePixelPanels } from "./pixels.ts";
import { prefetching } from "../common/prefetch.ts";
import { writeReduction } from "../common/reduction.ts";
import { channelsOf, mostRows, unrolledSteps } from "../common/register_tile.ts";
import { repeated } from "../common/terms.ts";

/** One convolution of one group of channels. */
export interface PointwiseShape {
  readonly target: Target;
  /** Input channels of a group, and bytes from one to the next. */
  readonly inChannels: number;
  readonly inputChannelPitch: number;
  /** Terms of the sum of an output. */
  readonly steps: number;
  /** Output channels of a group. */
  readonly outChannels: number;
  readonly hasBias: boolean;
  readonly epilogue: Epilogue;
  /** Output bytes from one channel to the next; pixels are consecutive. */
  readonly outputChannelPitch: number;
}

/** What one tile of work covers. */
export interface PointwiseBlock {
  readonly outChannels: number;
  readonly rows: number;
  readonly columns: number;
}

/** Depth, height and width of what a tile sees. */
export type PointwiseWindows = PixelSource["windows"];

const { input: INPUT, weight: WEIGHT, bias: BIAS, scratch: SCRATCH } = ROW_POINTERS;

/** Vectors of pixels of a register tile. */
export const PANEL_VECTORS = 2;

/** Output channels of a full panel of weights: as many as a register tile holds, cut evenly. */
export function weightPanel(target: Target, outChannels: number): number {
  const most = target.cheapBroadcast
    ? mostRows(target, PANEL_VECTORS)
    : channelsOf(target, PANEL_VECTORS);
  return Math.ceil(outChannels / Math.ceil(outChannels / most));
}

/** Bytes of scratch memory that the program of a tile uses. */
export function pointwiseScratchBytes(
  { target, steps }: PointwiseShape,
  { rows, columns }: PointwiseBlock,
): number {
  const panels = Math.ceil(rows * columns / (PANEL_VECTORS * target.lanes));
  return panels * panelPitch(target, steps) * FLOAT_BYTES;
}

/** Elements from one full panel of pixels to the next: such that they do not compete for cache sets. */
function panelPitch({ lanes }: Target, steps: number): number {
  return spread(steps * PANEL_VECTORS * lanes);
}

/** Writes the program of a tile. */
export function pointwiseProgram(
  shape: PointwiseShape,
  block: PointwiseBlock,
  windows: PointwiseWindows,
): Program {
  const { target, outputChannelPitch, inChannels, inputChannelPitch } = shape;
  const { rows, columns, outChannels } = block;
  const size = weightPanel(target, shape.outChannels);
  const code = new ProgramBuilder(
    `pointwise ${outChannels}oc x ${rows}x${columns}px, ${shape.steps} steps, ` +
      `tile ${size}oc x ${PANEL_VECTORS * target.lanes}px`,
    target.lanes,
    ROW_PARAMETERS,
  );
  const source = { windows, rows, columns, channels: inChannels, channelPitch: inputChannelPitch };
  const panels = { vectors: PANEL_VECTORS, pitch: panelPitch(target, shape.steps) };
  writePixelPanels(code, source, panels, { input: INPUT, panels: SCRATCH });
  const steps = [
    [WEIGHT, shape.steps * FLOAT_BYTES],
    [BIAS, FLOAT_BYTES],
    ...outputSteps(shape, outputChannelPitch),
  ] as const;
  code.blocks(outChannels, size, steps, (channels) => {
    writePanelRow(code, shape, channels, rows * columns);
  });
  return code.build();
}

/** A panel of channels for every panel of pixels. */
function writePanelRow(
  code: ProgramBuilder,
  shape: PointwiseShape,
  channels: number,
  pixels: number,
): void {
  const { target } = shape;
  const panel = PANEL_VECTORS * target.lanes;
  const panelBytes = panelPitch(target, shape.steps) * FLOAT_BYTES;
  const steps = [[SCRATCH, panelBytes / panel], ...outputSteps(shape, FLOAT_BYTES)] as const;
  code.blocks(pixels, panel, steps, (pixels) => writeRegisterTile(code, shape, channels, pixels));
}

/** The sums of some channels by one panel of pixels, in registers throughout. */
function writeRegisterTile(
  code: ProgramBuilder,
  shape: PointwiseShape,
  channels: number,
  pixels: number,
): void {
  const { target: { lanes }, outputChannelPitch, epilogue } = shape;
  const vectors = Math.ceil(pixels / lanes);
  const sums = range(channels).map(() => code.registers(vectors));
  sums.forEach((row, channel) => writeInitialSums(code, shape, row, channel));
  writeProducts(code, shape, sums, vectors);
  sums.forEach((row, channel) => {
    row.forEach((sum, v) => {
      storeLanes(code, epilogue, sum, {
        offset: channel * outputChannelPitch + v * lanes * FLOAT_BYTES,
        pixelStep: FLOAT_BYTES,
        lanes: Math.min(lanes, pixels - v * lanes),
      });
    });
  });
}

/** Adds all products to the sums: of each channel's weights and the vectors of a panel of pixels. */
function writeProducts(
  code: ProgramBuilder,
  { steps, target }: PointwiseShape,
  sums: readonly (readonly Register[])[],
  vectors: number,
): void {
  const vectorBytes = code.lanes * FLOAT_BYTES;
  const pixel = code.pointer(SCRATCH);
  const weight = code.pointer(WEIGHT);
  const inputs = code.registers(vectors);
  const weightStep = sums.length * FLOAT_BYTES;
  const channelWeight = target.cheapBroadcast
    ? broadcastWeights(code, weight)
    : laneWeights(code, weight);
  const options = { weightStep, unroll: unrolledSteps(sums.length * vectors) };
  const offsets = repeated(steps, vectors * vectorBytes, [0]);
  writeReduction(code, pixel, weight, offsets, (offsets) => {
    const prefetch = prefetching(code, weight);
    offsets.forEach((offset, step) => {
      prefetch((step + 1) * weightStep);
      inputs.forEach((input, v) => code.load(input, pixel, offset + v * vectorBytes));
      sums.forEach((row, channel) => {
        const element = channelWeight(step * weightStep, channel);
        row.forEach((sum, v) => {
          const input = inputs[v];
          if (input !== undefined) code.fma(sum, input, element);
        });
      });
    });
  }, options);
}

/** Brings the weight of a panel's channel into every lane; the weights of a step begin at `offset`. */
type ChannelWeight = (offset: number, channel: number) => Register;

/** Weights are broadcast straight from memory, one after the other. */
function broadcastWeights(code: ProgramBuilder, weight: Pointer): ChannelWeight {
  const element = code.register();
  return (offset, channel) => {
    code.broadcast(element, weight, offset + channel * FLOAT_BYTES);
    return element;
  };
}

/** The weights of a panel's channels are loaded together, and broadcast lane by lane. */
function laneWeights(code: ProgramBuilder, weight: Pointer): ChannelWeight {
  const together = code.register();
  const element = code.register();
  return (offset, channel) => {
    const lane = channel % code.lanes;
    if (lane === 0) code.load(together, weight, offset + channel * FLOAT_BYTES);
    code.lane(element, together, lane);
    return element;
  };
}
