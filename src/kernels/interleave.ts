/**
 * Sorting the elements of consecutive vectors by their remainder, and back, in steps of two vectors.
 *
 * @module
 */

import type { ProgramBuilder, Register } from "../codegen/program.ts";

/** Lane `t` of result `j` is element `m t + j` of `m` consecutive vectors, `m` a power of two. */
export function deinterleave(code: ProgramBuilder, vectors: readonly Register[]): Register[] {
  const [a, b] = vectors;
  if (a === undefined || b === undefined) return [...vectors];
  const { lanes } = code;
  const split = (parity: number) => {
    const picked = Array.from({ length: lanes }, (_, i) => 2 * i + parity);
    const halves: Register[] = [];
    for (let i = 0; i < vectors.length; i += 2) {
      const half = code.register();
      code.shuffle(half, vectors[i] ?? a, vectors[i + 1] ?? b, picked);
      halves.push(half);
    }
    return deinterleave(code, halves);
  };
  const [even, odd] = [split(0), split(1)];
  return even.flatMap((register, i) => [register, odd[i] ?? register]);
}

/** The inverse of {@linkcode deinterleave}, of any number of vectors. */
export function interleave(code: ProgramBuilder, vectors: readonly Register[]): Register[] {
  const count = vectors.length;
  if (count < 2) return [...vectors];
  if (count % 2 === 1) return vectors.map((_, result) => pick(code, vectors, result));
  const { lanes } = code;
  const even = interleave(code, vectors.filter((_, i) => i % 2 === 0));
  const odd = interleave(code, vectors.filter((_, i) => i % 2 === 1));
  return even.flatMap((a, i) => {
    const b = odd[i] ?? a;
    return [0, lanes / 2].map((first) => {
      const mixed = code.register();
      const picked = Array.from(
        { length: lanes },
        (_, lane) => first + Math.floor(lane / 2) + lane % 2 * lanes,
      );
      code.shuffle(mixed, a, b, picked);
      return mixed;
    });
  });
}

/** Vector `result` of interleaved ones, put together from one vector after the other. */
function pick(code: ProgramBuilder, vectors: readonly Register[], result: number): Register {
  const { lanes } = code;
  const count = vectors.length;
  return vectors.reduce((picked, vector, source) => {
    const mixed = code.register();
    const from = Array.from({ length: lanes }, (_, lane) => {
      const element = result * lanes + lane;
      const place = Math.floor(element / count);
      if (element % count === source) return lanes + place;
      return source === 1 ? place : lane;
    });
    code.shuffle(mixed, picked, vector, from);
    return mixed;
  });
}
