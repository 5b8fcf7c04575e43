import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import type { Geometry } from "../../../src/convolution/geometry.ts";
import { axisPhases } from "../../../src/convolution/residues.ts";
import { geometryOf, layerCases } from "../../_arbitrary.ts";
import { draws } from "../../_depth.ts";
import { caseOf } from "../_cases.ts";

const AXES = [0, 1, 2] as const;

/** Every product along an axis, by the formula: which input meets which tap for which output. */
function productsOf(g: Geometry, axis: 0 | 1 | 2): string[] {
  const products: string[] = [];
  for (let i = 0; i < g.input[axis]; i++) {
    for (let k = 0; k < g.kernel[axis]; k++) {
      const o = i * g.stride[axis] + k * g.dilation[axis] - g.padBegin[axis];
      if (o >= 0 && o < g.output[axis]) products.push(`out[${o}] += in[${i}] * weight[${k}]`);
    }
  }
  return products.sort();
}

function assertCoversAxis(g: Geometry, axis: 0 | 1 | 2): void {
  const outputs: number[] = [];
  const products: string[] = [];
  for (const { start, count, taps, inputs } of axisPhases(g, axis)) {
    assert(count > 0, "No phase is empty");
    assertStrictEquals(inputs.length, taps.length);
    assertEquals(taps, taps.toSorted((a, b) => a - b), "Taps ascend");
    const used = new Set<number>();
    for (let index = 0; index < count; index++) {
      const o = start + index * g.stride[axis];
      outputs.push(o);
      taps.forEach((k, tap) => {
        const i = (inputs[tap] ?? NaN) + index;
        if (i < 0 || i >= g.input[axis]) return;
        products.push(`out[${o}] += in[${i}] * weight[${k}]`);
        used.add(k);
      });
    }
    assertStrictEquals(used.size, taps.length, "Every tap meets some input");
  }
  const expected = Array.from({ length: g.output[axis] }, (_, o) => o);
  assertEquals(outputs.toSorted((a, b) => a - b), expected, "Each output has one phase");
  assertEquals(products.sort(), productsOf(g, axis));
}

Deno.test("axisPhases() covers each product of random layers exactly once", () => {
  fc.assert(
    fc.property(layerCases().filter(({ transposed }) => transposed), (layerCase) => {
      for (const axis of AXES) assertCoversAxis(geometryOf(layerCase), axis);
    }),
    { seed: 42, numRuns: draws(300) },
  );
});

Deno.test("axisPhases() covers each product for every combination of small numbers", () => {
  const base = geometryOf(caseOf({ transposed: true }));
  const last = (size: number) => [1, 1, size] as const;
  const range = (first: number, end: number) =>
    Array.from({ length: end - first + 1 }, (_, index) => first + index);
  for (const input of range(1, 4)) {
    for (const kernel of range(1, 4)) {
      for (const stride of range(1, 4)) {
        for (const dilation of range(1, 4)) {
          for (const padBegin of range(0, 4)) {
            for (const output of range(1, 9)) {
              const geometry: Geometry = {
                ...base,
                input: last(input),
                kernel: last(kernel),
                stride: last(stride),
                dilation: last(dilation),
                padBegin: [0, 0, padBegin],
                output: last(output),
              };
              assertCoversAxis(geometry, 2);
            }
          }
        }
      }
    }
  }
});

Deno.test("axisPhases() splits a kernel among the phases of the stride", () => {
  const geometry = geometryOf(caseOf({
    transposed: true,
    spatial: [5],
    kernelSize: 4,
    options: { stride: 2, padding: 1 },
  }));
  assertEquals(axisPhases(geometry, 2), [
    { start: 0, count: 5, taps: [1, 3], inputs: [0, -1] },
    { start: 1, count: 5, taps: [0, 2], inputs: [1, 0] },
  ]);
});
