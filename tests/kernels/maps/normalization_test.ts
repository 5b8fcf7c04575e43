import * as fc from "fast-check";
import { range } from "../../../src/base/numbers.ts";
import { type Normalization, planNormalization } from "../../../src/kernels/maps/normalization.ts";
import { draws } from "../../_depth.ts";
import { assertNear, mixed, roundingBound, runMap, TARGETS } from "./_maps.ts";

const normalizations = fc.record({
  groups: fc.integer({ min: 1, max: 3 }),
  rows: fc.integer({ min: 1, max: 5 }),
  length: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 21, max: 300 })),
  per: fc.constantFrom("row", "element"),
  mean: fc.constantFrom(0, 3, -1000),
  seed: fc.nat(),
});

function normalized(
  { groups, rows, length, epsilon, scale, shift, per }: Normalization,
  x: Float32Array,
): number[] {
  return range(groups * rows).flatMap((row) => {
    const values = [...x.subarray(row * length, (row + 1) * length)];
    const mean = values.reduce((a, b) => a + b, 0) / length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / length;
    return values.map((value, i) => {
      const at = per === "row" ? row % rows : i;
      return (value - mean) / Math.sqrt(variance + epsilon) * (scale[at] ?? NaN) +
        (shift[at] ?? NaN);
    });
  });
}

Deno.test("rows are normalized by their own moments, on every target", () => {
  fc.assert(
    fc.property(normalizations, ({ mean, seed, ...sizes }) => {
      const { groups, rows, length, per } = sizes;
      const count = per === "row" ? rows : length;
      const normalization = {
        ...sizes,
        epsilon: 1e-5,
        scale: mixed(count, seed + 1),
        shift: mixed(count, seed + 2),
      };
      const x = mixed(groups * rows * length, seed).map((value) => value + mean);
      const expected = normalized(normalization, x);
      for (const target of TARGETS) {
        const work = planNormalization(normalization, target);
        assertNear(runMap(work, [x], target), expected, 4 * roundingBound(length), target.name);
      }
    }),
    { numRuns: draws(100) },
  );
});
