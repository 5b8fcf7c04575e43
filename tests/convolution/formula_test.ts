import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import type { Geometry } from "../../src/convolution/geometry.ts";
import type { PaddingMode } from "../../src/convolution/settings.ts";
import { reference, referenceMagnitude } from "../../src/convolution/formula.ts";
import type { LayerCase } from "../_arbitrary.ts";
import { geometryOf, layerCases, operandsOf } from "../_arbitrary.ts";
import { draws } from "../_depth.ts";

function layerCase(changes: Partial<LayerCase>): LayerCase {
  return {
    transposed: false,
    rank: 1,
    batch: 1,
    inChannels: 1,
    outChannels: 1,
    spatial: [4],
    kernelSize: 3,
    bias: false,
    options: {},
    seed: 0,
    ...changes,
  };
}

function compute(
  changes: Partial<LayerCase>,
  input: number[],
  weight: number[],
  bias?: number[],
): number[] {
  const operands = {
    input: Float32Array.from(input),
    weight: Float32Array.from(weight),
    bias: bias ? Float32Array.from(bias) : null,
  };
  return [...reference(geometryOf(layerCase(changes)), operands)];
}

Deno.test("reference() correlates without turning the kernel round", () => {
  assertEquals(compute({}, [1, 2, 3, 4], [1, 10, 100]), [321, 432]);
});

Deno.test("reference() steps by the stride and spreads the taps by the dilation", () => {
  const input = [1, 2, 3, 4, 5, 6, 7];
  assertEquals(
    compute({ spatial: [7], options: { stride: 2 } }, input, [1, 10, 100]),
    [321, 543, 765],
  );
  assertEquals(
    compute({ spatial: [7], options: { dilation: 3 } }, input, [1, 10, 100]),
    [741],
  );
});

Deno.test("reference() pads as each mode says", () => {
  const padded: Record<PaddingMode, number[]> = {
    zeros: [0, 0, 1, 2, 3, 4, 0, 0, 0],
    reflect: [3, 2, 1, 2, 3, 4, 3, 2, 1],
    replicate: [1, 1, 1, 2, 3, 4, 4, 4, 4],
    circular: [3, 4, 1, 2, 3, 4, 1, 2, 3],
  };
  for (const paddingMode of ["zeros", "reflect", "replicate", "circular"] as const) {
    const options = { padding: [[2, 3] as const], paddingMode };
    assertEquals(
      compute({ kernelSize: 1, options }, [1, 2, 3, 4], [1]),
      padded[paddingMode],
    );
  }
});

Deno.test("reference() convolves each group by itself and adds the bias", () => {
  assertEquals(
    compute(
      { inChannels: 2, outChannels: 4, kernelSize: 1, spatial: [2], options: { groups: 2 } },
      [1, 2, 3, 4],
      [1, 10, 100, 1000],
      [0.5, 0, 0, -1],
    ),
    [1.5, 2.5, 10, 20, 300, 400, 2999, 3999],
  );
});

Deno.test("reference() scatters transposed inputs and cuts the padding off", () => {
  const options = { stride: 2 };
  assertEquals(
    compute({ transposed: true, spatial: [3], options }, [1, 2, 3], [1, 10, 100]),
    [1, 10, 102, 20, 203, 30, 300],
  );
  assertEquals(
    compute(
      { transposed: true, spatial: [3], options: { stride: 2, padding: 1, outputPadding: 1 } },
      [1, 2, 3],
      [1, 10, 100],
    ),
    [10, 102, 20, 203, 30, 300],
  );
});

Deno.test("reference() leaves only the bias where no input reaches", () => {
  assertEquals(
    compute(
      { transposed: true, kernelSize: 1, spatial: [2], options: { stride: 3, outputPadding: 2 } },
      [1, 2],
      [10],
      [0.5],
    ),
    [10.5, 0.5, 0.5, 20.5, 0.5, 0.5],
  );
});

Deno.test("reference() reads transposed weights as (in, out / groups, k)", () => {
  assertEquals(
    compute(
      {
        transposed: true,
        inChannels: 2,
        outChannels: 2,
        kernelSize: 1,
        spatial: [1],
      },
      [1, 2],
      [1, 10, 100, 1000],
    ),
    [201, 2010],
  );
});

Deno.test("reference() keeps rows and columns apart", () => {
  const input = [1, 2, 3, 4, 5, 6];
  assertEquals(
    compute({ rank: 2, spatial: [2, 3], kernelSize: [2, 1] }, input, [1, 10]),
    [41, 52, 63],
  );
  assertEquals(
    compute({ rank: 2, spatial: [2, 3], kernelSize: [1, 2] }, input, [1, 10]),
    [21, 32, 54, 65],
  );
  assertEquals(
    compute({ rank: 3, spatial: [2, 1, 3], kernelSize: [2, 1, 2] }, input, [1, 10, 100, 1000]),
    [5421, 6532],
  );
});

Deno.test("reference() multiplies zero padding like any other input", () => {
  const result = compute({ kernelSize: 1, options: { padding: 1 } }, [1, 2, 3, 4], [Infinity]);
  assertEquals(result, [NaN, Infinity, Infinity, Infinity, Infinity, NaN]);
});

Deno.test("reference() of a transposed convolution is the adjoint of the convolution", () => {
  fc.assert(
    fc.property(
      layerCases().filter(({ transposed, options }) =>
        !transposed && options.paddingMode === "zeros"
      ),
      (downCase) => {
        const down = geometryOf(downCase);
        const { input: x, weight } = operandsOf(downCase);
        const up: Geometry = {
          ...down,
          transposed: true,
          inChannels: down.outChannels,
          outChannels: down.inChannels,
          input: down.output,
          output: down.input,
        };
        const downX = reference(down, { input: x, weight });
        const y = Float32Array.from(downX, (_, index) => Math.sin(index + downCase.seed));
        const upY = reference(up, { input: y, weight });
        const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
          Array.from(a).reduce((sum, value, index) => sum + value * (b[index] ?? NaN), 0);
        const magnitude = dot(
          referenceMagnitude(down, { input: x, weight }),
          y.map(Math.abs),
        );
        assert(Math.abs(dot(downX, y) - dot(x, upY)) <= 1e-12 * magnitude);
      },
    ),
    { seed: 42, numRuns: draws(150) },
  );
});

Deno.test("referenceMagnitude() sums the absolute products", () => {
  const operands = {
    input: Float32Array.of(1, -2, 3),
    weight: Float32Array.of(-1, 1, 2),
    bias: Float32Array.of(-4),
  };
  const geometry = geometryOf(layerCase({ spatial: [3] }));
  assertEquals([...reference(geometry, operands)], [-1]);
  assertEquals([...referenceMagnitude(geometry, operands)], [13]);
});
