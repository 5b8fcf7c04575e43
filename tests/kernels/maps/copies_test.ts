import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { product, range } from "../../../src/base/numbers.ts";
import type { Target } from "../../../src/codegen/target.ts";
import { planConcatenation } from "../../../src/kernels/maps/concatenation.ts";
import { planElements } from "../../../src/kernels/maps/elements.ts";
import { SAME } from "../../../src/kernels/maps/formulas.ts";
import { planChoice } from "../../../src/kernels/maps/sources.ts";
import type { MapWork } from "../../../src/kernels/maps/work.ts";
import { copyWalk, gather, stepsOf } from "../../../src/network/graph/strides.ts";
import { draws } from "../../_depth.ts";
import { runMap, TARGETS } from "./_maps.ts";

function counting(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => i);
}

function assertCopies(
  plan: (target: Target) => MapWork | null,
  inputs: readonly Float32Array[],
  expected: Float32Array,
): void {
  for (const target of TARGETS) {
    const work = plan(target);
    if (work === null) throw new RangeError("There is no plan");
    assertEquals(runMap(work, inputs, target), expected, target.name);
  }
}

const shapes = fc.oneof(
  fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
  fc.tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 80 }),
    fc.integer({ min: 1, max: 40 }),
  ),
);

Deno.test("axes are put into any order", () => {
  const orders = shapes.chain((shape) =>
    fc.tuple(
      fc.constant(shape),
      fc.shuffledSubarray(range(shape.length), { minLength: shape.length }),
    )
  );
  fc.assert(
    fc.property(orders, ([shape, order]) => {
      const x = counting(product(shape));
      const to = order.map((axis) => shape[axis] ?? 1);
      const steps = order.map((axis) => stepsOf(shape)[axis] ?? 0);
      const expected = new Float32Array(x.length);
      copyWalk(to, x, { start: 0, steps }, expected, { start: 0, steps: stepsOf(to) });
      const inputs = [{ length: x.length, steps }];
      const map = { name: "copy", shape: to, inputs, steps: stepsOf(to), formula: SAME };
      assertCopies((target) => planElements(map, target), [x], expected);
    }),
    { numRuns: draws(200) },
  );
});

Deno.test("tensors are put one behind the other along any axis", () => {
  const parts = shapes.chain((shape) =>
    fc.tuple(
      fc.constant(shape),
      fc.nat(shape.length - 1),
      fc.array(fc.nat(6), { minLength: 1, maxLength: 4 }),
    )
  );
  fc.assert(
    fc.property(parts, ([shape, axis, sizes]) => {
      const all = sizes.map((size) => shape.with(axis, size));
      const whole = shape.with(axis, sizes.reduce((a, b) => a + b, 0));
      const inputs = all.map((part, i) => counting(product(part)).map((x) => 1000 * i + x));
      const expected = new Float32Array(product(whole));
      let start = 0;
      for (const [i, part] of all.entries()) {
        const to = { start, steps: stepsOf(whole) };
        const from = { start: 0, steps: stepsOf(part) };
        copyWalk(part, inputs[i] ?? new Float32Array(), from, expected, to);
        start += (part[axis] ?? 0) * (stepsOf(whole)[axis] ?? 0);
      }
      assertCopies((target) => planConcatenation(all, axis, target), inputs, expected);
    }),
    { numRuns: draws(100) },
  );
});

/** Indices along an axis: slices, padding of several kinds, and elements that are repeated. */
function sourcesOf(size: number): fc.Arbitrary<Int32Array> {
  const clamped = (i: number) => Math.max(0, Math.min(size - 1, i));
  const mirrored = (i: number) => clamped(i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i);
  const padded = fc.tuple(fc.nat(3), fc.nat(3)).chain(([begin, end]) => {
    const all = range(size + begin + end).map((i) => i - begin);
    return fc.constantFrom(
      all.map((i) => i >= 0 && i < size ? i : -1),
      all.map(clamped),
      all.map(mirrored),
    );
  });
  const sliced = fc.tuple(fc.nat(size - 1), fc.integer({ min: -3, max: 3 })).map(([first, step]) =>
    range(size).map((i) => first + i * (step || 1)).filter((i) => i >= 0 && i < size)
  );
  const repeated = fc.integer({ min: 1, max: 5 }).map((repeats) =>
    range(size * repeats).map((i) => Math.floor(i / repeats))
  );
  return fc.oneof(fc.constant(range(size)), padded, sliced, repeated)
    .map((indices) => Int32Array.from(indices));
}

Deno.test("elements are chosen along each axis", () => {
  const choices = shapes.filter((shape) => product(shape) < 2000).chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      sources: fc.tuple(...shape.map(sourcesOf)),
      filling: fc.constantFrom(0, -1.5),
    })
  );
  fc.assert(
    fc.property(choices, (choice) => {
      const x = counting(product(choice.shape));
      const length = product(choice.sources.map(({ length }) => length));
      if (length > 20_000) return;
      const expected = new Float32Array(length);
      gather(x, choice.shape, choice.sources, expected, choice.filling);
      const plan = (target: Target) => planChoice(choice, target);
      if (TARGETS.every((target) => plan(target) === null)) return;
      assertCopies(plan, [x], expected);
    }),
    { numRuns: draws(200) },
  );
});
