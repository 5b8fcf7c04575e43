/**
 * Convolutions as products of matrices: of one tap, or of one row, without padding.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type Program,
  ProgramBuilder,
  type Register,
  type Steps,
} from "../codegen/program.ts";
import type { Target } from "../codegen/target.ts";
import { DIRECT_PARAMETERS } from "./direct.ts";
import { type Epilogue, writeOutput } from "./epilogue.ts";
import { range } from "./numbers.ts";
import { type PixelSource, writePixelPanels } from "./pointwise_pack.ts";
import { writeReduction } from "./reduction.ts";
import { channelsOf, mostRows, unrolledSteps } from "./register_tile.ts";

/** One convolution of one group of channels. */
export interface PointwiseShape {
  readonly target: Target;
  /** Where the pixels of one output row after the other come from. */
  readonly source: Omit<PixelSource, "rows" | "columns">;
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

const INPUT: Pointer = 0;
const WEIGHT: Pointer = 1;
const BIAS: Pointer = 2;
const OUTPUT: Pointer = 3;
const SCRATCH: Pointer = 4;
const ADD: Pointer = 5;

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
  { target: { lanes }, source: { channels, taps } }: PointwiseShape,
  { rows, columns }: PointwiseBlock,
): number {
  return Math.ceil(rows * columns / lanes) * lanes * channels * taps.length * FLOAT_BYTES;
}

/** Writes the program of a tile. */
export function pointwiseProgram(shape: PointwiseShape, block: PointwiseBlock): Program {
  const { target, source, outputChannelPitch } = shape;
  const { rows, columns, outChannels } = block;
  const reduction = source.channels * source.taps.length;
  const size = weightPanel(target, shape.outChannels);
  const code = new ProgramBuilder(
    `pointwise ${outChannels}oc x ${rows}x${columns}px, ${source.channels}ic x ${source.taps.length} taps, tile ${size}oc x ${PANEL_VECTORS}`,
    target.lanes,
    DIRECT_PARAMETERS.length,
  );
  writePixelPanels(code, { ...source, rows, columns }, PANEL_VECTORS, {
    input: INPUT,
    panels: SCRATCH,
  });
  const steps = [
    [WEIGHT, size * reduction * FLOAT_BYTES],
    [BIAS, size * FLOAT_BYTES],
    ...outputSteps(shape, size * outputChannelPitch),
  ] as const;
  const full = Math.floor(outChannels / size);
  const rest = outChannels % size;
  code.sweep(full, steps, () => writePanelRow(code, shape, size, rows * columns));
  if (rest > 0) {
    code.displaced(steps, full, () => writePanelRow(code, shape, rest, rows * columns));
  }
  return code.build();
}

/** A panel of channels for every panel of pixels. */
function writePanelRow(
  code: ProgramBuilder,
  shape: PointwiseShape,
  channels: number,
  pixels: number,
): void {
  const { lanes } = shape.target;
  const { source } = shape;
  const panel = PANEL_VECTORS * lanes;
  const full = Math.floor(pixels / panel);
  const steps = [
    [SCRATCH, panel * source.channels * source.taps.length * FLOAT_BYTES],
    ...outputSteps(shape, panel * FLOAT_BYTES),
  ] as const;
  code.sweep(full, steps, () => writeRegisterTile(code, shape, channels, panel));
  const rest = pixels - full * panel;
  if (rest > 0) {
    code.displaced(steps, full, () => writeRegisterTile(code, shape, channels, rest));
  }
}

/** The sums of some channels by one panel of pixels, in registers throughout. */
function writeRegisterTile(
  code: ProgramBuilder,
  shape: PointwiseShape,
  channels: number,
  pixels: number,
): void {
  const { target: { lanes }, source, outputChannelPitch, epilogue } = shape;
  const vectors = Math.ceil(pixels / lanes);
  const vectorBytes = lanes * FLOAT_BYTES;
  const sums = range(channels).map(() => code.registers(vectors));
  sums.forEach((row, channel) => writeInitialSums(code, shape, row, channel));
  const pixel = code.pointer(SCRATCH);
  const weight = code.pointer(WEIGHT);
  const inputs = code.registers(vectors);
  const element = code.register();
  const reduction = source.channels * source.taps.length;
  const offsets = range(reduction).map((step) => step * vectors * vectorBytes);
  const options = { weightStep: channels * FLOAT_BYTES, unroll: unrolledSteps(channels * vectors) };
  writeReduction(code, pixel, weight, offsets, (offsets) => {
    offsets.forEach((offset, step) => {
      inputs.forEach((register, v) => code.load(register, pixel, offset + v * vectorBytes));
      sums.forEach((row, channel) => {
        const at = (step * channels + channel) * FLOAT_BYTES;
        code.broadcast(element, weight, at);
        row.forEach((sum, v) => {
          const input = inputs[v];
          if (input !== undefined) code.fma(sum, input, element);
        });
      });
    });
  }, options);
  sums.forEach((row, channel) => {
    row.forEach((sum, v) => {
      writeOutput(code, sum, {
        output: OUTPUT,
        add: ADD,
        offset: channel * outputChannelPitch + v * vectorBytes,
        pixelStep: FLOAT_BYTES,
        lanes: Math.min(lanes, pixels - v * lanes),
      }, epilogue);
    });
  });
}

/** A sum starts as its channel's bias. */
function writeInitialSums(
  code: ProgramBuilder,
  { hasBias }: PointwiseShape,
  [first, ...others]: readonly Register[],
  channel: number,
): void {
  if (first === undefined) return;
  if (hasBias) code.broadcast(first, BIAS, channel * FLOAT_BYTES);
  else code.zero(first);
  for (const other of others) code.copy(other, first);
}

/** How the output's pointer moves, and with it that of what is added. */
function outputSteps({ epilogue }: PointwiseShape, bytes: number): Steps {
  return epilogue.add ? [[OUTPUT, bytes], [ADD, bytes]] : [[OUTPUT, bytes]];
}
