import * as fc from "fast-check";
import { range } from "../../../src/base/numbers.ts";
import { planRowFold } from "../../../src/kernels/maps/rows.ts";
import { planSoftmax } from "../../../src/kernels/maps/softmax.ts";
import { draws } from "../../_depth.ts";
import { assertNear, mixed, roundingBound, runMap, TARGETS } from "./_maps.ts";

const lengths = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 21, max: 200 }));

const KINDS = {
  max: (values: readonly number[]) => Math.max(...values),
  min: (values: readonly number[]) => Math.min(...values),
  sum: (values: readonly number[]) => values.reduce((a, b) => a + b, 0),
} as const;

Deno.test("rows are made one number each, on every target", () => {
  const folds = fc.record({
    rows: fc.integer({ min: 1, max: 40 }),
    length: lengths,
    kind: fc.constantFrom("max", "min", "sum"),
    factor: fc.constantFrom(1, 0.125),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(folds, ({ seed, ...fold }) => {
      const { rows, length, kind, factor } = fold;
      const x = mixed(rows * length, seed, [NaN, Infinity, -Infinity]);
      const expected = range(rows).map((row) =>
        factor * KINDS[kind]([...x.subarray(row * length, (row + 1) * length)])
      );
      const sizes = x.map((value) => Number.isFinite(value) ? Math.abs(value) : 0);
      const bound = roundingBound(length) *
        Math.max(
          1,
          ...range(rows).map((row) =>
            KINDS.sum([...sizes.subarray(row * length, (row + 1) * length)])
          ),
        );
      for (const target of TARGETS) {
        assertNear(runMap(planRowFold(fold, target), [x], target), expected, bound, target.name);
      }
    }),
    { numRuns: draws(100) },
  );
});

Deno.test("rows and columns of softmax are those of the definition, on every target", () => {
  const sizes = fc.record({
    outer: fc.integer({ min: 1, max: 5 }),
    count: lengths,
    inner: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 40 })),
    size: fc.constantFrom(1, 30, 200),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(sizes, ({ size, seed, ...softmax }) => {
      const { outer, count, inner } = softmax;
      const some = mixed(outer * count * inner, seed, seed % 2 === 0 ? [] : [NaN, -Infinity]);
      const x = some.map((value) => value * size);
      const expected = new Float64Array(x.length);
      for (const start of range(outer * inner).map((i) => i % inner + (i - i % inner) * count)) {
        const places = range(count).map((i) => start + i * inner);
        const most = Math.max(...places.map((at) => x[at] ?? NaN));
        const powers = places.map((at) => Math.exp((x[at] ?? NaN) - most));
        const sum = powers.reduce((a, b) => a + b, 0);
        places.forEach((at, i) => expected[at] = (powers[i] ?? NaN) / sum);
      }
      for (const target of TARGETS) {
        assertNear(
          runMap(planSoftmax(softmax, target), [x], target),
          expected,
          roundingBound(count),
          target.name,
        );
      }
    }),
    { numRuns: draws(100) },
  );
});
