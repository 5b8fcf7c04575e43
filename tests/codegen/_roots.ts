import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../src/codegen/program.ts";

const NUMBERS = [0, -0, 1, 2, 3, 0.1, 1e-40, 3e38, Infinity, 1e-20, 7e5, 4, 5, 6, 7, 8];

/** Whole numbers whose bits are 0x4b000000 and the number, so that a shift leaves those of a power of two. */
const SHIFTED = Array.from({ length: 16 }, (_, i) => 2 ** 23 + 120 + i);

/** A program that takes square roots and shifts bits, also in place, and what comes of it. */
export function roots(
  lanes: number,
): { readonly input: number[]; readonly program: Program; readonly expected: number[] } {
  const code = new ProgramBuilder("roots", lanes, 2);
  const [a, b] = [code.register(), code.register()];
  const expected: number[] = [];
  for (const result of [a, b]) {
    for (let at = 0; at < NUMBERS.length; at += lanes) {
      code.load(a, 0, at * FLOAT_BYTES);
      code.sqrt(result, a);
      code.store(result, 1, expected.length * FLOAT_BYTES);
      code.load(a, 0, (NUMBERS.length + at) * FLOAT_BYTES);
      code.shift(result, a, 23);
      code.store(result, 1, (expected.length + lanes) * FLOAT_BYTES);
      expected.push(
        ...NUMBERS.slice(at, at + lanes).map((x) => Math.fround(Math.sqrt(Math.fround(x)))),
        ...SHIFTED.slice(at, at + lanes).map((x) => 2 ** (x - 2 ** 23 - 127)),
      );
    }
  }
  return { input: [...NUMBERS, ...SHIFTED], program: code.build(), expected };
}
