/**
 * Direct convolution with output channels in the lanes.
 *
 * Where rows of pixels are too short to fill vectors, or lie apart in memory, channels do: a register
 * tile is some vectors of output channels by some pixels. A step of the reduction loads the weights of
 * the channels as vectors and broadcasts one input element for every pixel, which may lie anywhere: a
 * column stride needs no packing. Weights are packed into panels of channels beforehand. Sums of pixels
 * that lie side by side are transposed in registers and stored as vectors of pixels; others are
 * scattered, one element for each channel.
 *
 * Tiles tried in machine code, one thread, 3x3, GFLOP/s, medians of turns that alternate, on a shared
 * processor where registers alone reached 90 with AVX-512 and 43 with AVX2:
 *
 * | vectors x pixels | 64 channels, 56 x 56 | 256, 14 x 14 | 512, 7 x 7 |
 * | --- | --- | --- | --- |
 * | AVX-512: 1 x 28 | 88 | 95 | 82 |
 * | 2 x 13 | 71 | 79 | 41 |
 * | 3 x 8 | 75 | 85 | 46 |
 * | 4 x 6 | 72 | 75 | 54 |
 * | AVX2: 1 x 12 | 49 | 38 | 30 |
 * | 2 x 5 | 52 | 41 | 35 |
 * | 3 x 3 | 50 | 40 | 29 |
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Program,
  type ProgramBuilder,
  type Register,
  type Steps,
} from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import {
  kernelTaps,
  outputSteps,
  reductionOffsets,
  ROW_POINTERS,
  type RowShape,
  storeLanes,
  type TileBlock,
  tileBuilder,
} from "../rows/shape.ts";
import { range } from "../../base/numbers.ts";
import { prefetching } from "../common/prefetch.ts";
import { writeReduction } from "../common/reduction.ts";
import { evenParts, mostRows, unrolledSteps, usableRegisters } from "../common/register_tile.ts";
import { countTerms, listTerms } from "../common/terms.ts";
import { transpose, transposeRegisters } from "../common/transpose.ts";
import { tuned } from "../common/tuning.ts";

const { input: INPUT, weight: WEIGHT, bias: BIAS, scratch: SCRATCH } = ROW_POINTERS;

/** Output channels of a full panel of packed weights. */
export function panelChannels(target: Target): number {
  return tuned(target, "panelVectors") * target.lanes;
}

/** Output channels of a group in its packed weights: the last panel is filled up to whole vectors. */
export function packedChannels({ lanes }: Target, outChannels: number): number {
  return Math.ceil(outChannels / lanes) * lanes;
}

/** The most pixels of a register tile of so many vectors of channels. */
export function tilePixels(target: Target, vectors: number): number {
  return mostRows(target, vectors);
}

/**
 * Writes the program of a tile.
 *
 * @param shape What is convolved; the weights are packed by `panels.ts`.
 * @param block How much of it one tile does: of one group, at whose first channel or at the first of a
 * full panel it begins.
 * @returns A program of the pointers `ROW_PARAMETERS`.
 */
export function channelLanesProgram(shape: RowShape, block: TileBlock): Program {
  const code = tileBuilder("direct, channels in lanes,", shape, block);
  const channels = panelChannels(shape.target);
  const steps = [
    [WEIGHT, shape.inChannels * kernelTaps(shape) * FLOAT_BYTES],
    [BIAS, FLOAT_BYTES],
    ...outputSteps(shape, shape.outputChannelPitch),
  ] as const;
  code.blocks(block.outChannels, channels, steps, (outChannels) => {
    writePanel(code, shape, { ...block, outChannels });
  });
  return code.build();
}

/**
 * Weights of a panel that pass by again for every register tile: more than this is not kept near. With 30
 * KiB the layers above take as long, with 48 KiB up to a tenth longer.
 */
const PANEL_BYTES = 20 * 1024;

/** Input channels of one part of a sum. */
function inputChannelBlock({ target, inChannels, taps }: RowShape): number {
  const channelBytes = panelChannels(target) * countTerms(taps) * FLOAT_BYTES;
  const most = Math.max(1, Math.floor(PANEL_BYTES / channelBytes));
  return most >= inChannels ? inChannels : Math.ceil(inChannels / Math.ceil(inChannels / most));
}

/** Whether sums are taken in parts, between which they lie in scratch memory. */
function isPartial(shape: RowShape, { rows, columns }: TileBlock): boolean {
  const pixels = tilePixels(shape.target, tuned(shape.target, "panelVectors"));
  return rows * columns > pixels && inputChannelBlock(shape) < shape.inChannels;
}

/** Bytes of scratch memory that the program of a tile may use. */
export function channelLanesScratchBytes(target: Target): number {
  return MOST_PIXELS * panelChannels(target) * FLOAT_BYTES;
}

/** Pixels of a tile at most: their sums stay in a cache. */
export const MOST_PIXELS = 512;

/** Vectors of channels of a panel. */
interface Panel {
  /** Channels in each vector. */
  readonly vectors: readonly number[];
  /** Bytes of its weights for one step, and of its sums for one pixel. */
  readonly bytes: number;
}

function panelOf({ lanes }: Target, channels: number): Panel {
  const count = Math.ceil(channels / lanes);
  const vectors = Array.from({ length: count }, (_, v) => Math.min(lanes, channels - v * lanes));
  return { vectors, bytes: count * lanes * FLOAT_BYTES };
}

/** All pixels of a tile for one panel of output channels. */
function writePanel(code: ProgramBuilder, shape: RowShape, block: TileBlock): void {
  const panel = panelOf(shape.target, block.outChannels);
  if (!isPartial(shape, block)) {
    return sweepPixels(code, shape, panel, block, (pixels) => {
      writeRegisterTile(code, shape, panel, pixels, { channels: shape.inChannels, partial: false });
    });
  }
  const { lanes } = shape.target;
  const vectorBytes = lanes * FLOAT_BYTES;
  const initial = code.registers(panel.vectors.length);
  writeInitialSums(code, shape, initial);
  code.sweep(block.rows * block.columns, [[SCRATCH, panel.bytes]], () => {
    initial.forEach((sum, v) => code.store(sum, SCRATCH, v * vectorBytes));
  });
  const steps = [
    [INPUT, shape.channelPitch],
    [WEIGHT, kernelTaps(shape) * panel.bytes],
  ] as const;
  code.blocks(shape.inChannels, inputChannelBlock(shape), steps, (channels) => {
    sweepPixels(code, shape, panel, block, (pixels) => {
      writeRegisterTile(code, shape, panel, pixels, { channels, partial: true });
    });
  });
  storePartialSums(code, shape, panel, block);
}

/** Finishes and stores the sums of a tile's pixels, which lie in scratch memory. */
function storePartialSums(
  code: ProgramBuilder,
  shape: RowShape,
  panel: Panel,
  { rows, columns }: TileBlock,
): void {
  const { lanes } = shape.target;
  const steps = [...outputSteps(shape, shape.pixelStep), [SCRATCH, panel.bytes]] as const;
  const store = (count: number) => {
    panel.vectors.forEach((_, v) => {
      const sums = code.registers(count);
      sums.forEach((sum, i) => {
        code.load(sum, SCRATCH, i * panel.bytes + v * lanes * FLOAT_BYTES);
      });
      const offsets = range(count).map((i) => i * shape.pixelStep);
      storePixels(
        code,
        shape,
        { first: v * lanes, channels: panel.vectors[v] ?? 0 },
        sums,
        offsets,
      );
    });
  };
  // Rows that follow one another are one.
  const joined = shape.outputRowStep === columns * shape.pixelStep;
  const pixels = joined ? rows * columns : columns;
  const most = usableRegisters(shape.target) - transposeRegisters(1);
  const rowSteps = [
    ...outputSteps(shape, shape.outputRowStep),
    [SCRATCH, columns * panel.bytes],
  ] as const;
  code.sweep(joined ? 1 : rows, rowSteps, () => {
    code.blocks(pixels, Math.min(lanes, most), steps, store);
  });
}

/** One pixel of a register tile, in bytes from the first. */
interface TilePixel {
  readonly input: number;
  readonly output: number;
}

/**
 * Every pixel of a tile, so many at a time as registers hold: pieces of a row, or several short rows
 * together. Pieces are as even as they can be, so that none has too few sums to hide the latency.
 */
function sweepPixels(
  code: ProgramBuilder,
  shape: RowShape,
  panel: Panel,
  { rows, columns }: TileBlock,
  write: (pixels: readonly TilePixel[]) => void,
): void {
  const most = tilePixels(shape.target, panel.vectors.length);
  const together = Math.max(1, Math.floor(most / columns));
  const steps = (input: number, output: number, pixels: number): Steps => [
    [INPUT, input],
    ...outputSteps(shape, output),
    [SCRATCH, pixels * panel.bytes],
  ];
  const rowSteps = steps(shape.rowStep, shape.outputRowStep, columns);
  const pixelSteps = steps(shape.inputPixelStep, shape.pixelStep, 1);
  code.evenBlocks(evenParts(rows, together), rowSteps, (rows) => {
    code.evenBlocks(evenParts(columns, most), pixelSteps, (columns) => {
      write(tilePixelsOf(shape, rows, columns));
    });
  });
}

function tilePixelsOf(shape: RowShape, rows: number, columns: number): TilePixel[] {
  return Array.from({ length: rows * columns }, (_, i) => {
    const row = Math.floor(i / columns);
    const column = i % columns;
    return {
      input: row * shape.rowStep + column * shape.inputPixelStep,
      output: row * shape.outputRowStep + column * shape.pixelStep,
    };
  });
}

/** Which part of the sum a register tile takes, and whether it comes from and goes to scratch memory. */
interface SumPart {
  /** Input channels. */
  readonly channels: number;
  readonly partial: boolean;
}

/** A term of the sums: bytes from the pointers. */
interface Step {
  readonly input: number;
  readonly weight: number;
}

/** The terms of some input channels where not all taps are seen. */
function someSteps(
  { taps, channelPitch }: RowShape,
  { of, positions }: NonNullable<RowShape["someTaps"]>,
  panel: Panel,
  channels: number,
): Step[] {
  return range(channels).flatMap((channel) =>
    listTerms(taps).map((tap, i) => ({
      input: channel * channelPitch + tap,
      weight: (channel * of + (positions[i] ?? 0)) * panel.bytes,
    }))
  );
}

/** The sums of a panel of channels by some pixels, in registers throughout. */
function writeRegisterTile(
  code: ProgramBuilder,
  shape: RowShape,
  panel: Panel,
  pixels: readonly TilePixel[],
  part: SumPart,
): void {
  const vectorBytes = shape.target.lanes * FLOAT_BYTES;
  const vectors = panel.vectors.length;
  const sums = pixels.map(() => code.registers(vectors));
  sums.forEach((column, pixel) => {
    if (part.partial) {
      column.forEach((sum, v) => code.load(sum, SCRATCH, pixel * panel.bytes + v * vectorBytes));
    } else writeInitialSums(code, shape, column);
  });
  const weights = code.registers(vectors);
  const element = code.register();
  const input = code.pointer(INPUT);
  const weight = code.pointer(WEIGHT);
  const unroll = unrolledSteps(pixels.length * vectors);
  const write = (steps: readonly Step[]) => {
    const prefetch = prefetching(code, weight);
    for (const step of steps) {
      prefetch(step.weight + panel.bytes);
      weights.forEach((register, v) => {
        code.load(register, weight, step.weight + v * vectorBytes);
      });
      pixels.forEach((pixel, index) => {
        code.broadcast(element, input, step.input + pixel.input);
        sums[index]?.forEach((sum, v) => {
          const register = weights[v];
          if (register !== undefined) code.fma(sum, register, element);
        });
      });
    }
  };
  const { someTaps } = shape;
  if (someTaps === undefined) {
    const options = { weightStep: panel.bytes, unroll };
    writeReduction(code, input, weight, reductionOffsets(shape, part.channels), (offsets) => {
      write(offsets.map((offset, step) => ({ input: offset, weight: step * panel.bytes })));
    }, options);
  } else {
    const turn = Math.max(1, Math.floor(unroll / shape.taps.length));
    const steps = (channels: number) => {
      write(someSteps(shape, someTaps, panel, channels));
      code.advance(input, channels * shape.channelPitch);
      code.advance(weight, channels * kernelTaps(shape) * panel.bytes);
    };
    code.loop(Math.floor(part.channels / turn), () => steps(turn));
    steps(part.channels % turn);
  }
  if (part.partial) {
    sums.forEach((column, pixel) => {
      column.forEach((sum, v) => code.store(sum, SCRATCH, pixel * panel.bytes + v * vectorBytes));
    });
    return;
  }
  const offsets = pixels.map(({ output }) => output);
  panel.vectors.forEach((channels, v) => {
    const first = v * shape.target.lanes;
    const column = sums.flatMap((vector) => vector.slice(v, v + 1));
    const others = (vectors - v - 1) * pixels.length;
    storePixels(code, shape, { first, channels }, column, offsets, others);
  });
}

/** Sums start as the biases of their channels; the last vector may hold more than there are. */
function writeInitialSums(
  code: ProgramBuilder,
  { hasBias, target }: RowShape,
  sums: readonly Register[],
): void {
  sums.forEach((sum, v) => {
    if (hasBias) code.load(sum, BIAS, v * target.lanes * FLOAT_BYTES);
    else code.zero(sum);
  });
}

/** Output channels of the lanes of a vector. */
interface VectorChannels {
  /** The first, from that of the output's pointer. */
  readonly first: number;
  readonly channels: number;
}

/**
 * Finishes and stores one vector of channels for each of some pixels, which lie at `offsets` from the
 * output's pointer.
 *
 * @param others Registers that keep other sums meanwhile.
 */
function storePixels(
  code: ProgramBuilder,
  { outputChannelPitch, target, epilogue }: RowShape,
  { first, channels }: VectorChannels,
  sums: readonly Register[],
  offsets: readonly number[],
  others = 0,
): void {
  const channelOffset = first * outputChannelPitch;
  let done = 0;
  while (done < sums.length) {
    const free = usableRegisters(target) - others - (sums.length - done);
    const count = transposedPixels(target, offsets.slice(done), free);
    const offset = channelOffset + (offsets[done] ?? 0);
    const rows = sums.slice(done, done + count);
    const [sum = 0] = rows;
    if (count === 1) {
      const place = { offset, pixelStep: outputChannelPitch, lanes: channels };
      storeLanes(code, epilogue, sum, place);
    } else {
      transpose(code, rows, (column, channel) => {
        if (channel >= channels) return;
        storeLanes(code, epilogue, column, {
          offset: offset + channel * outputChannelPitch,
          pixelStep: FLOAT_BYTES,
          lanes: count,
        });
      });
    }
    done += count;
  }
}

/** Fewer pixels are scattered one by one. */
const LEAST_TRANSPOSED = 3;

/** How many of the first pixels to store together, with some registers free besides their sums; 1 for one. */
function transposedPixels(
  { lanes }: Target,
  offsets: readonly number[],
  free: number,
): number {
  const [first = 0] = offsets;
  const beside = offsets.findIndex((offset, i) => offset !== first + i * FLOAT_BYTES);
  let count = Math.min(lanes, beside < 0 ? offsets.length : beside);
  while (count >= LEAST_TRANSPOSED && transposeRegisters(count) > free) count--;
  return count < LEAST_TRANSPOSED ? 1 : count;
}
