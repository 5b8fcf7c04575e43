import { assert, assertEquals } from "@std/assert";
import { createRandom, fillNormal, fillUniform } from "../../src/tensor/random.ts";

Deno.test("createRandom() gives the same numbers in every release", () => {
  const first = (seed: number) => {
    const random = createRandom("test", seed);
    return Array.from({ length: 3 }, () => random() * 2 ** 32);
  };
  assertEquals(first(0), [1363572419, 145230303, 808754475]);
  assertEquals(first(2 ** 32 + 1), [268331381, 981390851, 218991173]);
});

Deno.test("createRandom() spreads its numbers evenly over [0, 1)", () => {
  const random = createRandom("test", 1);
  const counts = new Array<number>(16).fill(0);
  for (let draw = 0; draw < 16_000; draw++) {
    const bin = Math.floor(random() * 16);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const chiSquare = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
  // 15 degrees of freedom: exceeded once in a thousand seeds.
  assert(chiSquare < 37.7);
  assertEquals(counts.length, 16);
});

Deno.test("fillNormal() fills arrays of odd and even length alike", () => {
  const fill = (length: number) => fillNormal(new Float32Array(length), createRandom("test", 0));
  assertEquals([...fill(3)], [...fill(4)].slice(0, 3));
  assert(fill(5).every(Number.isFinite));
});

Deno.test("fillUniform() of equal bounds is constant", () => {
  const values = fillUniform(new Float32Array(3), 2, 2, createRandom("test", 0));
  assertEquals([...values], [2, 2, 2]);
});
