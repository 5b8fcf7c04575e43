/**
 * Products of vectors and a matrix that has the weights of an output side by side. The terms of a sum are in
 * the lanes, so the weights are read as they lie: a few rows at a time, once for several items.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder, type Register } from "../../codegen/program.ts";
import { range } from "../../base/numbers.ts";
import { evenParts, usableRegisters } from "../common/register_tile.ts";
import { writeOutput } from "../common/store.ts";
import { sumLanes } from "./lane_sums.ts";
import {
  ADD,
  BIAS,
  groupSteps,
  INPUT,
  itemSteps,
  type MatrixBlock,
  type MatrixKernel,
  type MatrixShape,
  MOST_ITEMS,
  OUTPUT,
  outputSteps,
  PARAMETERS,
  WEIGHT,
  writeBlocks,
} from "./shape.ts";

/** Rows that are read at once: more than hide the latency of a multiply-add gain nothing. */
const MOST_ROWS = 8;

/** Multiply-adds of a turn of the loop over a sum. */
const UNROLLED = 32;

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

/** Up to four items, and rows that leave registers for them. */
function rowTile({ target, outChannels }: MatrixShape, batch: number): RowTile {
  const { size: items } = evenParts(batch, MOST_ITEMS);
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
  writeBlocks(code, groups, 1, groupSteps(shape), () => {
    writeBlocks(code, outChannels, tile.rows, rowSteps, (rows) => {
      writeBlocks(code, items, tile.items, itemSteps(shape), (items) => {
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
  writeBlocks(code, vectors, unroll, along, (count) => {
    for (const vector of range(count)) writeVector(vector * vectorBytes, lanes);
  });
  const rest = terms % lanes;
  if (rest > 0) code.displaced(along, vectors, () => writeVector(0, rest));
}
