import { assertEquals, assertStrictEquals } from "@std/assert";
import { AVX2_TARGET, AVX512_TARGET, WASM_TARGET } from "../../src/codegen/target.ts";
import { NO_EPILOGUE } from "../../src/convolution/epilogue.ts";
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

/** Single positions whose outputs are as many as taps, but each of another tap, or of none. */
const NEARLY_SINGLE: readonly LayerCase[] = [
  // Cut off on one side, and widened by as much on the other.
  { kernel: 4, stride: 2, dilation: 1, pads: [1, 0], outputPadding: 1 },
  { kernel: 5, stride: 4, dilation: 1, pads: [2, 1], outputPadding: 3 },
  // Spread, and cut off to the kernel's size, on one side or the other.
  { kernel: 3, stride: 1, dilation: 2, pads: [0, 2], outputPadding: 0 },
  { kernel: 3, stride: 1, dilation: 2, pads: [2, 0], outputPadding: 0 },
  { kernel: 2, stride: 1, dilation: 4, pads: [1, 2], outputPadding: 0 },
].flatMap(({ kernel, stride, dilation, pads: [begin = 0, end = 0], outputPadding }) => {
  const common = { transposed: true, inChannels: 3, outChannels: 7, batch: 2 } as const;
  const options = { stride, dilation, outputPadding, padding: [[begin, end]] as const };
  const onAxis = (axis: 0 | 1) => {
    const beside = <T>(one: T, other: T) => axis === 0 ? [one, other] : [other, one];
    return caseOf({
      ...common,
      rank: 2,
      spatial: [1, 1],
      kernelSize: beside(kernel, 3),
      options: {
        stride: beside(stride, 1),
        dilation: beside(dilation, 1),
        outputPadding: beside(outputPadding, 0),
        padding: beside([begin, end] as const, [0, 0] as const),
      },
    });
  };
  return [
    caseOf({ ...common, spatial: [1], kernelSize: kernel, options }),
    onAxis(0),
    onAxis(1),
  ];
});

Deno.test("Single positions that outputs see in part, or spread, are computed by the formula", () => {
  for (const layerCase of NEARLY_SINGLE) {
    const { output, kernel } = geometryOf(layerCase);
    assertEquals(output, kernel);
    const operands = operandsOf(layerCase);
    for (const target of TARGETS) {
      for (const algorithm of ["direct", "auto"] as const) {
        const plan = planOf(geometryOf(layerCase), true, target, NO_EPILOGUE, algorithm);
        const found = outputOf(runPlan(plan, operands), geometryOf(layerCase));
        const wrong = findWrongOutput(geometryOf(layerCase), operands, found);
        assertStrictEquals(wrong, null, JSON.stringify(layerCase));
      }
    }
  }
});

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
    ...NEARLY_SINGLE,
  ];
  for (const layerCase of others) {
    assertStrictEquals(singlePosition(geometryOf(layerCase)), null, JSON.stringify(layerCase));
  }
});
