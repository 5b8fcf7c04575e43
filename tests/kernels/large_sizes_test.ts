import { assert, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import { AVX2_TARGET, AVX512_TARGET, WASM_TARGET } from "../../src/codegen/target.ts";
import { multiplyAdds } from "../../src/convolution/geometry.ts";
import type { PaddingMode } from "../../src/convolution/settings.ts";
import { NO_EPILOGUE } from "../../src/convolution/epilogue.ts";
import { geometryOf, type LayerCase, operandsOf } from "../_arbitrary.ts";
import { draws } from "../_depth.ts";
import { behindOutput, findWrongOutput, outputOf, planOf, runPlan } from "../_interpret_plan.ts";
import { caseOf } from "./_cases.ts";

/** Kernels of so many taps that they are not listed. */
function manyTaps(): fc.Arbitrary<LayerCase> {
  return fc.record({
    kernelSize: fc.constantFrom([1100], [1031], [1, 1500], [700, 2], [33, 40], [2, 23, 29]),
    inChannels: fc.integer({ min: 1, max: 3 }),
    outChannels: fc.constantFrom(1, 3, 12),
    groups: fc.constantFrom(1, 1, 2),
    stride: fc.constantFrom(1, 1, 2, 3),
    dilation: fc.constantFrom(1, 1, 2),
    outputs: fc.integer({ min: 1, max: 20 }),
    paddingMode: fc.constantFrom<PaddingMode[]>("zeros", "zeros", "replicate"),
    padding: fc.constantFrom(0, 1, 40),
    seed: fc.nat(),
  }).map(({ kernelSize, groups, inChannels, outChannels, outputs, ...draft }) => {
    const { stride, dilation, paddingMode, padding, seed } = draft;
    const last = kernelSize.length - 1;
    return caseOf({
      rank: kernelSize.length === 1 ? 1 : kernelSize.length === 2 ? 2 : 3,
      kernelSize,
      spatial: kernelSize.map((taps, axis) =>
        (taps - 1) * dilation + (axis === last ? outputs : 1)
      ),
      inChannels: inChannels * groups,
      outChannels: outChannels * groups,
      options: { stride, dilation, groups, paddingMode, padding },
      seed,
    });
  });
}

/** Padding, dilation and strides along one axis that are much larger than the rest. */
function farAxes(): fc.Arbitrary<LayerCase> {
  const far = fc.constantFrom(0, 0, 1, 3, 500, 900);
  return fc.record({
    kernel: fc.integer({ min: 1, max: 5 }),
    size: fc.constantFrom(1, 2, 17, 300, 1000),
    dilation: fc.constantFrom(1, 2, 40, 600),
    stride: fc.constantFrom(1, 1, 2, 3, 600),
    begin: far,
    end: far,
    channels: fc.constantFrom([1, 1, 1], [3, 3, 3], [4, 16, 1], [32, 2, 1], [8, 24, 2]),
    isColumn: fc.boolean(),
    paddingMode: fc.constantFrom<PaddingMode[]>(
      "zeros",
      "zeros",
      "reflect",
      "replicate",
      "circular",
    ),
    seed: fc.nat(),
  }).map(({ kernel, size, dilation, stride, begin, end, channels, isColumn, ...draft }) => {
    const { paddingMode, seed } = draft;
    const [inChannels = 1, outChannels = 1, groups = 1] = channels;
    const most = { zeros: 900, replicate: 900, reflect: size - 1, circular: size }[paddingMode];
    const pads = [Math.min(begin, most), Math.min(end, most)] as const;
    const least = (kernel - 1) * dilation + 1 - pads[0] - pads[1];
    const spatial = Math.max(size, least);
    return caseOf({
      rank: isColumn ? 2 : 1,
      kernelSize: isColumn ? [kernel, 1] : kernel,
      spatial: isColumn ? [spatial, 3] : [spatial],
      inChannels,
      outChannels,
      options: {
        stride: isColumn ? [stride, 1] : stride,
        dilation: isColumn ? [dilation, 1] : dilation,
        groups,
        paddingMode,
        padding: isColumn ? [pads, 0] : [pads],
      },
      seed,
    });
  });
}

/** More residues of a column stride than are sorted. */
function manyResidues(): fc.Arbitrary<LayerCase> {
  return fc.record({
    stride: fc.constantFrom(513, 600, 1024),
    kernel: fc.constantFrom(520, 700, 1300),
    dilation: fc.constantFrom(1, 1, 3),
    outputs: fc.integer({ min: 1, max: 4 }),
    outChannels: fc.constantFrom(1, 5, 17),
    padding: fc.constantFrom(0, 7),
    seed: fc.nat(),
  }).map(({ stride, kernel, dilation, outputs, outChannels, padding, seed }) =>
    caseOf({
      kernelSize: kernel,
      spatial: [(kernel - 1) * dilation + 1 + (outputs - 1) * stride],
      inChannels: 2,
      outChannels,
      options: { stride, dilation, padding },
      seed,
    })
  );
}

const MOST_MULTIPLY_ADDS = 2e6;

const KINDS = {
  "Kernels of many taps": manyTaps(),
  "Far padding, dilation and strides": farAxes(),
  "Strides with many residues": manyResidues(),
};

for (const [name, cases] of Object.entries(KINDS)) {
  for (const target of [WASM_TARGET, AVX2_TARGET, AVX512_TARGET]) {
    Deno.test(`${name} compute what the formula says, ${target.name}`, () => {
      const small = cases.filter((layerCase) =>
        multiplyAdds(geometryOf(layerCase)) <= MOST_MULTIPLY_ADDS
      );
      fc.assert(
        fc.property(small, (layerCase) => {
          const geometry = geometryOf(layerCase);
          const operands = operandsOf(layerCase);
          const algorithm = layerCase.seed % 2 === 0 ? "auto" : "direct";
          const plan = planOf(geometry, layerCase.bias, target, NO_EPILOGUE, algorithm);
          const memory = runPlan(plan, operands);
          const output = outputOf(memory, geometry);
          assertStrictEquals(findWrongOutput(geometry, operands, output, plan.family), null);
          assert(behindOutput(memory, geometry).every(Number.isNaN));
        }),
        { seed: 5, numRuns: draws(15) },
      );
    });
  }
}
