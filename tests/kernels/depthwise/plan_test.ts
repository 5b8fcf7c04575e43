import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  WASM_TARGET,
} from "../../../src/codegen/target.ts";
import type { PaddingMode } from "../../../src/convolution/settings.ts";
import type { LayerCase } from "../../_arbitrary.ts";
import { geometryOf, operandsOf } from "../../_arbitrary.ts";
import { draws } from "../../_depth.ts";
import { ADDEND, outputOf, runPlan, tilesOf } from "../../_interpret_plan.ts";
import { depthwiseCandidate } from "../../../src/kernels/depthwise/candidate.ts";
import { caseOf } from "../_cases.ts";
import { assertComputes, planBy } from "../_tester.ts";

const TARGETS: readonly Target[] = [WASM_TARGET, AVX2_TARGET, AVX512_TARGET];

/** Runs the plans of all targets, and what they compute against the formula. */
function checkCase(layerCase: LayerCase): void {
  for (const target of TARGETS) {
    const plan = planBy(depthwiseCandidate, layerCase, target);
    assertStrictEquals(plan.phases.length, 1);
    assertComputes(plan, layerCase, target);
  }
}

function depthwise(changes: Partial<LayerCase>, channels = 2, multiplier = 1): LayerCase {
  const { options = {} } = changes;
  return caseOf({
    rank: 2,
    inChannels: channels,
    outChannels: channels * multiplier,
    ...changes,
    options: { ...options, groups: channels },
  });
}

Deno.test("Depthwise convolution computes every width and number of rows as the input lies", () => {
  for (let size = 1; size <= 36; size++) {
    const rows = 1 + size * 7 % 19;
    for (const stride of [1, 2, 3]) {
      const options = { padding: 1, stride };
      checkCase(depthwise({ spatial: [rows, size], options }));
      checkCase(depthwise({ rank: 1, spatial: [size * 5], options }, 3, 2));
    }
  }
});

Deno.test("Depthwise convolution computes kernels whose weights do not fit into registers", () => {
  for (const kernelSize of [[5, 5], [7, 7], [31, 1], [1, 31], [2, 20]]) {
    for (const stride of [1, 2]) {
      checkCase(
        depthwise({ spatial: [33, 40], kernelSize, options: { padding: "valid", stride } }),
      );
      const padding = kernelSize.map((size) => size >> 1);
      checkCase(depthwise({ spatial: [9, 21], kernelSize, options: { padding, stride } }));
    }
  }
});

Deno.test("Depthwise convolution computes any padding, mode, stride, dilation and multiplier", () => {
  const cases = fc.record({
    paddingMode: fc.constantFrom<PaddingMode[]>("zeros", "reflect", "replicate", "circular"),
    pads: fc.array(fc.nat(4), { minLength: 4, maxLength: 4 }),
    spatial: fc.tuple(fc.integer({ min: 5, max: 20 }), fc.integer({ min: 5, max: 80 })),
    kernelSize: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
    stride: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 4 })),
    dilation: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    batch: fc.integer({ min: 1, max: 2 }),
    channels: fc.integer({ min: 1, max: 5 }),
    multiplier: fc.integer({ min: 1, max: 2 }),
    bias: fc.boolean(),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(cases, (draft) => {
      const { paddingMode, pads, stride, dilation, channels, multiplier, ...rest } = draft;
      const [top = 0, bottom = 0, left = 0, right = 0] = pads;
      const padding = [[top, bottom], [left, right]] as const;
      const fits = ([0, 1] as const).every((axis) => {
        const seen = (rest.kernelSize[axis] - 1) * dilation[axis] + 1;
        return rest.spatial[axis] + padding[axis][0] + padding[axis][1] >= seen;
      });
      fc.pre(fits);
      const options = { paddingMode, padding, stride, dilation };
      checkCase(depthwise({ ...rest, options }, channels, multiplier));
    }),
    { seed: 50, numRuns: draws(60) },
  );
});

Deno.test("Depthwise convolution of 3-D inputs goes plane by plane", () => {
  const options = { padding: [0, 1, 1], stride: [2, 1, 2] };
  checkCase(depthwise({ rank: 3, spatial: [5, 6, 19], kernelSize: [1, 3, 3], options }));
});

Deno.test("Depthwise convolution is cut into tiles of channels, of rows and of columns", () => {
  const sizes = [[200, 12, 13], [2, 900, 60], [1, 17, 20_000]];
  for (const [channels = 1, rows = 1, columns = 1] of sizes) {
    const layerCase = depthwise({ spatial: [rows, columns], options: { padding: 1 } }, channels);
    checkCase(layerCase);
    const plan = planBy(depthwiseCandidate, layerCase, AVX512_TARGET);
    assert(plan.phases.flatMap(tilesOf).length > 1);
  }
});

Deno.test("Depthwise convolution adds and activates", () => {
  const layerCase = depthwise({ spatial: [9, 37], options: { padding: 1, stride: 2 } }, 3);
  const geometry = geometryOf(layerCase);
  const operands = operandsOf(layerCase);
  const epilogue = { add: true, activation: "relu", negativeSlope: 0 } as const;
  for (const target of TARGETS) {
    const plain = runPlan(planBy(depthwiseCandidate, layerCase, target), operands);
    const finished = runPlan(planBy(depthwiseCandidate, layerCase, target, { epilogue }), operands);
    const expected = outputOf(plain, geometry)
      .map((value) => Math.max(0, Math.fround(value + ADDEND)));
    assertEquals(outputOf(finished, geometry), expected);
  }
});
