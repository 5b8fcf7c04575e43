/**
 * Sorting the elements of consecutive vectors by their remainder, and back, in steps of two vectors.
 *
 * @module
 */

import type { ProgramBuilder, Register } from "../../codegen/program.ts";
import { range } from "../../base/numbers.ts";

/** Lane `t` of result `j` is element `m t + j` of `m` consecutive vectors. */
export function deinterleave(code: ProgramBuilder, vectors: readonly Register[]): Register[] {
  const [a, b] = vectors;
  if (a === undefined || b === undefined) return [...vectors];
  const { lanes } = code;
  const count = vectors.length;
  if (count % 2 === 1) {
    return pickAll(code, vectors, (j, t) => {
      const element = count * t + j;
      return { source: Math.floor(element / lanes), place: element % lanes };
    });
  }
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
  const { lanes } = code;
  if (count % 2 === 1) {
    return pickAll(code, vectors, (k, lane) => {
      const element = k * lanes + lane;
      return { source: element % count, place: Math.floor(element / count) };
    });
  }
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

/** Where an element comes from: a lane of a vector. */
interface Element {
  readonly source: number;
  readonly place: number;
}

/** As many vectors, of which `elementOf` says what each lane is. */
function pickAll(
  code: ProgramBuilder,
  vectors: readonly Register[],
  elementOf: (vector: number, lane: number) => Element,
): Register[] {
  return vectors.map((_, vector) =>
    pick(code, vectors, range(code.lanes).map((lane) => elementOf(vector, lane)))
  );
}

/** A vector of elements from any lanes of some vectors, put together from one after the other. */
function pick(
  code: ProgramBuilder,
  vectors: readonly Register[],
  elements: readonly Element[],
): Register {
  const { lanes } = code;
  const shuffle = (a: Register, source: number, from: readonly number[]): Register => {
    const mixed = code.register();
    code.shuffle(mixed, a, vectors[source] ?? a, from);
    return mixed;
  };
  const sources = [...new Set(elements.map(({ source }) => source))].sort((a, b) => a - b);
  const [first = 0, second = first, ...others] = sources;
  const begun = shuffle(
    vectors[first] ?? 0,
    second,
    elements.map(({ source, place }) => source === first ? place : lanes + place),
  );
  return others.reduce((picked, other) => {
    const from = elements.map(({ source, place }, lane) => source === other ? lanes + place : lane);
    return shuffle(picked, other, from);
  }, begun);
}
