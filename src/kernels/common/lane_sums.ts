/**
 * One number of the lanes of each of several vectors.
 *
 * @module
 */

import type { ProgramBuilder, Register } from "../../codegen/program.ts";
import { range } from "../../base/numbers.ts";

/** Makes a vector of two, lane by lane, in the first of them. */
export type Combine = (total: Register, value: Register) => void;

/** The sums of the lanes of vectors, as {@linkcode combineLanes} takes them. */
export function sumLanes(code: ProgramBuilder, vectors: readonly Register[]): Register {
  return combineLanes(code, vectors, (total, value) => code.add(total, total, value));
}

/**
 * Lane `i` becomes what is made of all lanes of vector `i`; lanes behind the last vector hold anything. Each
 * step combines the halves of every part of two vectors, of which it makes one. So the lanes of each are taken in the
 * same order, whatever it is taken together with.
 *
 * @param vectors At most as many as a vector has lanes.
 */
export function combineLanes(
  code: ProgramBuilder,
  vectors: readonly Register[],
  combine: Combine,
): Register {
  let sums = vectors;
  for (let half = code.lanes / 2; half >= 1; half /= 2) {
    const pairs = range(Math.ceil(sums.length / 2));
    sums = pairs.map((pair) =>
      combineHalves(code, sums[2 * pair] ?? 0, sums[2 * pair + 1], half, combine)
    );
  }
  const [sum] = sums;
  if (sum === undefined) throw new RangeError("Expected vectors whose lanes to sum, but none came");
  return sum;
}

/** The parts of two vectors, one behind the other, each made of its halves. */
function combineHalves(
  code: ProgramBuilder,
  a: Register,
  b: Register = a,
  half: number,
  combine: Combine,
): Register {
  const { lanes } = code;
  const parts = range(lanes / half).map((part) => 2 * part * half);
  const [low = a, high = a] = [0, half].map((start) => {
    const picked = code.register();
    code.shuffle(picked, a, b, parts.flatMap((part) => range(half).map((i) => part + start + i)));
    return picked;
  });
  combine(low, high);
  return low;
}
