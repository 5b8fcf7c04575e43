/**
 * Depthwise convolution of a packed input: every input channel has output channels of its own.
 *
 * There is no sum over channels, so what is loaded serves few multiplications. The tile is therefore
 * some output rows by one vector of pixels, or some vectors of a single row: an input vector is loaded
 * once for all the outputs that see it, and the weights of all taps stay in registers (or, where they
 * are many, on the stack, which is read without a check) along the whole row. Machine code has no
 * stack for them: there the weights of a tile come and go, as `packed_tile.ts` arranges.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type Program,
  type ProgramBuilder,
  type Register,
} from "../../codegen/program.ts";
import {
  type DirectShape,
  outputSteps,
  storePixels,
  sweepGroups,
  type TileBlock,
  tileBuilder,
  type TileVector,
  tileVectors,
} from "../direct/pixels.ts";
import { depthwiseTile, inputUses } from "./packed_tile.ts";
import { countTerms, listTerms } from "../common/terms.ts";

const INPUT: Pointer = 0;
const WEIGHT: Pointer = 1;
const BIAS: Pointer = 2;

/** Beyond this many taps their weights no longer pay for being held. */
const MOST_TAPS = 49;

/** Output rows of a register tile, and vectors of pixels where there are fewer rows. */
const ROWS = 4;

/** Whether the family applies: one input channel, and taps few enough to be held. */
export function isDepthwise({ inChannels, taps }: DirectShape): boolean {
  return inChannels === 1 && taps.length >= 1 && countTerms(taps) <= MOST_TAPS;
}

/**
 * Writes the program of a tile.
 *
 * @param shape What is convolved; {@linkcode isDepthwise} holds.
 * @param block How much of it one tile does.
 * @returns A program of the pointers {@linkcode DIRECT_PARAMETERS}.
 */
export function depthwiseProgram(shape: DirectShape, block: TileBlock): Program {
  const code = tileBuilder("depthwise", shape, block);
  const steps = [
    [WEIGHT, shape.taps.length * FLOAT_BYTES],
    [BIAS, FLOAT_BYTES],
    ...outputSteps(shape, shape.outputChannelPitch),
  ] as const;
  sweepGroups(code, shape, block.groups, () => {
    code.sweep(block.outChannels, steps, () => writeChannel(code, shape, block));
  });
  return code.build();
}

function writeChannel(code: ProgramBuilder, shape: DirectShape, block: TileBlock): void {
  if (shape.target.cheapBroadcast) return writeBroadcastRows(code, shape, block);
  const weights = shape.taps.map((_, tap) => {
    const weight = code.register();
    code.broadcast(weight, WEIGHT, tap * FLOAT_BYTES);
    return weight;
  });
  const bias = code.register();
  if (shape.hasBias) code.broadcast(bias, BIAS);
  else code.zero(bias);
  const channel: Channel = { bias, weights };
  const full = Math.floor(block.rows / ROWS);
  const rest = block.rows % ROWS;
  const steps = [
    [INPUT, ROWS * shape.rowStep],
    ...outputSteps(shape, ROWS * shape.outputRowStep),
  ] as const;
  code.sweep(full, steps, () => writeRows(code, shape, channel, ROWS, block.columns));
  if (rest === 0) return;
  code.displaced(steps, full, () => writeRows(code, shape, channel, rest, block.columns));
}

/** What stays in registers for a whole channel. */
interface Channel {
  readonly bias: Register;
  readonly weights: readonly Register[];
}

/** `rows` output rows at once, along the row. */
function writeRows(
  code: ProgramBuilder,
  shape: DirectShape,
  channel: Channel,
  rows: number,
  columns: number,
): void {
  const pixels = Math.max(1, Math.floor(ROWS / rows)) * shape.target.lanes;
  const full = Math.floor(columns / pixels);
  const rest = columns % pixels;
  const steps = [
    [INPUT, pixels * FLOAT_BYTES],
    ...outputSteps(shape, pixels * shape.pixelStep),
  ] as const;
  code.sweep(full, steps, () => writeTile(code, shape, channel, tileVectors(shape, rows, pixels)));
  if (rest === 0) return;
  code.displaced(steps, full, () => {
    writeTile(code, shape, channel, tileVectors(shape, rows, rest));
  });
}

/** Some vectors of pixels at once. */
function writeTile(
  code: ProgramBuilder,
  shape: DirectShape,
  { bias, weights }: Channel,
  vectors: readonly TileVector[],
): void {
  const sums = code.registers(vectors.length);
  for (const sum of sums) code.copy(sum, bias);
  const pixels = code.register();
  for (const [offset, uses] of inputUses(shape, vectors)) {
    code.load(pixels, INPUT, offset);
    for (const { vector, tap } of uses) {
      const sum = sums[vector];
      const weight = weights[tap];
      if (sum !== undefined && weight !== undefined) code.fma(sum, pixels, weight);
    }
  }
  vectors.forEach(({ output, lanes }, vector) => {
    const sum = sums[vector];
    if (sum !== undefined) storePixels(code, shape, sum, output, lanes);
  });
}

/** All rows of a channel, with tiles whose weights are broadcast from memory. */
function writeBroadcastRows(
  code: ProgramBuilder,
  shape: DirectShape,
  { rows, columns }: TileBlock,
): void {
  const together = depthwiseTile(shape, rows, columns).rows;
  const full = Math.floor(rows / together);
  const rest = rows % together;
  const steps = [
    [INPUT, together * shape.rowStep],
    ...outputSteps(shape, together * shape.outputRowStep),
  ] as const;
  code.sweep(full, steps, () => writeBroadcastRow(code, shape, together, columns));
  if (rest === 0) return;
  code.displaced(steps, full, () => writeBroadcastRow(code, shape, rest, columns));
}

/** `rows` output rows at once, along the row. */
function writeBroadcastRow(
  code: ProgramBuilder,
  shape: DirectShape,
  rows: number,
  columns: number,
): void {
  const { vectors, order } = depthwiseTile(shape, rows, columns, rows);
  const write = order === "inputs" ? writeTileByInputs : writeTileByTaps;
  const pixels = vectors * shape.target.lanes;
  const full = Math.floor(columns / pixels);
  const rest = columns % pixels;
  const steps = [
    [INPUT, pixels * FLOAT_BYTES],
    ...outputSteps(shape, pixels * shape.pixelStep),
  ] as const;
  code.sweep(full, steps, () => write(code, shape, tileVectors(shape, rows, pixels)));
  if (rest === 0) return;
  code.displaced(steps, full, () => write(code, shape, tileVectors(shape, rows, rest)));
}

/** A tile that loads each input vector once; a weight stays from its first use to its last. */
function writeTileByInputs(
  code: ProgramBuilder,
  shape: DirectShape,
  vectors: readonly TileVector[],
): void {
  const sums = initialSums(code, shape, vectors.length);
  const weights = new Map<number, Register>();
  const pixels = code.register();
  for (const [offset, uses] of inputUses(shape, vectors)) {
    code.load(pixels, INPUT, offset);
    for (const { vector, tap } of uses) {
      const known = weights.get(tap);
      const weight = known ?? code.register();
      if (known === undefined) {
        code.broadcast(weight, WEIGHT, tap * FLOAT_BYTES);
        weights.set(tap, weight);
      }
      const sum = sums[vector];
      if (sum !== undefined) code.fma(sum, pixels, weight);
    }
  }
  storeSums(code, shape, sums, vectors);
}

/** A tile that broadcasts each weight once, for all its vectors. */
function writeTileByTaps(
  code: ProgramBuilder,
  shape: DirectShape,
  vectors: readonly TileVector[],
): void {
  const sums = initialSums(code, shape, vectors.length);
  const [pixels, weight] = [code.register(), code.register()];
  listTerms(shape.taps).forEach((tapOffset, tap) => {
    code.broadcast(weight, WEIGHT, tap * FLOAT_BYTES);
    vectors.forEach(({ input }, vector) => {
      const sum = sums[vector];
      if (sum === undefined) return;
      code.load(pixels, INPUT, input + tapOffset);
      code.fma(sum, pixels, weight);
    });
  });
  storeSums(code, shape, sums, vectors);
}

function initialSums(code: ProgramBuilder, { hasBias }: DirectShape, count: number): Register[] {
  const sums = code.registers(count);
  for (const sum of sums) {
    if (hasBias) code.broadcast(sum, BIAS);
    else code.zero(sum);
  }
  return sums;
}

function storeSums(
  code: ProgramBuilder,
  shape: DirectShape,
  sums: readonly Register[],
  vectors: readonly TileVector[],
): void {
  vectors.forEach(({ output, lanes }, vector) => {
    const sum = sums[vector];
    if (sum !== undefined) storePixels(code, shape, sum, output, lanes);
  });
}
