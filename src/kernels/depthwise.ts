/**
 * Depthwise convolution of a packed input: every input channel has output channels of its own.
 *
 * There is no sum over channels, so what is loaded serves few multiplications. The tile is therefore
 * some output rows by one vector of pixels, or some vectors of a single row: an input vector is loaded
 * once for all the outputs that see it, and the weights of all taps stay in registers (or, where they
 * are many, on the stack, which is read without a check) along the whole row. Machine code does not
 * spill: what does not fit into its registers is broadcast at every use.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type Program,
  type ProgramBuilder,
  type Register,
} from "../codegen/program.ts";
import {
  type DirectShape,
  outputSteps,
  storePixels,
  sweepGroups,
  type TileBlock,
  tileBuilder,
  type TileVector,
  tileVectors,
} from "./direct.ts";

const INPUT: Pointer = 0;
const WEIGHT: Pointer = 1;
const BIAS: Pointer = 2;

/** Beyond this many taps their weights no longer pay for being held. */
const MOST_TAPS = 49;

/** Output rows of a register tile, and vectors of pixels where there are fewer rows. */
const ROWS = 4;

/** Whether the family applies: one input channel, and taps few enough to be held. */
export function isDepthwise({ inChannels, taps }: DirectShape): boolean {
  return inChannels === 1 && taps.length >= 1 && taps.length <= MOST_TAPS;
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

/** Weights that are held, by the lanes of a vector: WebAssembly's compiler has the stack as well. */
const MOST_HELD: Readonly<Record<number, number>> = { 4: MOST_TAPS, 8: 7, 16: 22 };

function writeChannel(code: ProgramBuilder, shape: DirectShape, block: TileBlock): void {
  const isHeld = shape.taps.length <= (MOST_HELD[shape.lanes] ?? 0);
  const weights = isHeld ? shape.taps.map((_, tap) => loadWeight(code, tap)) : null;
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

function loadWeight(code: ProgramBuilder, tap: number): Register {
  const weight = code.register();
  code.broadcast(weight, WEIGHT, tap * FLOAT_BYTES);
  return weight;
}

/** What stays in registers for a whole channel. */
interface Channel {
  readonly bias: Register;
  /** `null` where they are too many. */
  readonly weights: readonly Register[] | null;
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
      const weight = weights?.[tap] ?? loadWeight(code, tap);
      if (sum !== undefined) code.fma(sum, pixels, weight);
    }
  }
  vectors.forEach(({ output, lanes }, vector) => {
    const sum = sums[vector];
    if (sum !== undefined) storePixels(code, shape, sum, output, lanes);
  });
}

/** One multiplication: which vector's sum an input vector goes to, and with which tap. */
interface Use {
  readonly vector: number;
  readonly tap: number;
}

/** Every input vector that some vectors of outputs see, in memory order, with its uses. */
function inputUses(
  { taps }: DirectShape,
  vectors: readonly TileVector[],
): [offset: number, uses: Use[]][] {
  const uses = new Map<number, Use[]>();
  vectors.forEach(({ input }, vector) => {
    taps.forEach((tapOffset, tap) => {
      const known = uses.get(input + tapOffset);
      if (known === undefined) uses.set(input + tapOffset, [{ vector, tap }]);
      else known.push({ vector, tap });
    });
  });
  return [...uses].sort(([a], [b]) => a - b);
}
