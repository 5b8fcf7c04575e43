import * as fc from "fast-check";
import { clamp, product, range } from "../../../src/base/numbers.ts";
import { type Interpolation, planInterpolation } from "../../../src/kernels/maps/interpolation.ts";
import { draws } from "../../_depth.ts";
import { assertNear, mixed, runMap, TARGETS } from "./_maps.ts";

/** Places at equal distances, some outside. */
function between(size: number, outputs: number, start: number, apart: number) {
  const places = range(outputs).map((i) => clamp(start + i * apart, 0, size - 1));
  return {
    first: Int32Array.from(places, Math.floor),
    second: Int32Array.from(places, (place) => Math.min(size - 1, Math.floor(place) + 1)),
    share: Float32Array.from(places, (place) => place - Math.floor(place)),
  };
}

const interpolations: fc.Arbitrary<Interpolation> = fc.tuple(
  fc.array(fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 40 })), {
    minLength: 1,
    maxLength: 3,
  }),
  fc.nat(2),
  fc.constantFrom(2, 3, 4, 5, 0.5, 1 / 3, 1, 1.5),
  fc.constantFrom("half pixel", "asymmetric", "aligned"),
).map(([shape, drawn, scale, kind]) => {
  const axis = drawn % shape.length;
  const size = shape[axis] ?? 1;
  const outputs = Math.max(1, Math.floor(size * scale));
  const start = kind === "half pixel" ? 0.5 / scale - 0.5 : 0;
  const apart = kind === "aligned" ? (size - 1) / Math.max(1, outputs - 1) : 1 / scale;
  return { shape, axis, ...between(size, outputs, start, apart) };
});

Deno.test("elements are interpolated along any axis, on every target", () => {
  fc.assert(
    fc.property(interpolations, fc.nat(), ({ shape, axis, first, second, share }, seed) => {
      const x = mixed(product(shape), seed, [NaN, Infinity, 0]);
      const inner = product(shape.slice(axis + 1));
      const size = shape[axis] ?? 1;
      const expected = range(product(shape.slice(0, axis))).flatMap((outer) =>
        [...share].flatMap((part, i) =>
          range(inner).map((j) => {
            const at = (index = 0) => x[(outer * size + index) * inner + j] ?? NaN;
            return at(first[i]) * (1 - part) + at(second[i]) * part;
          })
        )
      );
      for (const target of TARGETS) {
        const work = planInterpolation({ shape, axis, first, second, share }, target);
        if (work === null) throw new RangeError("There is no plan");
        assertNear(runMap(work, [x], target), expected, 2e-7, target.name);
      }
    }),
    { numRuns: draws(200) },
  );
});
