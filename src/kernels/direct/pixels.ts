/**
 * Direct convolution.
 *
 * Lanes are consecutive output pixels, so that input and output stay row-major and weights stay in
 * `torch.nn`'s order: input vectors are loaded where they lie, weights four at a time along the
 * reduction and broadcast lane by lane. One register tile is some output channels by some vectors
 * of pixels, all held in registers over the whole reduction.
 *
 * Tiles tried in WebAssembly, one thread, 3x3 on 64 channels, median of 40 turns where registers
 * alone reach 41 GFLOP/s:
 *
 * | channels x vectors | GFLOP/s |
 * | --- | --- |
 * | 4 x 2 | 33 |
 * | 2 x 4 | 33 |
 * | 3 x 3 | 32 |
 * | 2 x 6, weights held, inputs streamed | 31 |
 * | 3 x 4, 4 x 3, 6 x 2 (more than 15 registers: spills) | 22 to 26 |
 * | 2 x 6, inputs held | 19 |
 * | 4 x 1, 2 x 2 (too few sums to hide the latency) | 20 |
 *
 * In machine code weights are broadcast straight from memory, one after the other, and more sums fit.
 * Medians of turns that alternate, with AVX-512 on a shared processor where registers alone reached 85 to
 * 97 (tiles of few channels have more vectors, by the cycles that `common/register_tile.ts` counts):
 *
 * | channels x vectors | 3x3, 64 channels, 224 x 224 | 7x7 stem | 1x1, 64 to 256 channels |
 * | --- | --- | --- | --- |
 * | 13 x 2 | 74 | 85 | 54 |
 * | 8 x 3 | 78 | 90 | 43 |
 * | 6 x 4 | 75 | 90 | 45 |
 * | 27 x 1 | 70 | 90 | 44 |
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type Program,
  type ProgramBuilder,
  type Register,
  type Steps,
} from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { CACHE_LINE_BYTES, cacheSets, WAYS, WINDOW_BYTES } from "../common/cache.ts";
import { writeInParts } from "../rows/partial_sums.ts";
import {
  outputSteps,
  reductionOffsets,
  ROW_POINTERS,
  type RowShape,
  storeLanes,
  sweepGroups,
  type TileBlock,
  tileBuilder,
  writeInitialSums,
} from "../rows/shape.ts";
import { writeReduction, type WriteSteps } from "../common/reduction.ts";
import {
  channelsOf,
  evenParts,
  mostVectors,
  preferredVectors,
  unrolledSteps,
} from "../common/register_tile.ts";
import { countTerms, listTerms, MOST_LISTED } from "../common/terms.ts";

const { input: INPUT, weight: WEIGHT, bias: BIAS, scratch: SCRATCH } = ROW_POINTERS;

/** Output rows that one register tile spans: more than one where a row is short. */
export function directRows(target: Target, outChannels: number, columns: number): number {
  const vectors = Math.ceil(columns / target.lanes);
  return Math.max(1, Math.floor(preferredVectors(target, outChannels) / vectors));
}

/**
 * Writes the program of a tile.
 *
 * @param shape What is convolved.
 * @param block How much of it one tile does.
 * @returns A program of the pointers {@linkcode ROW_PARAMETERS}.
 */
export function directProgram(shape: RowShape, block: TileBlock): Program {
  const code = tileBuilder("direct", shape, block);
  const { outChannels, rows, columns } = block;
  const together = Math.min(rows, directRows(shape.target, outChannels, columns));
  const steps = [[INPUT, shape.rowStep], ...outputSteps(shape, shape.outputRowStep)] as const;
  sweepGroups(code, shape, block.groups, () => {
    code.blocks(rows, together, steps, (rows) => writeRows(code, shape, { ...block, rows }));
  });
  return code.build();
}

/** One vector of output pixels in a register tile. */
interface TileVector {
  readonly input: number;
  readonly output: number;
  /** Pixels it holds; fewer than all at the end of a row. */
  readonly lanes: number;
}

/** The vectors of the first `pixels` pixels of `rows` rows. */
function tileVectors(shape: RowShape, rows: number, pixels: number): TileVector[] {
  const { target: { lanes }, pixelStep, rowStep, outputRowStep } = shape;
  const perRow = Math.ceil(pixels / lanes);
  return Array.from({ length: rows * perRow }, (_, i) => {
    const row = Math.floor(i / perRow);
    const first = (i % perRow) * lanes;
    return {
      input: row * rowStep + first * FLOAT_BYTES,
      output: row * outputRowStep + first * pixelStep,
      lanes: Math.min(lanes, pixels - first),
    };
  });
}

/** `rows` output rows at once, from the first pixel to the last. */
function writeRows(
  code: ProgramBuilder,
  shape: RowShape,
  { outChannels, rows, columns }: TileBlock,
): void {
  const { target, pixelStep } = shape;
  const { lanes } = target;
  const vectors = Math.ceil(columns / lanes);
  const perTile = Math.min(vectors, preferredVectors(target, outChannels));
  // A last tile of one vector alone is slow: it joins the one before where the registers allow.
  const rest = vectors % perTile;
  const joined = rest > 0 && perTile + rest <= mostVectors(target) &&
    rest * 2 <= perTile && vectors > perTile;
  // The last tile holds the row's end, where a vector may be partly empty.
  const last = rest === 0 ? perTile : joined ? perTile + rest : rest;
  const count = (vectors - last) / perTile;
  const size = perTile * lanes;
  const steps = [[INPUT, FLOAT_BYTES], ...outputSteps(shape, pixelStep)] as const;
  code.runs([{ size, count }, { size: columns - count * size, count: 1 }], steps, (pixels) => {
    writeChannels(code, shape, outChannels, tileVectors(shape, rows, pixels));
  });
}

/**
 * All output channels of one set of pixels. Where the pixels' window on all input channels is too much
 * for the first-level cache, the sum is taken over a block of input channels at a time, for all output
 * channels, and kept in scratch memory in between.
 */
function writeChannels(
  code: ProgramBuilder,
  shape: RowShape,
  outChannels: number,
  vectors: readonly TileVector[],
): void {
  const block = inputChannelBlock(shape, outChannels, vectors);
  if (block >= shape.inChannels) {
    return writeRegisterTiles(code, shape, outChannels, vectors, {
      channels: shape.inChannels,
      partial: false,
    });
  }
  const sum = code.register();
  writeInParts(code, shape, { outChannels, vectors: vectors.length, block }, {
    add: (channels) => {
      writeRegisterTiles(code, shape, outChannels, vectors, { channels, partial: true });
    },
    finish: (placeOf) => {
      vectors.forEach(({ output, lanes }, index) => {
        code.load(sum, SCRATCH, placeOf(index));
        storePixels(code, shape, sum, output, lanes);
      });
    },
  });
}

/** Which part of the sum a register tile takes, and whether it comes from and goes to scratch memory. */
interface SumPart {
  /** Input channels. */
  readonly channels: number;
  readonly partial: boolean;
}

/** Bytes of scratch memory that the program of a tile of so many output channels may use. */
export function directScratchBytes(target: Target, outChannels: number): number {
  // A register tile that the end of a row joins is half as wide again.
  const vectors = Math.floor(preferredVectors(target, outChannels) * 1.5);
  return outChannels * Math.min(vectors, mostVectors(target)) * target.lanes * FLOAT_BYTES;
}

/** Pages that it may touch: translations are cached for 64 to 96 of them. */
const WINDOW_PAGES = 48;

const PAGE_BYTES = 4096;

/** Fewer output channels do not make up for bringing the sums back. */
const LEAST_REUSE_CHANNELS = 9;

/** Input channels that the sum is taken over at a time. */
function inputChannelBlock(
  { inChannels, taps, channelPitch, target: { lanes } }: RowShape,
  outChannels: number,
  vectors: readonly TileVector[],
): number {
  if (outChannels < LEAST_REUSE_CHANNELS) return inChannels;
  // A window of so many taps is too much in any case.
  if (countTerms(taps) > MOST_LISTED) return 1;
  const lines = new Set<number>();
  const pages = new Set<number>();
  for (const tap of listTerms(taps)) {
    for (const { input } of vectors) {
      for (const byte of [tap + input, tap + input + lanes * FLOAT_BYTES - 1]) {
        lines.add(Math.floor(byte / CACHE_LINE_BYTES));
        pages.add(Math.floor(byte / PAGE_BYTES));
      }
    }
  }
  // Channels that are closer than a page share theirs.
  const pagesPerChannel = Math.min(pages.size, channelPitch / PAGE_BYTES);
  const most = Math.min(
    WINDOW_BYTES / (lines.size * CACHE_LINE_BYTES),
    cacheSets(channelPitch) * WAYS / lines.size,
    WINDOW_PAGES / pagesPerChannel,
  );
  if (most >= inChannels) return inChannels;
  const blocks = Math.ceil(inChannels / Math.max(1, most));
  return Math.ceil(inChannels / blocks);
}

/**
 * Some part of the sums of all output channels, a register tile at a time. A smaller last tile costs less where
 * its size is one that the registers suit; wide targets have many registers, and small tiles cannot hide their
 * latency.
 */
function writeRegisterTiles(
  code: ProgramBuilder,
  shape: RowShape,
  outChannels: number,
  vectors: readonly TileVector[],
  part: SumPart,
): void {
  const { target } = shape;
  const most = channelsOf(target, vectors.length);
  const steps = channelSteps(shape, vectors.length, part);
  const write = (channels: number) => writeRegisterTile(code, shape, channels, vectors, part);
  if (target.cheapBroadcast) code.evenBlocks(evenParts(outChannels, most), steps, write);
  else code.blocks(outChannels, most, steps, write);
}

/** How the pointers move on by an output channel. */
function channelSteps(shape: RowShape, vectors: number, { partial }: SumPart): Steps {
  const weight = [WEIGHT, weightPitch(shape)] as const;
  if (partial) return [weight, [SCRATCH, vectors * shape.target.lanes * FLOAT_BYTES]];
  return [weight, [BIAS, FLOAT_BYTES], ...outputSteps(shape, shape.outputChannelPitch)];
}

/** Bytes from the weights of one output channel to the next. */
function weightPitch({ inChannels, taps }: RowShape): number {
  return inChannels * countTerms(taps) * FLOAT_BYTES;
}

/** The sums of `channels` output channels by some vectors of pixels, in registers throughout. */
function writeRegisterTile(
  code: ProgramBuilder,
  shape: RowShape,
  channels: number,
  vectors: readonly TileVector[],
  part: SumPart,
): void {
  const sums = Array.from({ length: channels }, () => code.registers(vectors.length));
  const scratch = (channel: number, vector: number) =>
    (channel * vectors.length + vector) * shape.target.lanes * FLOAT_BYTES;
  sums.forEach((row, channel) => {
    if (part.partial) row.forEach((sum, v) => code.load(sum, SCRATCH, scratch(channel, v)));
    else writeInitialSums(code, shape, row, channel);
  });
  const input = code.pointer(INPUT);
  const weight = code.pointer(WEIGHT);
  const write = shape.target.cheapBroadcast
    ? broadcastSteps(code, shape, sums, vectors, { input, weight })
    : laneSteps(code, shape, sums, vectors, { input, weight });
  const options = shape.target.cheapBroadcast
    ? { unroll: unrolledSteps(channels * vectors.length) }
    : {};
  writeReduction(code, input, weight, reductionOffsets(shape, part.channels), write, options);
  sums.forEach((row, channel) => {
    zip(row, vectors, (sum, { output, lanes }, v) => {
      if (part.partial) code.store(sum, SCRATCH, scratch(channel, v));
      else {
        storePixels(code, shape, sum, output + channel * shape.outputChannelPitch, lanes);
      }
    });
  });
}

/** Where the operands of a step are found. */
interface StepPointers {
  readonly input: Pointer;
  readonly weight: Pointer;
}

/** Steps of which each channel's weights are loaded by the vector and broadcast lane by lane. */
function laneSteps(
  code: ProgramBuilder,
  shape: RowShape,
  sums: readonly (readonly Register[])[],
  vectors: readonly TileVector[],
  { input, weight }: StepPointers,
): WriteSteps {
  const inputs = code.registers(vectors.length);
  const quads = code.registers(sums.length);
  const weights = code.registers(sums.length);
  return (offsets) => {
    offsets.forEach((offset, step) => {
      zip(vectors, inputs, (vector, register) => {
        code.load(register, input, offset + vector.input);
      });
      const lane = step % shape.target.lanes;
      zip(sums, quads, (row, quad, channel) => {
        if (lane === 0) code.load(quad, weight, channel * weightPitch(shape) + step * FLOAT_BYTES);
        const broadcast = weights[channel] ?? quad;
        code.lane(broadcast, quad, lane);
        zip(row, inputs, (sum, register) => code.fma(sum, register, broadcast));
      });
    });
  };
}

/**
 * Steps of which weights are broadcast straight from memory. Of inputs and weights the fewer are held;
 * the others pass through one register, which the processor renames.
 */
function broadcastSteps(
  code: ProgramBuilder,
  shape: RowShape,
  sums: readonly (readonly Register[])[],
  vectors: readonly TileVector[],
  { input, weight }: StepPointers,
): WriteSteps {
  const holdsInputs = vectors.length <= sums.length;
  const held = code.registers(Math.min(vectors.length, sums.length));
  const passing = code.register();
  const loadInput = (register: Register, vector: TileVector, offset: number) => {
    code.load(register, input, offset + vector.input);
  };
  const loadWeight = (register: Register, channel: number, step: number) => {
    code.broadcast(register, weight, channel * weightPitch(shape) + step * FLOAT_BYTES);
  };
  return (offsets) => {
    offsets.forEach((offset, step) => {
      if (holdsInputs) {
        zip(vectors, held, (vector, register) => loadInput(register, vector, offset));
        sums.forEach((row, channel) => {
          loadWeight(passing, channel, step);
          zip(row, held, (sum, register) => code.fma(sum, register, passing));
        });
        return;
      }
      held.forEach((register, channel) => loadWeight(register, channel, step));
      vectors.forEach((vector, v) => {
        loadInput(passing, vector, offset);
        zip(sums, held, (row, register) => {
          const sum = row[v];
          if (sum !== undefined) code.fma(sum, passing, register);
        });
      });
    });
  };
}

/** Finishes a vector of pixels and stores it, `offset` bytes from the output's pointer. */
export function storePixels(
  code: ProgramBuilder,
  { pixelStep, epilogue }: RowShape,
  sum: Register,
  offset: number,
  lanes: number,
): void {
  storeLanes(code, epilogue, sum, { offset, pixelStep, lanes });
}

function zip<A, B>(a: readonly A[], b: readonly B[], each: (a: A, b: B, index: number) => void) {
  a.forEach((item, index) => {
    const other = b[index];
    if (other !== undefined) each(item, other, index);
  });
}
