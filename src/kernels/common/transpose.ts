/**
 * Transposition of a block of vectors: from one vector of channels for each pixel to one vector of
 * pixels for each channel.
 *
 * Four lanes are a block. Within blocks two steps of pairs transpose what four vectors have there;
 * then the blocks themselves change places. Each step is one instruction on any target.
 *
 * @module
 */

import type { ProgramBuilder, Register } from "../../codegen/program.ts";
import { range } from "../../base/numbers.ts";

/** Lanes within which vectors are transposed first. */
const BLOCK = 4;

/** Registers that a transposition takes besides its rows, of which it makes whole blocks. */
export function transposeRegisters(rows: number): number {
  const quads = Math.ceil(rows / BLOCK);
  // Three quads exchange blocks with a fourth one, which takes a register more.
  return quads * BLOCK - rows + (quads === 3 ? 3 : 2);
}

/**
 * Transposes at most as many rows as a vector has lanes. Lane `i` of column `c` is lane `c` of row `i`;
 * lanes behind the last row hold anything.
 *
 * @param each Takes a column as soon as it is there; its register may be changed.
 */
export function transpose(
  code: ProgramBuilder,
  rows: readonly Register[],
  each: (column: Register, index: number) => void,
): void {
  const { lanes } = code;
  const quads = range(Math.ceil(rows.length / BLOCK)).map((q) =>
    transposeQuad(code, rows.slice(q * BLOCK, (q + 1) * BLOCK))
  );
  range(BLOCK).forEach((j) => {
    const vectors = quads.flatMap((quad) => quad.slice(j, j + 1));
    exchangeBlocks(
      code,
      vectors,
      lanes / BLOCK,
      (column, block) => each(column, block * BLOCK + j),
    );
  });
}

/** Block `b` of result `j` has lane `4 b + j` of up to four rows. */
function transposeQuad(code: ProgramBuilder, rows: readonly Register[]): Register[] {
  const last = rows.length - 1;
  const row = (i: number) => rows[Math.min(i, last)] ?? 0;
  const pair = (a: Register, b: Register, picked: readonly number[]) => {
    const mixed = code.register();
    code.shuffle(mixed, a, b, inEveryBlock(code.lanes, picked));
    return mixed;
  };
  // Numbers of lanes within a block, of the second source from 4 on.
  const [low, high] = [[0, 4, 1, 5], [2, 6, 3, 7]] as const;
  const [first, second] = [[0, 1, 4, 5], [2, 3, 6, 7]] as const;
  const top = [pair(row(0), row(1), low), pair(row(0), row(1), high)];
  const bottom = last < 2 ? top : [pair(row(2), row(3), low), pair(row(2), row(3), high)];
  return top.flatMap((a, i) => {
    const b = bottom[i] ?? a;
    return [pair(a, b, first), pair(a, b, second)];
  });
}

/** A shuffle that does the same in every block of both sources. */
function inEveryBlock(lanes: number, picked: readonly number[]): number[] {
  return range(lanes).map((lane) => {
    const from = picked[lane % BLOCK] ?? 0;
    const base = lane - lane % BLOCK;
    return from < BLOCK ? base + from : lanes + base + from - BLOCK;
  });
}

/** Result `b` is block `b` of each vector in turn. */
function exchangeBlocks(
  code: ProgramBuilder,
  vectors: readonly Register[],
  blocks: number,
  each: (result: Register, block: number) => void,
): void {
  const [a = 0, b = a, c, d] = vectors;
  const join = (x: Register, y: Register, picked: readonly number[]) => {
    const joined = code.register();
    code.shuffle(
      joined,
      x,
      y,
      picked.flatMap((block) => range(BLOCK).map((i) => block * BLOCK + i)),
    );
    return joined;
  };
  if (blocks === 1) return each(a, 0);
  if (vectors.length === 1) {
    // The one that is there already comes last, as its taker may change it.
    for (let block = blocks - 1; block > 0; block--) {
      each(join(a, a, range(blocks).map(() => block)), block);
    }
    return each(a, 0);
  }
  if (blocks === 2) {
    range(blocks).forEach((block) => each(join(a, b, [block, blocks + block]), block));
    return;
  }
  const [even, odd] = [[0, 2, 4, 6], [1, 3, 5, 7]];
  const top = [even, odd].map((picked) => join(a, b, picked));
  const bottom = c === undefined ? top : [even, odd].map((picked) => join(c, d ?? c, picked));
  top.forEach((x, i) => {
    const y = bottom[i] ?? x;
    const [first, second] = [join(x, y, even), join(x, y, odd)];
    each(first, i);
    each(second, i + 2);
  });
}
