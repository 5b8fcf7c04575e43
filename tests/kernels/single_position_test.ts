import { assertEquals, assertStrictEquals } from "@std/assert";
import { AVX2_TARGET, AVX512_TARGET, WASM_TARGET } from "../../src/codegen/target.ts";
import { singlePosition } from "../../src/kernels/single_position.ts";
import type { LayerCase } from "../_arbitrary.ts";
import { geometryOf, operandsOf } from "../_arbitrary.ts";
import { findWrongOutput, outputOf, planOf, runPlan } from "../_interpret_plan.ts";
import { prepare } from "../layers/_layers.ts";
import { caseOf } from "./_cases.ts";

const TARGETS = [WASM_TARGET, AVX2_TARGET, AVX512_TARGET];

/** Kernels whose taps all see a single position. */
const SINGLE: readonly LayerCase[] = [
  caseOf({
    transposed: true,
    spatial: [1],
    kernelSize: 5,
    inChannels: 3,
    outChannels: 7,
    batch: 3,
  }),
  caseOf({
    transposed: true,
    rank: 2,
    spatial: [1, 1],
    kernelSize: 4,
    inChannels: 20,
    outChannels: 9,
  }),
  caseOf({
    transposed: true,
    rank: 2,
    spatial: [1, 1],
    kernelSize: [2, 3],
    inChannels: 6,
    outChannels: 4,
    options: { groups: 2, stride: 2 },
    batch: 2,
    bias: false,
  }),
  caseOf({ transposed: true, rank: 3, spatial: [1, 1, 1], kernelSize: [1, 2, 4] }),
];

Deno.test("Kernels that see a single position are planned as matrices, for every target", () => {
  for (const layerCase of SINGLE) {
    const geometry = geometryOf(layerCase);
    const operands = operandsOf(layerCase);
    for (const target of TARGETS) {
      const plan = planOf(geometry, layerCase.bias, target);
      const output = outputOf(runPlan(plan, operands), geometry);
      assertStrictEquals(findWrongOutput(geometry, operands, output), null);
    }
  }
});

Deno.test("Layers whose kernels see a single position compute the formula", () => {
  for (const layerCase of SINGLE) {
    const output = prepare(layerCase, "auto").forwardSync();
    const wrong = findWrongOutput(geometryOf(layerCase), operandsOf(layerCase), output.data);
    assertStrictEquals(wrong, null, JSON.stringify(layerCase));
  }
});

Deno.test("singlePosition() makes output channels of taps", () => {
  const layerCase = caseOf({ ...SINGLE[1] });
  const single = singlePosition(geometryOf(layerCase));
  assertEquals(single?.geometry.inChannels, 20);
  assertEquals(single?.geometry.outChannels, 9 * 16);
  assertEquals(single?.biasCopies, 16);
});

Deno.test("singlePosition() wants a single position, no padding, and all outputs to see a tap", () => {
  const single = { transposed: true, rank: 2, spatial: [1, 1], kernelSize: 4 } as const;
  const others = [
    caseOf({ rank: 2, spatial: [4, 4], kernelSize: 4 }),
    caseOf({ ...single, kernelSize: 1 }),
    caseOf({ ...single, spatial: [1, 2] }),
    caseOf({ ...single, options: { padding: 1 } }),
    caseOf({ ...single, options: { dilation: 2 } }),
    caseOf({ ...single, options: { stride: 2, outputPadding: 1 } }),
  ];
  for (const layerCase of others) {
    assertStrictEquals(singlePosition(geometryOf(layerCase)), null, JSON.stringify(layerCase));
  }
});
