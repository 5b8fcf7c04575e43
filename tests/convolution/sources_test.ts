import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  courseOf,
  equalSources,
  joinRuns,
  leastSource,
  listSources,
  partOf,
  type SourceRun,
  sourcesFrom,
  zerosLike,
} from "../../src/convolution/sources.ts";
import { draws } from "../_depth.ts";

function runs(): fc.Arbitrary<SourceRun[]> {
  return fc.array(
    fc.record({
      count: fc.nat(6),
      source: fc.option(fc.nat(9), { nil: null }),
      step: fc.integer({ min: -1, max: 2 }),
    }),
    { maxLength: 6 },
  );
}

Deno.test("Runs of sources are those of their list", () => {
  fc.assert(
    fc.property(runs(), fc.nat(20), fc.nat(20), (runs, start, count) => {
      const sources = joinRuns(runs);
      const list = listSources(sources);
      assertEquals(list, listSources(runs.map((run) => ({ ...run }))));
      assert(sources.length <= runs.length);
      const part = Array.from({ length: count }, (_, i) => list[start + i] ?? null);
      assertEquals(listSources(partOf(sources, start, count)), part);
      assert(equalSources(partOf(sources, start, count), partOf(joinRuns(runs), start, count)));
      const seen = list.filter((source) => source !== null);
      assertEquals(leastSource(sources), seen.length === 0 ? null : Math.min(...seen));
      assertEquals(
        listSources(sourcesFrom(sources, 3)),
        list.map((source) => source === null ? null : source - 3),
      );
      assertEquals(listSources(zerosLike(sources)), list.map(() => null));
    }),
    { seed: 1, numRuns: draws(1000) },
  );
});

Deno.test("courseOf() says how far some positions may move on with no change", () => {
  fc.assert(
    fc.property(runs(), fc.nat(20), fc.integer({ min: 1, max: 5 }), (runs, start, count) => {
      const sources = joinRuns(runs);
      const list = listSources(sources);
      const course = courseOf(sources, start, count);
      if (course === null) return;
      const at = (position: number) => list[position] ?? null;
      for (let move = 0; move <= Math.min(course.left, 10); move++) {
        for (let i = 0; i < count; i++) {
          const source = at(start + i);
          const moved = source === null ? null : source + move * (course.step ?? NaN);
          assertEquals(at(start + move + i), moved);
        }
      }
    }),
    { seed: 2, numRuns: draws(1000) },
  );
});
