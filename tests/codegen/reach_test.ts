import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { interpret, type PointerArgument } from "../../src/codegen/interpret.ts";
import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../src/codegen/program.ts";
import { reachOf, type Span } from "../../src/codegen/reach.ts";
import { draws } from "../_depth.ts";
import { randomPrograms } from "./_random_program.ts";

const LANES = 4;

/** A buffer that holds a span and nothing else, but for what is cut off at its ends, in elements. */
function bufferOf(span: Span | null, cutFirst = 0, cutEnd = 0): PointerArgument {
  const { first, end } = span ?? { first: 0, end: 0 };
  const length = (end - first) / FLOAT_BYTES - cutFirst - cutEnd;
  const region = { name: "span", data: new Float32Array(length), writable: true };
  return { region, offset: -first - cutFirst * FLOAT_BYTES };
}

Deno.test("reachOf() is what random programs touch, neither less nor more", () => {
  fc.assert(
    fc.property(randomPrograms(LANES, 2), (program) => {
      const [read, write] = reachOf(program);
      const reads = read?.reads ?? null;
      const writes = write?.writes ?? null;
      assertEquals([read?.writes, write?.reads], [null, null]);
      interpret(program, [bufferOf(reads), bufferOf(writes)]);
      const cuts = [[1, 0], [0, 1]] as const;
      for (const [first, end] of cuts) {
        if (reads !== null) {
          const args = [bufferOf(reads, first, end), bufferOf(writes)];
          assertThrows(() => interpret(program, args), RangeError);
        }
        if (writes !== null) {
          const args = [bufferOf(reads), bufferOf(writes, first, end)];
          assertThrows(() => interpret(program, args), RangeError);
        }
      }
    }),
    { seed: 1, numRuns: draws(1500) },
  );
});

/** Loops in loops, which read a row at a time and always write the same. */
function nested(turns: number): Program {
  const code = new ProgramBuilder("nested", LANES, 2);
  const [value = 0] = code.registers(1);
  code.sweep(turns, [[0, 4096]], () => {
    code.sweep(turns, [[0, 256]], () => {
      code.sweep(turns, [[0, 16]], () => {
        code.load(value, 0, 0);
        code.store(value, 1, 8);
      });
    });
  });
  return code.build();
}

Deno.test("reachOf() does not take longer for more turns", () => {
  const turns = 2 ** 20;
  const [read, write] = reachOf(nested(turns));
  assertEquals(read?.reads, { first: 0, end: (turns - 1) * (4096 + 256 + 16) + 16 });
  assertEquals(write?.writes, { first: 8, end: 24 });
});
