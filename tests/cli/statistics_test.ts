import { assertAlmostEquals, assertEquals } from "@std/assert";
import { describeStatistics, statisticsOf } from "../../src/cli/statistics.ts";

Deno.test("statisticsOf() looks at the finite values and counts the others", () => {
  assertEquals(statisticsOf(Float32Array.of(3, -1, 4)), {
    minimum: -1,
    mean: 2,
    maximum: 4,
    nonFinite: 0,
  });
  assertEquals(statisticsOf(Float32Array.of(NaN, 2, Infinity, -Infinity)), {
    minimum: 2,
    mean: 2,
    maximum: 2,
    nonFinite: 3,
  });
  for (const values of [[], [NaN]]) {
    assertEquals(statisticsOf(Float32Array.from(values)), {
      minimum: null,
      mean: null,
      maximum: null,
      nonFinite: values.length,
    });
  }
});

Deno.test("statisticsOf() adds up many values without losing small ones", () => {
  const { mean } = statisticsOf(new Float32Array(3_000_000).fill(0.1));
  assertAlmostEquals(mean ?? NaN, 0.1, 1e-8);
});

Deno.test("describeStatistics() is one line of few digits", () => {
  const line = (...values: number[]) => describeStatistics(statisticsOf(Float32Array.from(values)));
  assertEquals(line(1 / 3, -2, 1e9), "minimum -2, mean 333300000, maximum 1000000000");
  assertEquals(line(1, NaN), "minimum 1, mean 1, maximum 1; NaN or infinite: 1");
  assertEquals(line(NaN, Infinity), "all of the 2 are NaN or infinite");
  assertEquals(line(), "none");
});
