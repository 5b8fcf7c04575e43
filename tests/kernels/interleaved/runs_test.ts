import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import type { Geometry } from "../../../src/convolution/geometry.ts";
import { tapSteps } from "../../../src/convolution/residues.ts";
import { residueRuns } from "../../../src/kernels/interleaved/runs.ts";
import { geometryOf } from "../../_arbitrary.ts";
import { draws } from "../../_depth.ts";
import { caseOf } from "../_cases.ts";

/** Sizes of the last axis. */
interface AxisSizes {
  readonly input: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padBegin: number;
  readonly output: number;
}

function geometryWith({ input, kernel, stride, dilation, padBegin, output }: AxisSizes): Geometry {
  const last = (size: number) => [1, 1, size] as const;
  return {
    ...geometryOf(caseOf({ transposed: true })),
    input: last(input),
    kernel: last(kernel),
    stride: last(stride),
    dilation: last(dilation),
    padBegin: [0, 0, padBegin],
    output: last(output),
  };
}

/** Every product along an axis, by the formula: which input meets which tap for which output. */
function productsOf(sizes: AxisSizes): string[] {
  const products: string[] = [];
  for (let i = 0; i < sizes.input; i++) {
    for (let k = 0; k < sizes.kernel; k++) {
      const o = i * sizes.stride + k * sizes.dilation - sizes.padBegin;
      if (o >= 0 && o < sizes.output) products.push(`out[${o}] += in[${i}] * weight[${k}]`);
    }
  }
  return products.sort();
}

function assertCovers(sizes: AxisSizes): void {
  const g = geometryWith(sizes);
  const steps = tapSteps(g, 2);
  const outputs: number[] = [];
  const products: string[] = [];
  for (const run of residueRuns(g, 2)) {
    assert(run.residues > 0 && run.cells > 0, "No run is empty");
    for (let cell = 0; cell < run.cells; cell++) {
      for (let residue = 0; residue < run.residues; residue++) {
        const o = run.output + cell * sizes.stride + residue * run.residueStep;
        outputs.push(o);
        for (let tap = 0; tap < run.taps; tap++) {
          const k = run.firstTap + residue + tap * steps.kernel;
          const i = run.input + cell - tap * steps.input;
          assert(k < sizes.kernel, "Every tap is one of the kernel");
          if (i >= 0 && i < sizes.input) products.push(`out[${o}] += in[${i}] * weight[${k}]`);
        }
      }
    }
  }
  const expected = Array.from({ length: sizes.output }, (_, o) => o);
  assertEquals(outputs.toSorted((a, b) => a - b), expected, JSON.stringify(sizes));
  assertEquals(products.sort(), productsOf(sizes), JSON.stringify(sizes));
}

Deno.test("residueRuns() covers each product for every combination of small numbers", () => {
  const range = (first: number, end: number) =>
    Array.from({ length: end - first + 1 }, (_, index) => first + index);
  for (const input of range(1, 3)) {
    for (const kernel of range(1, 5)) {
      for (const stride of range(1, 6)) {
        for (const dilation of range(1, 4)) {
          for (const padBegin of range(0, 3)) {
            for (const output of [1, 2, 3, 5, 8, 13]) {
              assertCovers({ input, kernel, stride, dilation, padBegin, output });
            }
          }
        }
      }
    }
  }
});

Deno.test("residueRuns() covers each product of random axes, long strides and dilations included", () => {
  const sizes = fc.record({
    input: fc.integer({ min: 1, max: 6 }),
    kernel: fc.integer({ min: 1, max: 150 }),
    stride: fc.integer({ min: 1, max: 200 }),
    dilation: fc.constantFrom(1, 1, 2, 3, 4, 7, 63, 100, 199, 200, 201, 333),
    padBegin: fc.nat(300),
    output: fc.integer({ min: 1, max: 1500 }),
  });
  fc.assert(fc.property(sizes, assertCovers), { seed: 42, numRuns: draws(300) });
});

Deno.test("residueRuns() has few runs however long the stride, the kernel and the input are", () => {
  for (const kernel of [1, 2, 3, 99_999, 100_000, 100_001, 250_000]) {
    for (const padBegin of [0, 1, 50_000, 1_000_000]) {
      const g = geometryWith({
        input: 10_000_000,
        kernel,
        stride: 100_000,
        dilation: 1,
        padBegin,
        output: 100_000_000_000,
      });
      assert(residueRuns(g, 2).length <= 12, `${kernel} ${padBegin}`);
    }
  }
});

Deno.test("residueRuns() takes a kernel as long as its stride in one run", () => {
  const sizes = { input: 5, kernel: 64, stride: 64, dilation: 1, padBegin: 0, output: 320 };
  const [run, ...others] = residueRuns(geometryWith(sizes), 2);
  assertStrictEquals(others.length, 0);
  assertEquals(run, {
    output: 0,
    residues: 64,
    residueStep: 1,
    cells: 5,
    taps: 1,
    firstTap: 0,
    input: 0,
  });
});
