import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { interpret } from "../../../src/codegen/interpret.ts";
import { FLOAT_BYTES, type Instruction, ProgramBuilder } from "../../../src/codegen/program.ts";
import { writeReduction } from "../../../src/kernels/common/reduction.ts";
import {
  countTerms,
  firstTerm,
  leastTerm,
  listTerms,
  repeated as repeatedTerms,
  scaledTerms,
  shiftedTerms,
  type Terms,
} from "../../../src/kernels/common/terms.ts";
import { draws } from "../../_depth.ts";

const INPUT = 0;
const WEIGHT = 1;
const LOG = 2;

/** A program that notes the element of the input and of the weights that each step sees. */
function reductionProgram(terms: Terms) {
  const code = new ProgramBuilder("reduction", 1, 3);
  const seen = code.register();
  const note = (pointer: number, offset: number) => {
    code.load(seen, pointer, offset);
    code.store(seen, LOG);
    code.advance(LOG, FLOAT_BYTES);
  };
  writeReduction(code, INPUT, WEIGHT, terms, (steps) => {
    steps.forEach((offset, index) => {
      note(INPUT, offset);
      note(WEIGHT, index * FLOAT_BYTES);
    });
  });
  // Where the pointers end up.
  note(INPUT, 0);
  note(WEIGHT, 0);
  return code.build();
}

/** The elements of input and weights that a sum visits, and last those that the pointers stand on. */
function visited(terms: Terms): [input: number, weight: number][] {
  const offsets = listTerms(terms);
  const elements = offsets.reduce((most, offset) => Math.max(most, offset), 0) / FLOAT_BYTES + 1;
  const numbers = Float32Array.from(
    { length: Math.max(elements, offsets.length + 1) },
    (_, index) => index,
  );
  const log = new Float32Array(2 * (offsets.length + 1)).fill(NaN);
  const readable = { region: { name: "numbers", data: numbers, writable: false }, offset: 0 };
  interpret(reductionProgram(terms), [
    readable,
    readable,
    { region: { name: "log", data: log, writable: true }, offset: 0 },
  ]);
  return Array.from(
    { length: offsets.length + 1 },
    (_, step) => [log[2 * step] ?? NaN, log[2 * step + 1] ?? NaN],
  );
}

function assertVisitsInOrder(terms: Terms): void {
  const elements = listTerms(terms);
  assertEquals(visited(scaledTerms(terms, FLOAT_BYTES)), [
    ...elements.map((element, step) => [element, step]),
    [0, elements.length],
  ]);
}

/** Some repetitions of a list, each moved on by a step; the lowest element is 0. */
function repeated(list: readonly number[], count: number, step: number): number[] {
  const all = Array.from({ length: count }, (_, turn) => list.map((at) => at + turn * step)).flat();
  const lowest = all.reduce((least, at) => Math.min(least, at), Infinity);
  return all.map((at) => at - lowest);
}

/** Lists as kernels have them, taps by rows by channels, going forward or backward. */
function regularLists(): fc.Arbitrary<number[]> {
  const level = fc.record({
    count: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 14 })),
    step: fc.integer({ min: -60, max: 60 }),
  });
  return fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) =>
    levels.reduce((list, { count, step }) => repeated(list, count, step), [0])
  ).filter((list) => list.length <= 3000);
}

Deno.test("writeReduction() visits regular lists in their order and leads back", () => {
  fc.assert(fc.property(regularLists(), assertVisitsInOrder), { seed: 42, numRuns: draws(400) });
});

Deno.test("writeReduction() visits lists that end or begin irregularly in their order", () => {
  const some = fc.array(fc.nat(300), { maxLength: 60 });
  fc.assert(
    fc.property(some, regularLists(), some, (before, list, after) => {
      assertVisitsInOrder([...before, ...list, ...after]);
      assertVisitsInOrder(repeated([...before, ...list.slice(0, 100)], 3, 17));
    }),
    { seed: 43, numRuns: draws(200) },
  );
});

Deno.test("writeReduction() visits lists of every length in their order", () => {
  for (let length = 0; length <= 300; length++) {
    assertVisitsInOrder(Array.from({ length }, (_, index) => 3 * index));
    assertVisitsInOrder(Array.from({ length }, (_, index) => length - 1 - index));
    assertVisitsInOrder(
      Array.from({ length }, (_, index) => 7 * (index % 9) + 100 * Math.floor(index / 9)),
    );
    assertVisitsInOrder(new Array<number>(length).fill(0));
  }
});

Deno.test("writeReduction() writes nothing for an empty sum", () => {
  const code = new ProgramBuilder("empty", 4, 2);
  writeReduction(code, 0, 1, [], () => {
    throw new Error("There is nothing to write");
  });
  assertEquals(code.build().body, []);
});

function countInstructions(block: readonly Instruction[]): number {
  return block.reduce(
    (sum, instruction) =>
      sum + 1 + (instruction.op === "loop" ? countInstructions(instruction.body) : 0),
    0,
  );
}

Deno.test("writeReduction() turns repetitions into loops", () => {
  const kernel = repeated(repeated(repeated([0], 5, 1), 5, 70), 3, 4900);
  for (const channels of [16, 64, 512]) {
    const offsets = repeated(kernel, channels, 14_700).map((element) => element * FLOAT_BYTES);
    const size = countInstructions(reductionProgram(offsets).body);
    // Seven instructions a step would be 8400 for 16 channels, if all were written out.
    assert(size < 1500, `${size} instructions for ${channels} channels`);
  }
});

/** Terms that are not listed, at any depth, whose least is 0. */
function nestedTerms(): fc.Arbitrary<Terms> {
  const { terms } = fc.letrec<{ terms: Terms; term: Terms[number] }>((tie) => ({
    terms: fc.array(tie("term"), { minLength: 1, maxLength: 6 }),
    term: fc.oneof(
      { depthSize: "small" },
      fc.nat(50),
      fc.record({
        count: fc.integer({ min: 1, max: 50 }),
        step: fc.integer({ min: -40, max: 60 }),
        body: tie("terms"),
      }),
    ),
  }));
  return terms.filter((terms) => countTerms(terms) <= 2000)
    .map((terms) => shiftedTerms(terms, -leastTerm(terms)));
}

Deno.test("writeReduction() visits terms that are not listed in their order", () => {
  fc.assert(fc.property(nestedTerms(), assertVisitsInOrder), { seed: 44, numRuns: draws(400) });
});

Deno.test("Terms that are not listed are those of their list", () => {
  fc.assert(
    fc.property(nestedTerms(), (terms) => {
      const list = listTerms(terms);
      assertEquals(countTerms(terms), list.length);
      assertEquals(firstTerm(terms), list[0]);
      assertEquals(leastTerm(terms), Math.min(...list));
      assertEquals(listTerms(shiftedTerms(terms, 3)), list.map((term) => term + 3));
      assertEquals(listTerms(scaledTerms(terms, 4)), list.map((term) => term * 4));
    }),
    { seed: 45, numRuns: draws(200) },
  );
});

Deno.test("repeated() keeps few terms as a list, and evenly spaced ones as one loop", () => {
  assertEquals(repeatedTerms(3, 10, [0, 1]), [0, 1, 10, 11, 20, 21]);
  const even = { count: 9000, step: 2, body: [5] };
  assertEquals(repeatedTerms(9000, 2, [5]), [even]);
  assertEquals(repeatedTerms(3000, 6, [5, 7, 9]), [even]);
  assertEquals(repeatedTerms(3, 18_000, [even]), [{ ...even, count: 27_000 }]);
  const uneven = { count: 3000, step: 7, body: [5, 7, 9] };
  assertEquals(repeatedTerms(3000, 7, [5, 7, 9]), [uneven]);
  assertEquals(repeatedTerms(2, 50_000, [uneven]), [{ count: 2, step: 50_000, body: [uneven] }]);
});

Deno.test("writeReduction() writes little for sums of any length", () => {
  for (const count of [1e4, 1e6, 1e9]) {
    const size = countInstructions(reductionProgram(repeatedTerms(count, 4, [0])).body);
    assert(size < 1500, `${size} instructions for ${count} terms`);
  }
});
