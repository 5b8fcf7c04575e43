/**
 * The sums of the lanes of vectors, several vectors at a time.
 *
 * @module
 */

import type { ProgramBuilder, Register } from "../../codegen/program.ts";
import { range } from "../../base/numbers.ts";

/**
 * Lane `i` becomes the sum of all lanes of vector `i`; lanes behind the last vector hold anything. Each
 * step adds the halves of every part of two vectors, of which it makes one. So each sum is taken in the same
 * order, whatever it is taken together with.
 *
 * @param vectors At most as many as a vector has lanes.
 */
export function sumLanes(code: ProgramBuilder, vectors: readonly Register[]): Register {
  let sums = vectors;
  for (let half = code.lanes / 2; half >= 1; half /= 2) {
    const pairs = range(Math.ceil(sums.length / 2));
    sums = pairs.map((pair) => addHalves(code, sums[2 * pair] ?? 0, sums[2 * pair + 1], half));
  }
  const [sum] = sums;
  if (sum === undefined) throw new RangeError("Expected vectors whose lanes to sum, but none came");
  return sum;
}

/** The parts of two vectors, one behind the other, each the sum of its halves. */
function addHalves(
  code: ProgramBuilder,
  a: Register,
  b: Register = a,
  half: number,
): Register {
  const { lanes } = code;
  const parts = range(lanes / half).map((part) => 2 * part * half);
  const [low, high] = [0, half].map((start) => {
    const picked = code.register();
    code.shuffle(picked, a, b, parts.flatMap((part) => range(half).map((i) => part + start + i)));
    return picked;
  });
  const sum = code.register();
  code.add(sum, low ?? a, high ?? a);
  return sum;
}
