import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import { AVX2_TARGET, AVX512_TARGET } from "../../../src/codegen/target.ts";
import { seenShare, tapRuns } from "../../../src/kernels/direct/regions.ts";
import { geometryOf, type LayerCase, operandsOf } from "../../_arbitrary.ts";
import { draws } from "../../_depth.ts";
import { behindOutput, findWrongOutput, outputOf, planOf, runPlan } from "../../_interpret_plan.ts";
import { caseOf } from "../_cases.ts";

function dilated(changes: Partial<LayerCase>, options: LayerCase["options"]): LayerCase {
  return caseOf({
    rank: 2,
    spatial: [20, 20],
    inChannels: 33,
    outChannels: 18,
    ...changes,
    options,
  });
}

Deno.test("tapRuns() leaves out the taps that see nothing but padding", () => {
  const g = geometryOf(dilated({}, { padding: 6, dilation: 6 }));
  assertEquals(tapRuns(g, 1), [
    { start: 0, count: 6, first: 1, last: 2 },
    { start: 6, count: 8, first: 0, last: 2 },
    { start: 14, count: 6, first: 0, last: 1 },
  ]);
  assertEquals(seenShare(g), (48 / 60) ** 2);
});

Deno.test("tapRuns() keeps an axis whole where that saves little or other values are seen", () => {
  const whole = [{ start: 0, count: 20, first: 0, last: 2 }];
  assertEquals(tapRuns(geometryOf(dilated({}, { padding: 1 })), 2), whole);
  const reflected = { padding: 6, dilation: 6, paddingMode: "reflect" } as const;
  assertEquals(tapRuns(geometryOf(dilated({}, reflected)), 2), whole);
});

Deno.test("tapRuns() joins runs that are too short, and has a tap where none sees the input", () => {
  const short = geometryOf(dilated({ spatial: [8, 8] }, { padding: 3, dilation: 3 }));
  assertEquals(tapRuns(short, 1), [{ start: 0, count: 8, first: 0, last: 2 }]);
  const far = geometryOf(dilated({ spatial: [6, 6] }, { padding: 20, dilation: 2 }));
  const runs = tapRuns(far, 1);
  assertStrictEquals(runs.reduce((sum, { count }) => sum + count, 0), far.output[1]);
  for (const { first, last } of runs) assert(first <= last);
});

for (const target of [AVX2_TARGET, AVX512_TARGET]) {
  Deno.test(`Regions of taps compute what the formula says, ${target.name}`, () => {
    const axis = () =>
      fc.record({
        size: fc.integer({ min: 5, max: 14 }),
        kernel: fc.integer({ min: 1, max: 4 }),
        dilation: fc.integer({ min: 1, max: 8 }),
        stride: fc.constantFrom(1, 1, 2),
        begin: fc.integer({ min: 0, max: 12 }),
        end: fc.integer({ min: 0, max: 12 }),
      });
    const cases = fc.record({
      axes: fc.tuple(axis(), axis()),
      inChannels: fc.constantFrom(2, 9, 33),
      outChannels: fc.constantFrom(16, 17, 40),
      groups: fc.constantFrom(1, 1, 2),
      seed: fc.nat(),
    }).map(({ axes, inChannels, outChannels, groups, seed }) =>
      caseOf({
        rank: 2,
        spatial: axes.map(({ size, kernel, dilation }) => size + (kernel - 1) * dilation),
        kernelSize: axes.map(({ kernel }) => kernel),
        inChannels: inChannels * groups,
        outChannels: outChannels * groups,
        options: {
          stride: axes.map(({ stride }) => stride),
          dilation: axes.map(({ dilation }) => dilation),
          padding: axes.map(({ begin, end, dilation }) => [begin + dilation, end + dilation]),
          groups,
        },
        seed,
      })
    ).filter((layerCase) => {
      const g = geometryOf(layerCase);
      return g.output[1] * g.output[2] * g.inChannels <= 20_000;
    });
    let regions = 0;
    fc.assert(
      fc.property(cases, (layerCase) => {
        const geometry = geometryOf(layerCase);
        const operands = operandsOf(layerCase);
        const memory = runPlan(planOf(geometry, layerCase.bias, target), operands);
        assertStrictEquals(
          findWrongOutput(geometry, operands, outputOf(memory, geometry)),
          null,
          JSON.stringify(layerCase),
        );
        assert(behindOutput(memory, geometry).every(Number.isNaN));
        regions += tapRuns(geometry, 1).length * tapRuns(geometry, 2).length > 1 ? 1 : 0;
      }),
      { seed: 46, numRuns: draws(40) },
    );
    assert(regions > draws(40) / 8, `Only ${regions} cases had regions`);
  });
}
