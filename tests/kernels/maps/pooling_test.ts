import * as fc from "fast-check";
import { product, range } from "../../../src/base/numbers.ts";
import { planPooling, type Pooling } from "../../../src/kernels/maps/pooling.ts";
import { NO_AXIS, type WindowAxis } from "../../../src/kernels/maps/windows.ts";
import { draws } from "../../_depth.ts";
import { assertNear, mixed, roundingBound, runMap, TARGETS } from "./_maps.ts";

/** Windows of which each sees something of the input. */
const axes = fc.record({
  size: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 13, max: 70 })),
  taps: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 20 })),
  stride: fc.integer({ min: 1, max: 5 }),
  dilation: fc.integer({ min: 1, max: 3 }),
  begin: fc.nat(3),
  end: fc.nat(3),
  isRoundedUp: fc.boolean(),
}).map(({ size, taps, stride, dilation, begin, end, isRoundedUp }): WindowAxis => {
  const room = size + begin + end - (taps - 1) * dilation - 1;
  const outputs = (isRoundedUp ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
  return { size, outputs, taps, stride, dilation, padding: [begin, end] };
}).filter((axis) =>
  axis.outputs > 0 && range(axis.outputs).every((output) => positionsOf(axis, output).seen > 0)
);

const short = axes.filter(({ size, taps }) => size <= 8 && taps <= 4);

const poolings: fc.Arbitrary<Pooling> = fc.record({
  planes: fc.integer({ min: 1, max: 5 }),
  axes: fc.oneof(
    fc.tuple(fc.constant(NO_AXIS), fc.constant(NO_AXIS), axes),
    fc.tuple(fc.constant(NO_AXIS), short, axes),
    fc.tuple(short, short, short),
  ),
  kind: fc.constantFrom("max", "mean", "mean with padding"),
});

/** Where the taps of a window are, which of them see the input, and how many are in the padded input. */
function positionsOf(
  { size, taps, stride, dilation, padding: [begin, end] }: WindowAxis,
  output: number,
) {
  const all = range(taps).map((tap) => output * stride - begin + tap * dilation);
  const inside = all.filter((at) => at >= 0 && at < size);
  return { inside, seen: inside.length, covered: all.filter((at) => at < size + end).length };
}

/** By the definition. */
function pooled({ planes, axes, kind }: Pooling, x: Float32Array): number[] {
  const [depth, height, width] = axes;
  const plane = product(axes.map(({ size }) => size));
  return range(planes).flatMap((p) =>
    range(depth.outputs).flatMap((d) =>
      range(height.outputs).flatMap((h) =>
        range(width.outputs).map((w) => {
          const along = [
            positionsOf(depth, d),
            positionsOf(height, h),
            positionsOf(width, w),
          ] as const;
          const values = along[0].inside.flatMap((i) =>
            along[1].inside.flatMap((j) =>
              along[2].inside.map((k) =>
                x[p * plane + (i * height.size + j) * width.size + k] ?? NaN
              )
            )
          );
          if (kind === "max") return Math.max(...values);
          const count = along.map((at) => kind === "mean" ? at.seen : at.covered);
          return values.reduce((a, b) => a + b, 0) / product(count);
        })
      )
    )
  );
}

Deno.test("poolings are those of the definition, on every target", () => {
  fc.assert(
    fc.property(poolings, fc.nat(), (pooling, seed) => {
      const length = pooling.planes * product(pooling.axes.map(({ size }) => size));
      const x = mixed(length, seed, [NaN, Infinity, -Infinity, 0]);
      const expected = pooled(pooling, x);
      for (const target of TARGETS) {
        const work = planPooling(pooling, target);
        if (work === null) throw new RangeError("There is no plan");
        const taps = product(pooling.axes.map(({ taps }) => taps));
        const tolerance = pooling.kind === "max" ? 0 : 1.5 * roundingBound(taps);
        assertNear(runMap(work, [x], target), expected, tolerance, target.name);
      }
    }),
    { numRuns: draws(150) },
  );
});

Deno.test("a window that sees only every other element is not the whole axis", () => {
  const row = { ...NO_AXIS, size: 2, taps: 2, stride: 2, dilation: 2 };
  const pooling: Pooling = { planes: 2, axes: [NO_AXIS, NO_AXIS, row], kind: "max" };
  for (const target of TARGETS) {
    const work = planPooling(pooling, target);
    if (work === null) throw new RangeError("There is no plan");
    const outputs = runMap(work, [Float32Array.of(1, 2, 3, 4)], target);
    assertNear(outputs, [1, 3], 0, target.name);
  }
});

Deno.test("poolings of rows longer than a block, and of whole planes, are those of the definition", () => {
  const width = (size: number, taps: number, stride: number, begin: number): WindowAxis => ({
    size,
    taps,
    stride,
    dilation: 1,
    padding: [begin, 0],
    outputs: Math.floor((size + begin - taps) / stride) + 1,
  });
  const all = (size: number) => width(size, size, 1, 0);
  const long = [width(9000, 3, 2, 1), width(7000, 20, 1, 3), width(6143, 2, 3, 0)]
    .map((row) => [NO_AXIS, NO_AXIS, row] as const);
  const whole = [
    [all(1), all(7), all(7)],
    [all(2), all(3), all(5)],
    [all(1), all(1), all(1000)],
  ] as const;
  for (const axes of [...long, ...whole]) {
    for (const planes of [1, 37]) {
      for (const kind of ["max", "mean", "mean with padding"] as const) {
        const pooling = { planes, axes, kind };
        const x = mixed(planes * product(axes.map(({ size }) => size)), planes);
        if (x.length > 50_000) continue;
        const expected = pooled(pooling, x);
        for (const target of TARGETS) {
          const work = planPooling(pooling, target);
          if (work === null) throw new RangeError("There is no plan");
          assertNear(
            runMap(work, [x], target),
            expected,
            kind === "max" ? 0 : 1.5 * roundingBound(1000),
            target.name,
          );
        }
      }
    }
  }
});
