import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import { type Geometry, multiplyAdds } from "../../src/convolution/geometry.ts";
import { collapse } from "../../src/kernels/collapse.ts";
import { reference } from "../../src/convolution/formula.ts";
import type { LayerCase } from "../_arbitrary.ts";
import { geometryOf, layerCases, operandsOf } from "../_arbitrary.ts";
import { draws } from "../_depth.ts";
import { caseOf } from "./_cases.ts";

function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}

/** Checks that the collapsed geometry is one of the same arrays with the same outputs, bit for bit. */
function assertSameSums(layerCase: LayerCase): void {
  const geometry = geometryOf(layerCase);
  const collapsed = collapse(geometry);
  for (const sizes of ["input", "output", "kernel"] as const) {
    assertStrictEquals(product(collapsed[sizes]), product(geometry[sizes]), `${sizes} elements`);
  }
  const { batch, groups, inChannels, outChannels, transposed, paddingMode } = collapsed;
  assertEquals(
    { batch, groups, inChannels, outChannels, transposed, paddingMode },
    {
      batch: geometry.batch,
      groups: geometry.groups,
      inChannels: geometry.inChannels,
      outChannels: geometry.outChannels,
      transposed: geometry.transposed,
      paddingMode: geometry.paddingMode,
    },
  );
  assertStrictEquals(multiplyAdds(collapsed), multiplyAdds(geometry));
  const operands = operandsOf(layerCase);
  assertEquals(reference(collapsed, operands), reference(geometry, operands));
  assertEquals(collapse(collapsed), collapsed, "There is nothing left to collapse");
}

/** Cases with many axes that a kernel does not look along, or that have a single position. */
function flatCases(): fc.Arbitrary<LayerCase> {
  const axis = fc.record({
    size: fc.constantFrom(1, 1, 2, 3, 5),
    kernel: fc.constantFrom(1, 1, 1, 2, 3),
    stride: fc.constantFrom(1, 1, 1, 2, 3),
    dilation: fc.constantFrom(1, 1, 2),
    padding: fc.constantFrom(0, 0, 0, 1, 2),
    end: fc.constantFrom(0, 0, 0, 1, 2),
    isOneSided: fc.boolean(),
    extension: fc.constantFrom(0, 0, 1),
  });
  return fc.record({
    transposed: fc.boolean(),
    axes: fc.tuple(axis, axis, axis),
    paddingMode: fc.constantFrom("zeros", "zeros", "reflect", "replicate", "circular"),
    seed: fc.nat(),
  }).map(({ transposed, axes, paddingMode, seed }) => {
    const padded = axes.map((axis) => {
      const { size, kernel, dilation, padding, isOneSided, stride, extension } = axis;
      const extent = dilation * (kernel - 1) + 1;
      const most = paddingMode === "reflect" ? size - 1 : paddingMode === "circular" ? size : 2;
      const begin = Math.min(padding, transposed ? Math.floor((extent - 1) / 2) : most);
      const end = isOneSided
        ? Math.min(axis.end, most, transposed ? extent - 1 - begin : 2)
        : begin;
      return {
        size: transposed ? size : Math.max(size, extent - begin - end),
        padding: [begin, end] as const,
        extension: Math.min(extension, Math.max(stride, dilation) - 1),
      };
    });
    return caseOf({
      transposed,
      rank: 3,
      inChannels: 2,
      outChannels: 2,
      spatial: padded.map(({ size }) => size),
      kernelSize: axes.map(({ kernel }) => kernel),
      options: {
        stride: axes.map(({ stride }) => stride),
        dilation: axes.map(({ dilation }) => dilation),
        padding: padded.map(({ padding }) => padding),
        ...(transposed
          ? { outputPadding: padded.map(({ extension }) => extension) }
          : { paddingMode }),
      },
      seed,
    });
  });
}

Deno.test("collapse() leaves the sums of random geometries as they are", () => {
  fc.assert(fc.property(layerCases(), assertSameSums), { seed: 42, numRuns: draws(300) });
});

Deno.test("collapse() leaves the sums of geometries with flat axes as they are", () => {
  fc.assert(fc.property(flatCases(), assertSameSums), { seed: 43, numRuns: draws(1500) });
});

Deno.test("collapse() makes one row of pixels of a pointwise convolution", () => {
  for (const transposed of [false, true]) {
    const geometry = geometryOf(caseOf({ transposed, rank: 3, spatial: [4, 5, 6], kernelSize: 1 }));
    const { input, output, kernel } = collapse(geometry);
    assertEquals({ input, output, kernel }, {
      input: [1, 1, 120],
      output: [1, 1, 120],
      kernel: [1, 1, 1],
    });
  }
});

Deno.test("collapse() makes room for the axes before a last axis of size one", () => {
  const geometry = geometryOf(
    caseOf({
      rank: 3,
      spatial: [9, 8, 1],
      kernelSize: [3, 2, 1],
      options: { stride: [1, 2, 1], padding: [1, 0, 0] },
    }),
  );
  const { input, output, kernel, stride, padBegin, padEnd } = collapse(geometry);
  assertEquals({ input, output, kernel, stride, padBegin, padEnd }, {
    input: [1, 9, 8],
    output: [1, 9, 4],
    kernel: [1, 3, 2],
    stride: [1, 1, 2],
    padBegin: [0, 1, 0],
    padEnd: [0, 1, 0],
  });
});

Deno.test("collapse() merges plain columns into the rows that a kernel looks along", () => {
  const geometry = geometryOf(caseOf({
    rank: 2,
    spatial: [10, 7],
    kernelSize: [3, 1],
    options: { dilation: [2, 1], padding: [[1, 2], 0] },
  }));
  const { input, output, dilation, padBegin, padEnd } = collapse(geometry);
  assertEquals({ input, output, dilation, padBegin, padEnd }, {
    input: [1, 1, 70],
    output: [1, 1, 63],
    dilation: [1, 1, 14],
    padBegin: [0, 0, 7],
    padEnd: [0, 0, 14],
  });
});

Deno.test("collapse() keeps what a kernel looks along, a stride or a padding apart", () => {
  const kept: Partial<LayerCase>[] = [
    { rank: 2, spatial: [6, 7], kernelSize: 3 },
    { rank: 2, spatial: [6, 7], kernelSize: [3, 1], options: { stride: [2, 1] } },
    { rank: 2, spatial: [6, 7], kernelSize: 1, options: { stride: [1, 2] } },
    { rank: 2, spatial: [6, 7], kernelSize: 1, options: { padding: [0, 1] } },
    {
      rank: 2,
      spatial: [6, 7],
      kernelSize: [3, 1],
      options: { padding: [1, 0], paddingMode: "reflect" },
    },
    { rank: 1, spatial: [7], kernelSize: 1 },
    { rank: 1, spatial: [1], kernelSize: 1 },
  ];
  for (const changes of kept) {
    const geometry: Geometry = geometryOf(caseOf(changes));
    assert(collapse(geometry) === geometry, JSON.stringify(changes));
  }
});
