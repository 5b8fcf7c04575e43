/**
 * Products of vectors and a matrix that has the weights of an output side by side. The terms of a sum are in
 * the lanes, so the weights are read as they lie: a few rows at a time, once for several items.
 *
 * Milliseconds of one thread, of a copy of the weights, and of the frozen layer by the kernels that take it
 * otherwise, and by this:
 *
 * | layer | copy | AVX-512 | WebAssembly |
 * | --- | --- | --- | --- |
 * | 7x7 512>4096 @7 | 39.6 | 27.2, 26.2 | 33.3, 32.3 |
 * | 1x1 4096>4096 @1 | 10.5 | 2.75, 2.67 | 8.31, 5.63 |
 * | the same, batch of 8 | 9.9 | 30.1, 6.95 | 58.8, 12.3 |
 * | 1x1 2048>1000 @1 | 0.59 | 0.46, 0.38 | 0.69, 0.35 |
 * | the same, batch of 8 | 0.61 | 2.57, 0.53 | 6.62, 1.09 |
 * | 6x6 256>10 @6 | 0.010 | 0.031, 0.019 | 0.045, 0.025 |
 * | 7x7 512 depthwise @7 | 0.003 | 0.032, 0.018 | 0.046, 0.022 |
 * | 3x3 256>256 dilation and padding 12 @1 | 0.17 | 0.171, 0.017 | 0.244, 0.018 |
 *
 * In another run the first took 42.9 where a loop that only adds up its weights took 40.2. On a busy machine,
 * with 1, 2, 4, 8 and 16 rows at a time: 76.6, 59.8, 56.6, 63.2, 64.6; 4096>4096 10.7, 6.9, 10.4, 4.7, 8.8;
 * 2048>1000 0.51, 0.46, 0.46, 0.44, 0.43. A batch of 16 of the latter, 1, 2, 3, 4 and 6 items at a time: 1.31,
 * 0.98, 0.87, 0.78, 0.89 with AVX-512; 2.86, 2.38, 2.31, 2.45, 3.43 in WebAssembly.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder, type Register } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { range } from "../../base/numbers.ts";
import { evenParts, usableRegisters } from "../common/register_tile.ts";
import { writeOutput } from "../common/store.ts";
import { sumLanes } from "../common/lane_sums.ts";
import {
  ADD,
  BIAS,
  groupSteps,
  INPUT,
  itemSteps,
  type MatrixBlock,
  type MatrixKernel,
  type MatrixShape,
  OUTPUT,
  outputSteps,
  PARAMETERS,
  WEIGHT,
} from "./shape.ts";

/** Rows that are read at once: more than hide the latency of a multiply-add gain nothing. */
const MOST_ROWS = 8;

/** Items that a weight is loaded for. */
const MOST_ITEMS: Readonly<Record<Target["name"], number>> = { wasm: 3, avx2: 3, avx512: 4 };

/** Multiply-adds of a turn of the loop over a sum. */
const UNROLLED = 64;

/** The sums of a register tile. */
interface RowTile {
  readonly rows: number;
  readonly items: number;
}

/** Tiles of whole rows. */
export function rowKernel(shape: MatrixShape, batch: number): MatrixKernel {
  const tile = rowTile(shape, batch);
  return {
    outChannels: tile.rows,
    weightStep: shape.terms * FLOAT_BYTES,
    scratchBytes: () => 0,
    write: (block) => rowsProgram(shape, block, tile),
  };
}

/** Items, and rows that leave registers for them. */
function rowTile({ target, outChannels }: MatrixShape, batch: number): RowTile {
  const { size: items } = evenParts(batch, MOST_ITEMS[target.name]);
  const inRegisters = Math.floor((usableRegisters(target) - items - 1) / items);
  const most = Math.min(MOST_ROWS, inRegisters);
  return { rows: evenParts(outChannels, most).size, items };
}

/** Writes the program of a tile. */
function rowsProgram(shape: MatrixShape, block: MatrixBlock, tile: RowTile): Program {
  const { target, terms } = shape;
  const { groups, outChannels, items } = block;
  const code = new ProgramBuilder(
    `matrix-vector ${groups}x${outChannels}oc x ${items}, ${terms} terms, ` +
      `tile ${tile.rows}oc x ${tile.items}`,
    target.lanes,
    PARAMETERS,
  );
  const rowSteps = [[WEIGHT, terms * FLOAT_BYTES], ...outputSteps(shape, FLOAT_BYTES)] as const;
  code.blocks(groups, 1, groupSteps(shape), () => {
    code.blocks(outChannels, tile.rows, rowSteps, (rows) => {
      code.blocks(items, tile.items, itemSteps(shape), (items) => {
        writeTile(code, shape, { rows, items });
      });
    });
  });
  return code.build();
}

/** The sums of some rows by some items, in registers throughout. */
function writeTile(code: ProgramBuilder, shape: MatrixShape, { rows, items }: RowTile): void {
  const { hasBias, epilogue, outputPitch } = shape;
  const sums = range(items).map(() => code.registers(rows));
  for (const sum of sums.flat()) code.zero(sum);
  writeProducts(code, shape, sums);
  sums.forEach((ofItem, item) => {
    // A vector has the rows of an item, or some of them.
    for (let row = 0; row < rows; row += code.lanes) {
      const some = ofItem.slice(row, row + code.lanes);
      const sum = sumLanes(code, some);
      if (hasBias) {
        const bias = code.register();
        code.load(bias, BIAS, row * FLOAT_BYTES, some.length);
        code.add(sum, sum, bias);
      }
      writeOutput(code, sum, {
        output: OUTPUT,
        add: ADD,
        offset: item * outputPitch + row * FLOAT_BYTES,
        pixelStep: FLOAT_BYTES,
        lanes: some.length,
      }, epilogue);
    }
  });
}

/** Adds all products to the sums of each item's rows, lane by lane. */
function writeProducts(
  code: ProgramBuilder,
  { terms, inputPitch }: MatrixShape,
  sums: readonly (readonly Register[])[],
): void {
  const { lanes } = code;
  const vectorBytes = lanes * FLOAT_BYTES;
  const weight = code.pointer(WEIGHT);
  const input = code.pointer(INPUT);
  const element = code.register();
  const inputs = code.registers(sums.length);
  const writeVector = (offset: number, count: number) => {
    inputs.forEach((register, item) => {
      code.load(register, input, item * inputPitch + offset, count);
    });
    for (const row of (sums[0] ?? []).keys()) {
      code.load(element, weight, row * terms * FLOAT_BYTES + offset, count);
      sums.forEach((ofItem, item) => code.fma(ofItem[row] ?? 0, inputs[item] ?? 0, element));
    }
  };
  const vectors = Math.floor(terms / lanes);
  const unroll = Math.max(1, Math.floor(UNROLLED / sums.flat().length));
  const along = [[input, vectorBytes], [weight, vectorBytes]] as const;
  code.blocks(vectors, unroll, along, (count) => {
    for (const vector of range(count)) writeVector(vector * vectorBytes, lanes);
  });
  const rest = terms % lanes;
  if (rest > 0) code.displaced(along, vectors, () => writeVector(0, rest));
}
