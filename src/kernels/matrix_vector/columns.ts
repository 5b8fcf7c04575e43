/**
 * Products of vectors and a matrix that has the weights of a term side by side, as transposed convolutions
 * have them. The outputs are in the lanes: some terms of all outputs of a tile are added, then the next, so
 * that a few long runs of weights are read at a time. Between them sums lie in scratch memory.
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
import { range } from "../../base/numbers.ts";
import { evenParts } from "../common/register_tile.ts";
import { writeOutput } from "../common/store.ts";
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
  SCRATCH,
  WEIGHT,
  writeBlocks,
} from "./shape.ts";

/** Inputs that are held in registers: one for every term and item. */
const HELD_INPUTS: Readonly<Record<Target["name"], number>> = { wasm: 8, avx2: 8, avx512: 16 };

/** Runs of weights that are read at once. */
const MOST_TERMS = 8;

/** Outputs that a tile has a whole number of times: shorter runs of weights are read more slowly. */
const LEAST_RUN = 64;

/** What is held at a time. */
interface ColumnTile {
  readonly terms: number;
  readonly items: number;
}

/** Tiles of parts of all rows. */
export function columnKernel(shape: MatrixShape, batch: number): MatrixKernel {
  const tile = columnTile(shape, batch);
  return {
    outChannels: LEAST_RUN,
    weightStep: FLOAT_BYTES,
    scratchBytes: ({ outChannels }) => tile.items * sumPitch(shape.target, outChannels),
    write: (block) => columnsProgram(shape, block, tile),
  };
}

/** Up to four items, and terms that leave registers for them. */
function columnTile({ target }: MatrixShape, batch: number): ColumnTile {
  const { size: items } = evenParts(batch, MOST_ITEMS);
  return { items, terms: Math.min(MOST_TERMS, Math.floor(HELD_INPUTS[target.name] / items)) };
}

/** Bytes from the kept sums of an item to those of the next: whole vectors. */
function sumPitch({ lanes }: Target, outChannels: number): number {
  return Math.ceil(outChannels / lanes) * lanes * FLOAT_BYTES;
}

/** Writes the program of a tile. */
function columnsProgram(shape: MatrixShape, block: MatrixBlock, tile: ColumnTile): Program {
  const { target, terms } = shape;
  const { groups, outChannels, items } = block;
  const code = new ProgramBuilder(
    `matrix-vector ${groups}x${outChannels}oc x ${items}, ${terms} terms, ` +
      `${tile.terms} terms x ${tile.items} at a time`,
    target.lanes,
    PARAMETERS,
  );
  writeBlocks(code, groups, 1, groupSteps(shape), () => {
    writeBlocks(code, items, tile.items, itemSteps(shape), (items) => {
      writeSums(code, shape, outChannels, { ...tile, items });
    });
  });
  return code.build();
}

/** All sums of some items: the terms that do not make a whole pass come first. */
function writeSums(
  code: ProgramBuilder,
  shape: MatrixShape,
  outChannels: number,
  { terms, items }: ColumnTile,
): void {
  const passes = Math.ceil(shape.terms / terms);
  const input = code.pointer(INPUT);
  const weight = code.pointer(WEIGHT);
  const kept = keptSums(code, shape, outChannels);
  const finished = finishedSums(code, shape);
  const pass = (terms: number, begin: WriteSum, end: WriteSum) => {
    writePass(code, shape, outChannels, { terms, items, input, weight, begin, end });
    code.advance(input, terms * FLOAT_BYTES);
    code.advance(weight, terms * shape.outChannels * FLOAT_BYTES);
  };
  const first = shape.terms - (passes - 1) * terms;
  pass(first, finished.begin, passes === 1 ? finished.end : kept.end);
  code.loop(passes - 2, () => pass(terms, kept.begin, kept.end));
  if (passes > 1) pass(terms, kept.begin, finished.end);
}

/** Writes how a vector of an item's sums comes from memory or goes there; `count` of its lanes count. */
type WriteSum = (sum: Register, item: number, count: number) => void;

/** How a sum begins and ends a pass. */
interface Ends {
  readonly begin: WriteSum;
  readonly end: WriteSum;
}

/** Sums that lie in scratch memory between two passes. */
function keptSums(code: ProgramBuilder, { target }: MatrixShape, outChannels: number): Ends {
  const pitch = sumPitch(target, outChannels);
  return {
    begin: (sum, item) => code.load(sum, SCRATCH, item * pitch),
    end: (sum, item) => code.store(sum, SCRATCH, item * pitch),
  };
}

/** Sums that begin as biases, and end as outputs. */
function finishedSums(code: ProgramBuilder, shape: MatrixShape): Ends {
  const { hasBias, outputPitch, epilogue } = shape;
  return {
    begin: (sum, _item, count) => {
      if (hasBias) code.load(sum, BIAS, 0, count);
      else code.zero(sum);
    },
    end: (sum, item, count) => {
      const offset = item * outputPitch;
      const pixels = { output: OUTPUT, add: ADD, offset, pixelStep: FLOAT_BYTES, lanes: count };
      writeOutput(code, sum, pixels, epilogue);
    },
  };
}

/** Some terms of all sums. */
interface Pass extends ColumnTile, Ends {
  readonly input: Pointer;
  readonly weight: Pointer;
}

function writePass(
  code: ProgramBuilder,
  shape: MatrixShape,
  outChannels: number,
  { terms, items, input, weight, begin, end }: Pass,
): void {
  const { lanes } = code;
  const held = range(items).map((item) => {
    const registers = code.registers(terms);
    registers.forEach((register, term) => {
      code.broadcast(register, input, item * shape.inputPitch + term * FLOAT_BYTES);
    });
    return registers;
  });
  const sums = code.registers(items);
  const element = code.register();
  const writeVector = (count: number) => {
    sums.forEach((sum, item) => begin(sum, item, count));
    for (const term of range(terms)) {
      code.load(element, weight, term * shape.outChannels * FLOAT_BYTES, count);
      sums.forEach((sum, item) => code.fma(sum, held[item]?.[term] ?? 0, element));
    }
    sums.forEach((sum, item) => end(sum, item, count));
  };
  const vectorBytes = lanes * FLOAT_BYTES;
  const along = [
    [weight, vectorBytes],
    [SCRATCH, vectorBytes],
    ...outputSteps(shape, vectorBytes),
  ] as const;
  const full = Math.floor(outChannels / lanes);
  code.sweep(full, along, () => writeVector(lanes));
  const rest = outChannels % lanes;
  if (rest > 0) code.displaced(along, full, () => writeVector(rest));
}
