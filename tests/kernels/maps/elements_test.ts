import * as fc from "fast-check";
import { product } from "../../../src/base/numbers.ts";
import { planElements } from "../../../src/kernels/maps/elements.ts";
import {
  ABSOLUTE,
  AFFINE,
  binary,
  clip,
  hardSigmoid,
  hardSwish,
  LEAN,
  leaning,
  RECIPROCAL,
  SAME,
  times,
} from "../../../src/kernels/maps/formulas.ts";
import { broadcastSteps, stepsOf } from "../../../src/network/graph/strides.ts";
import { draws } from "../../_depth.ts";
import { assertNear, mixed, runMap, TARGETS } from "./_maps.ts";

const line = (x: number) => Math.max(0, Math.min(1, 0.2 * x + 0.5));

/** Formulas, of how many elements each is, and the same in float64. */
const FORMULAS = [
  [SAME, 1, (x: number) => x],
  [binary("add"), 2, (a: number, b: number) => a + b],
  [binary("sub"), 2, (a: number, b: number) => a - b],
  [binary("mul"), 2, (a: number, b: number) => a * b],
  [binary("div"), 2, (a: number, b: number) => a / b],
  [binary("max"), 2, (a: number, b: number) => Math.max(a, b)],
  [binary("min"), 2, (a: number, b: number) => Math.min(a, b)],
  [clip(-0.5, Infinity), 1, (x: number) => Math.max(x, -0.5)],
  [clip(-Infinity, 0.25), 1, (x: number) => Math.min(x, 0.25)],
  [clip(0, 0.5), 1, (x: number) => Math.min(0.5, Math.max(x, 0))],
  [LEAN, 2, (x: number, slope: number) => x < 0 ? x * slope : x],
  [leaning(0.25), 1, (x: number) => x < 0 ? x / 4 : x],
  [AFFINE, 3, (x: number, scale: number, shift: number) => x * scale + shift],
  [hardSigmoid(0.2, 0.5), 1, line],
  [hardSwish(0.2, 0.5), 1, (x: number) => x * line(x)],
  [times(-3), 1, (x: number) => -3 * x],
  [ABSOLUTE, 1, Math.abs],
  [RECIPROCAL, 1, (x: number) => 1 / x],
] as const;

const maps = fc.record({
  shape: fc.oneof(
    fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 4 }),
    fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 300 })),
  ),
  chosen: fc.constantFrom(...FORMULAS),
  ones: fc.array(fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), {
    minLength: 3,
    maxLength: 3,
  }),
  known: fc.boolean(),
  seed: fc.nat(),
});

Deno.test("elements are made of inputs that are repeated to a shape, on every target", () => {
  fc.assert(
    fc.property(maps, ({ shape, chosen: [formula, count, expected], ones, known, seed }) => {
      const shapes = ones.slice(0, count).map((isOne, i) =>
        i === 0 ? shape : shape.map((size, axis) => isOne[axis] ? 1 : size)
      );
      const arrays = shapes.map((sizes, i) =>
        mixed(product(sizes), seed + i, [NaN, Infinity, -Infinity, 0, -0, 1e-30])
      );
      const inputs = shapes.map((sizes, i) => ({
        length: product(sizes),
        steps: broadcastSteps(sizes, shape),
        // The last one may be known.
        ...(known && i > 0 && i === count - 1 ? { numbers: arrays[i] ?? new Float32Array() } : {}),
      }));
      const steps = stepsOf(shape);
      const wanted = Array.from({ length: product(shape) }, (_, at) => {
        const places = shape.map((size, axis) => Math.floor(at / (steps[axis] ?? 1)) % size);
        const [a = 0, b = 0, c = 0] = inputs.map((input, i) => {
          const index = places.reduce(
            (sum, place, axis) => sum + place * (input.steps[axis] ?? 0),
            0,
          );
          return arrays[i]?.[index] ?? NaN;
        });
        return expected(a, b, c);
      });
      for (const target of TARGETS) {
        const work = planElements({ name: "test", shape, inputs, steps, formula }, target);
        const given = arrays.filter((_, i) => inputs[i]?.numbers === undefined);
        assertNear(runMap(work, given, target), wanted, 2e-7, target.name);
      }
    }),
    { numRuns: draws(300) },
  );
});
