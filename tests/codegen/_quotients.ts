import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../src/codegen/program.ts";

const NUMBERS = [1, -3, 7, 0, -0, 0.1, 1e-40, 3e38, Infinity, -Infinity, NaN];

/** A program that divides all numbers by all others, and what comes of it. */
export function quotients(
  lanes: number,
): { readonly input: number[]; readonly program: Program; readonly expected: number[] } {
  const code = new ProgramBuilder("quotients", lanes, 2);
  const [a, b, dst] = [code.register(), code.register(), code.register()];
  const pairs = NUMBERS.flatMap((x) => NUMBERS.map((y) => [x, y].map(Math.fround)));
  const whole = pairs.slice(0, pairs.length - pairs.length % lanes);
  const half = whole.length * FLOAT_BYTES;
  for (let offset = 0; offset < half; offset += lanes * FLOAT_BYTES) {
    code.load(a, 0, offset);
    code.load(b, 0, half + offset);
    code.div(dst, a, b);
    code.store(dst, 1, offset);
  }
  const [left, right] = [0, 1].map((side) => whole.map((pair) => pair[side] ?? NaN));
  return {
    input: [...left ?? [], ...right ?? []],
    program: code.build(),
    expected: whole.map(([x = NaN, y = NaN]) => Math.fround(x / y)),
  };
}
