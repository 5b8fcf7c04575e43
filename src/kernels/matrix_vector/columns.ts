/**
 * Products of vectors and a matrix that has the weights of a term side by side, as transposed convolutions
 * have them. The outputs are in the lanes: some terms of all outputs of a tile are added, then the next, so
 * that a few long runs of weights are read at a time. Between them sums lie in scratch memory.
 *
 * Milliseconds of one thread, by stride phases and so, frozen:
 *
 * | transposed 4x4 @1 | AVX-512 | WebAssembly |
 * | --- | --- | --- |
 * | 100>1024 | 0.33, 0.31 | 0.66, 0.33 |
 * | 100>1024, batch of 16 | 4.49, 0.97 | 17.4, 2.59 |
 *
 * In tiles of 64, 256, 512 and 1024 outputs 512>512 took 0.89, 0.81, 0.74 and 0.74 milliseconds with AVX-512,
 * 2.75, 2.33, 2.16 and 1.71 in WebAssembly, half of that since only the pointers move that a pass uses.
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
  OUTPUT,
  PARAMETERS,
  SCRATCH,
  WEIGHT,
  writeBlocks,
} from "./shape.ts";

/** Items that a weight is loaded for. */
const MOST_ITEMS = 4;

/** Inputs that are held in registers: one for every term and item. */
const HELD_INPUTS: Readonly<Record<Target["name"], number>> = { wasm: 8, avx2: 8, avx512: 16 };

/** Runs of weights that are read at once. */
const MOST_TERMS = 8;

/** Vectors of outputs of a turn of the loop over them. */
const VECTORS = 2;

/** Outputs of a tile, unless that leaves too few tiles: shorter runs of weights are read more slowly. */
const LEAST_RUN = 512;
const SHORTEST_RUN = 64;
const ENOUGH_TILES = 4;

/** What is held at a time. */
interface ColumnTile {
  readonly terms: number;
  readonly items: number;
}

/** Tiles of parts of all rows. */
export function columnKernel(shape: MatrixShape, batch: number): MatrixKernel {
  const tile = columnTile(shape, batch);
  const some = shape.outChannels / ENOUGH_TILES;
  return {
    outChannels: Math.min(LEAST_RUN, Math.ceil(some / SHORTEST_RUN) * SHORTEST_RUN),
    weightStep: FLOAT_BYTES,
    scratchBytes: ({ outChannels }) => tile.items * sumPitch(shape.target, outChannels),
    write: (block) => columnsProgram(shape, block, tile),
  };
}

/** Items, and terms that leave registers for them. */
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
  const pass = (terms: number, begin: SumEnd, end: SumEnd) => {
    writePass(code, shape, outChannels, { terms, items, input, weight, begin, end });
    code.advance(input, terms * FLOAT_BYTES);
    code.advance(weight, terms * shape.outChannels * FLOAT_BYTES);
  };
  const first = shape.terms - (passes - 1) * terms;
  pass(first, finished.begin, passes === 1 ? finished.end : kept.end);
  code.loop(passes - 2, () => pass(terms, kept.begin, kept.end));
  if (passes > 1) pass(terms, kept.begin, finished.end);
}

/** How the sums of a pass come from memory, or go there. */
interface SumEnd {
  /** What moves along with them. */
  readonly pointers: readonly Pointer[];
  /** Writes that for a vector of an item's sums, of which `lanes` count. */
  write(sum: Register, item: number, offset: number, lanes: number): void;
}

/** How a sum begins and ends a pass. */
interface Ends {
  readonly begin: SumEnd;
  readonly end: SumEnd;
}

/** Sums that lie in scratch memory between two passes. */
function keptSums(code: ProgramBuilder, { target }: MatrixShape, outChannels: number): Ends {
  const pitch = sumPitch(target, outChannels);
  const pointers = [SCRATCH];
  return {
    begin: {
      pointers,
      write: (sum, item, offset) => code.load(sum, SCRATCH, item * pitch + offset),
    },
    end: {
      pointers,
      write: (sum, item, offset) => code.store(sum, SCRATCH, item * pitch + offset),
    },
  };
}

/** Sums that begin as biases, and end as outputs. */
function finishedSums(code: ProgramBuilder, shape: MatrixShape): Ends {
  const { hasBias, outputPitch, epilogue } = shape;
  return {
    begin: {
      pointers: hasBias ? [BIAS] : [],
      write: (sum, _item, offset, lanes) => {
        if (hasBias) code.load(sum, BIAS, offset, lanes);
        else code.zero(sum);
      },
    },
    end: {
      pointers: epilogue.add ? [OUTPUT, ADD] : [OUTPUT],
      write: (sum, item, offset, lanes) => {
        const from = item * outputPitch + offset;
        const pixels = { output: OUTPUT, add: ADD, offset: from, pixelStep: FLOAT_BYTES, lanes };
        writeOutput(code, sum, pixels, epilogue);
      },
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
  const writeVector = (offset: number, count: number) => {
    sums.forEach((sum, item) => begin.write(sum, item, offset, count));
    for (const term of range(terms)) {
      code.load(element, weight, term * shape.outChannels * FLOAT_BYTES + offset, count);
      sums.forEach((sum, item) => code.fma(sum, held[item]?.[term] ?? 0, element));
    }
    sums.forEach((sum, item) => end.write(sum, item, offset, count));
  };
  const vectorBytes = lanes * FLOAT_BYTES;
  const pointers = [...new Set([weight, ...begin.pointers, ...end.pointers])];
  const along = pointers.map((pointer) => [pointer, vectorBytes] as const);
  const vectors = Math.floor(outChannels / lanes);
  writeBlocks(code, vectors, VECTORS, along, (count) => {
    for (const vector of range(count)) writeVector(vector * vectorBytes, lanes);
  });
  const rest = outChannels % lanes;
  if (rest > 0) code.displaced(along, vectors, () => writeVector(0, rest));
}
