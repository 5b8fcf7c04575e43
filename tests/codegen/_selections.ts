import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../src/codegen/program.ts";

/** Numbers on each side of 0, at it, and on none. */
const SIDES = [0, -0, 1, -1, 1e-45, -1e-45, 1e-38, -1e-38, Infinity, -Infinity, NaN];

/** What is selected from, and what that is told apart by. */
const [ABOVE, BELOW] = [-7, NaN];

/** A program that selects by every kind of number, with its result in every place, and what comes of it. */
export function selections(
  lanes: number,
): { readonly input: number[]; readonly program: Program; readonly expected: number[] } {
  const code = new ProgramBuilder("selections", lanes, 2);
  const [a, b, c, dst] = [code.register(), code.register(), code.register(), code.register()];
  const numbers = [...SIDES, ...SIDES.toReversed(), ...SIDES, ...SIDES];
  // All kinds come to all lanes.
  const input = numbers.slice(0, Math.floor(numbers.length / lanes) * lanes);
  const expected: number[] = [];
  for (const result of [dst, a, b, c]) {
    for (let at = 0; at < input.length; at += lanes) {
      code.load(a, 0, at * FLOAT_BYTES);
      code.constant(b, ABOVE);
      code.constant(c, BELOW);
      code.select(result, a, b, c);
      code.store(result, 1, expected.length * FLOAT_BYTES);
      expected.push(...input.slice(at, at + lanes).map((value) => value <= 0 ? BELOW : ABOVE));
    }
  }
  for (const [condition, above, below] of [[a, a, b], [a, b, a], [a, a, a]] as const) {
    for (let at = 0; at < input.length; at += lanes) {
      code.load(a, 0, at * FLOAT_BYTES);
      code.constant(b, ABOVE);
      code.select(dst, condition, above, below);
      code.store(dst, 1, expected.length * FLOAT_BYTES);
      expected.push(
        ...input.slice(at, at + lanes).map((value) => {
          const side = value <= 0 ? below : above;
          return Math.fround(side === a ? value : ABOVE);
        }),
      );
    }
  }
  return { input, program: code.build(), expected };
}
