/**
 * Depthwise convolution: every input channel has output channels of its own.
 *
 * There is no sum over channels, so what is loaded serves few multiplications. The tile is therefore
 * some output rows by one vector of pixels: an input vector is loaded once for all the rows that see
 * it, and the weights of all taps stay in registers along the whole row.
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
  sweepGroups,
  type TileBlock,
  tileBuilder,
  writePixels,
} from "./direct.ts";

const INPUT: Pointer = 0;
const WEIGHT: Pointer = 1;
const BIAS: Pointer = 2;
const OUTPUT: Pointer = 3;

/** Beyond this many taps their weights no longer pay for being held. */
const MOST_TAPS = 49;

/** Output rows of a register tile. */
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
    [OUTPUT, shape.outputChannelPitch],
  ] as const;
  sweepGroups(code, shape, block.groups, () => {
    code.sweep(block.outChannels, steps, () => writeChannel(code, shape, block));
  });
  return code.build();
}

function writeChannel(code: ProgramBuilder, shape: DirectShape, block: TileBlock): void {
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
  const steps = [[INPUT, ROWS * shape.rowStep], [OUTPUT, ROWS * shape.outputRowStep]] as const;
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
  const { lanes, pixelStep } = shape;
  const full = Math.floor(columns / lanes);
  const rest = columns % lanes;
  const steps = [[INPUT, lanes * FLOAT_BYTES], [OUTPUT, lanes * pixelStep]] as const;
  code.sweep(full, steps, () => writeTile(code, shape, channel, rows, lanes));
  if (rest === 0) return;
  code.displaced(steps, full, () => writeTile(code, shape, channel, rows, rest));
}

/** `rows` rows by one vector of `lanes` pixels. */
function writeTile(
  code: ProgramBuilder,
  shape: DirectShape,
  { bias, weights }: Channel,
  rows: number,
  lanes: number,
): void {
  const sums = code.registers(rows);
  for (const sum of sums) code.copy(sum, bias);
  const pixels = code.register();
  for (const [offset, uses] of inputUses(shape, rows)) {
    code.load(pixels, INPUT, offset);
    for (const { row, tap } of uses) {
      const sum = sums[row];
      const weight = weights[tap];
      if (sum !== undefined && weight !== undefined) code.fma(sum, pixels, weight);
    }
  }
  sums.forEach((sum, row) => {
    writePixels(code, sum, OUTPUT, row * shape.outputRowStep, shape.pixelStep, lanes);
  });
}

/** One multiplication: which row's sum an input vector goes to, and with which tap. */
interface Use {
  readonly row: number;
  readonly tap: number;
}

/** Every input vector that `rows` rows see, in memory order, with what it is used for. */
function inputUses({ taps, rowStep }: DirectShape, rows: number): [offset: number, uses: Use[]][] {
  const uses = new Map<number, Use[]>();
  for (let row = 0; row < rows; row++) {
    taps.forEach((tapOffset, tap) => {
      const offset = row * rowStep + tapOffset;
      const known = uses.get(offset);
      if (known === undefined) uses.set(offset, [{ row, tap }]);
      else known.push({ row, tap });
    });
  }
  return [...uses].sort(([a], [b]) => a - b);
}
