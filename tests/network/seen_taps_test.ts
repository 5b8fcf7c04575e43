import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { reference } from "../../src/convolution/formula.ts";
import { geometryOf as geometryOfSettings } from "../../src/convolution/geometry.ts";
import { resolveSettings } from "../../src/convolution/settings.ts";
import { withSeenTaps } from "../../src/network/graph/seen_taps.ts";
import { ConvolutionWeights } from "../../src/network/graph/weights.ts";
import { draws } from "../_depth.ts";

/** Sizes along an axis; padding is often more than the input. */
const axis = fc.record({
  size: fc.integer({ min: 1, max: 6 }),
  taps: fc.integer({ min: 1, max: 4 }),
  stride: fc.integer({ min: 1, max: 3 }),
  dilation: fc.integer({ min: 1, max: 9 }),
  padding: fc.tuple(fc.integer({ min: 0, max: 14 }), fc.integer({ min: 0, max: 14 })),
}).filter(({ size, taps, dilation, padding: [begin, end] }) =>
  size + begin + end > (taps - 1) * dilation
);

type Axis = typeof axis extends fc.Arbitrary<infer Value> ? Value : never;

const NAMES = ["stride", "dilation", "padding", "groups"];

function convolutionOf(axes: readonly Axis[]) {
  const of = <Name extends keyof Axis>(name: Name) => axes.map((axis) => axis[name]);
  const rank = axes.length;
  if (rank !== 1 && rank !== 2 && rank !== 3) throw new RangeError("There are 1 to 3 axes");
  const subject = {
    name: "Conv",
    transposed: false,
    rank,
    inChannels: 4,
    outChannels: 2,
    kernelSize: of("taps"),
  } as const;
  const options = {
    stride: of("stride"),
    dilation: of("dilation"),
    padding: of("padding"),
    groups: 2,
  };
  return geometryOfSettings(resolveSettings(subject, options, NAMES), 2, of("size"));
}

function numbers(length: number, seed: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => (i * 7919 + seed * 104729) % 23 - 11);
}

Deno.test("withSeenTaps() leaves out taps that see padding alone, and changes no output", () => {
  let fewer = 0;
  fc.assert(
    fc.property(fc.array(axis, { minLength: 1, maxLength: 3 }), fc.nat(100), (axes, seed) => {
      const geometry = convolutionOf(axes);
      const shape = [2, 2, ...axes.map(({ taps }) => taps)];
      const weight = numbers(shape.reduce((a, b) => a * b), seed);
      const bias = numbers(2, seed + 1);
      const layout = { transposed: false, groups: 2, shape };
      const seen = withSeenTaps({
        geometry,
        weights: new ConvolutionWeights(layout, weight, bias),
      });
      const input = numbers(8 * axes.reduce((all, { size }) => all * size, 1), seed + 2);
      assertEquals(
        reference(seen.geometry, { input, weight: seen.weights.weight, bias }),
        reference(geometry, { input, weight, bias }),
      );
      assertEquals(seen.geometry.output, geometry.output);
      assert([...seen.geometry.padBegin, ...seen.geometry.padEnd].every((size) => size >= 0));
      if (seen.weights.weight.length < weight.length) fewer++;
    }),
    { seed: 71, numRuns: draws(300) },
  );
  assert(fewer > draws(300) / 10);
});

Deno.test("withSeenTaps() makes one tap of a kernel whose others lie far out, and the same weights every time", () => {
  const axes = [6, 6].map((size): Axis => ({
    size,
    taps: 3,
    stride: 1,
    dilation: 24,
    padding: [24, 24],
  }));
  const layout = { transposed: false, groups: 2, shape: [2, 2, 3, 3] };
  const weights = new ConvolutionWeights(layout, numbers(36, 0), null);
  const geometry = convolutionOf(axes);
  const seen = withSeenTaps({ geometry, weights });
  assertEquals(seen.geometry, {
    ...geometry,
    kernel: [1, 1, 1],
    padBegin: [0, 0, 0],
    padEnd: [0, 0, 0],
  });
  assertEquals(
    [...seen.weights.weight],
    [4, 13, 22, 31].map((index) => weights.weight[index] ?? 0),
  );
  assert(withSeenTaps({ geometry, weights }).weights === seen.weights);
});
