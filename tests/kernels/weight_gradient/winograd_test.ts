import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  WASM_TARGET,
} from "../../../src/codegen/target.ts";
import { weightGradientGeometry } from "../../../src/convolution/adjoint.ts";
import type { Algorithm } from "../../../src/convolution/algorithm.ts";
import { multiplyAdds } from "../../../src/convolution/geometry.ts";
import { planFor } from "../../../src/kernels/choose.ts";
import { collapse } from "../../../src/kernels/collapse.ts";
import { BUFFER, type Plan } from "../../../src/kernels/plan.ts";
import { gradientPlanes } from "../../../src/kernels/weight_gradient/winograd/planes.ts";
import { planWinogradGradient } from "../../../src/kernels/weight_gradient/winograd/plan.ts";
import { geometryOf, type LayerCase, layerCases, relativeError } from "../../_arbitrary.ts";
import { draws } from "../../_depth.ts";
import { runPlan } from "../../_interpret_plan.ts";
import { findDisturbance, findUnrepeatable } from "../../_repeat_plan.ts";
import { caseOf } from "../_cases.ts";
import { assertFits } from "../_tester.ts";
import { type GradientCase, gradientCase, gradientProblem, planOfBody } from "./_problem.ts";

const TARGETS: readonly Target[] = [WASM_TARGET, AVX2_TARGET, AVX512_TARGET];

/** The largest difference from the formula, in proportion to the largest element. */
const MOST_ERROR = 1e-5;

/** The largest tiles that there are, the smallest ones, and some that are not square, by their inputs. */
function plansOf({ problem }: GradientCase): Map<string, Plan> {
  const g = collapse(weightGradientGeometry(problem.geometry));
  const planes = gradientPlanes(g);
  const some = new Set(
    [planes[0], planes[1], planes.at(-1)].filter((plane) => plane !== undefined),
  );
  return new Map(
    [...some].map((plane) => [
      `${plane.height.inputs}x${plane.width.inputs}`,
      planOfBody(planWinogradGradient(problem, g, plane)),
    ]),
  );
}

/** Runs the plans of a case with every access checked: the gradient is the formula's, and nothing more is written. */
function assertGradient(layerCase: LayerCase, target: Target): void {
  const gradient = gradientCase(layerCase, target);
  const { operands, expected } = gradient;
  for (const [tiles, plan] of plansOf(gradient)) {
    const message = `${target.name}, tiles of ${tiles}, ${JSON.stringify(layerCase)}`;
    assertFits(plan, target);
    const output = runPlan(plan, operands)[BUFFER.output] ?? new Float32Array();
    const error = relativeError(output.subarray(0, expected.length), expected);
    assert(error <= MOST_ERROR, `${message}: off by ${error}`);
    assert(output.subarray(expected.length).every(Number.isNaN), `${message}: it writes too far`);
  }
}

/** That tiles of the plans of a case may be run again at any time. */
function assertRepeatable(layerCase: LayerCase, target: Target): void {
  const gradient = gradientCase(layerCase, target);
  for (const [tiles, plan] of plansOf(gradient)) {
    const message = `${target.name}, tiles of ${tiles}, ${JSON.stringify(layerCase)}`;
    assertEquals(findUnrepeatable(plan, gradient.operands), null, message);
    assertEquals(findDisturbance(plan, gradient.operands), null, message);
  }
}

/** Layers each of which takes a way of its own through the programs. */
const CASES: Readonly<Record<string, LayerCase>> = {
  "a layer of one tile": caseOf({ rank: 2, inChannels: 2, outChannels: 3, spatial: [5, 5] }),
  "tiles that the output does not fill": caseOf({
    rank: 2,
    batch: 2,
    inChannels: 3,
    outChannels: 5,
    spatial: [9, 7],
    options: { padding: 1 },
  }),
  "panels, the last one not full": caseOf({
    rank: 2,
    inChannels: 7,
    outChannels: 37,
    spatial: [5, 6],
    options: { padding: 1 },
  }),
  "many tiles, in parts": caseOf({ inChannels: 12, outChannels: 20, spatial: [2402] }),
  "tiles in chunks": caseOf({ inChannels: 2, outChannels: 3, spatial: [3000], kernelSize: 2 }),
  "several blocks of channels": caseOf({
    rank: 2,
    inChannels: 70,
    outChannels: 67,
    spatial: [3, 4],
    kernelSize: 2,
  }),
  "groups": caseOf({
    rank: 2,
    batch: 2,
    inChannels: 12,
    outChannels: 15,
    spatial: [6, 18],
    options: { groups: 3, padding: 1 },
  }),
  "a kernel along the height alone": caseOf({
    rank: 2,
    batch: 3,
    inChannels: 3,
    outChannels: 4,
    spatial: [9, 6],
    kernelSize: [3, 1],
    options: { stride: [1, 2] },
  }),
  "a kernel of some depth": caseOf({
    rank: 3,
    batch: 2,
    inChannels: 3,
    outChannels: 5,
    spatial: [7, 6, 7],
    kernelSize: [3, 3, 2],
    options: { padding: 1, stride: [2, 1, 1] },
  }),
  "a dilation along the depth": caseOf({
    rank: 3,
    inChannels: 2,
    outChannels: 5,
    spatial: [7, 4, 5],
    options: { padding: [2, 1, 1], dilation: [2, 1, 1] },
  }),
  "planes of few tiles": caseOf({
    rank: 3,
    batch: 3,
    inChannels: 3,
    outChannels: 17,
    spatial: [4, 6, 7],
    kernelSize: [1, 3, 3],
    options: { padding: [0, 1, 1] },
  }),
  "a mirrored padding": caseOf({
    rank: 2,
    inChannels: 3,
    outChannels: 17,
    spatial: [7, 9],
    options: { padding: 2, paddingMode: "reflect" },
  }),
  "five taps": caseOf({ inChannels: 4, outChannels: 18, spatial: [61], kernelSize: 5 }),
  "a transposed layer": caseOf({
    transposed: true,
    rank: 2,
    inChannels: 18,
    outChannels: 5,
    spatial: [5, 6],
    options: { padding: 1 },
  }),
};

/** Layers with few taps side by side on their last axes. */
const fewTaps = layerCases().filter((layerCase) => {
  const g = geometryOf(layerCase);
  const work = multiplyAdds(g);
  return work > 0 && work <= 30_000 &&
    gradientPlanes(collapse(weightGradientGeometry(gradientProblem(g, WASM_TARGET).geometry)))
        .length > 0;
});

for (const target of TARGETS) {
  for (const [name, layerCase] of Object.entries(CASES)) {
    Deno.test(`Winograd's algorithm makes the weight gradient of ${name}, ${target.name}`, () => {
      assert(plansOf(gradientCase(layerCase, target)).size > 0);
      assertGradient(layerCase, target);
      assertRepeatable(layerCase, target);
    });
  }

  Deno.test(`Winograd's algorithm makes weight gradients of random layers, ${target.name}`, () => {
    const property = fc.property(fewTaps, (layerCase) => {
      assertGradient(layerCase, target);
      if (layerCase.seed % 8 === 0) assertRepeatable(layerCase, target);
    });
    fc.assert(property, { seed: 82, numRuns: draws(30) });
  });
}

/** Whether a gradient is computed by Winograd's algorithm. */
function isTransformed(layerCase: LayerCase, target: Target, algorithm: Algorithm): boolean {
  const problem = gradientProblem(geometryOf(layerCase), target);
  const { phases } = planFor({ ...problem, algorithm });
  return phases.some(({ name }) => name === "transform gradient");
}

/** A layer of square planes with 3x3 taps. */
function square(channels: number, size: number, changes: Partial<LayerCase> = {}): LayerCase {
  return caseOf({
    rank: 2,
    inChannels: channels,
    outChannels: channels,
    spatial: [size, size],
    options: { padding: 1 },
    ...changes,
  });
}

/** Where it was faster by far on all targets. */
const LARGE_GAINS: readonly LayerCase[] = [square(128, 28, { batch: 4 }), square(64, 112)];

/** Where it was at least 1.1 times as fast, which is too little for AVX-512. */
const GAINS: readonly LayerCase[] = [
  square(64, 56),
  square(256, 14),
  square(512, 7, { batch: 8 }),
  square(32, 32, { batch: 8, outChannels: 64 }),
  square(128, 28, { options: { padding: 1, groups: 4 } }),
  square(32, 28, { rank: 3, spatial: [8, 28, 28] }),
  caseOf({ inChannels: 80, outChannels: 384, spatial: [3000], options: { padding: 1 } }),
];

/** Where it was not, or cannot be. */
const LOSSES: readonly LayerCase[] = [
  square(64, 224, { inChannels: 3 }),
  square(64, 64, { outChannels: 3, batch: 4 }),
  square(128, 56, { options: { padding: 1, groups: 32 } }),
  square(64, 4),
  square(64, 56, { options: { padding: 1, stride: 2 } }),
  square(64, 56, { options: { padding: 2, dilation: 2 } }),
  square(64, 56, { kernelSize: 1, options: {} }),
  square(64, 28, { kernelSize: 7 }),
];

Deno.test("Weight gradients are computed by Winograd's algorithm where it pays", () => {
  for (const target of TARGETS) {
    for (const layerCase of [...LARGE_GAINS, ...GAINS]) {
      const isWanted = target !== AVX512_TARGET || LARGE_GAINS.includes(layerCase);
      const message = `${target.name}, ${JSON.stringify(layerCase)}`;
      assertEquals(isTransformed(layerCase, target, "auto"), isWanted, message);
      assert(!isTransformed(layerCase, target, "direct"), message);
    }
    for (const layerCase of LOSSES) {
      const message = `${target.name}, ${JSON.stringify(layerCase)}`;
      assert(!isTransformed(layerCase, target, "auto"), message);
    }
  }
  // What its sums of few tiles take is more than the products that are saved, but for AVX2.
  assert(!isTransformed(square(512, 7), AVX512_TARGET, "auto"));
  assert(!isTransformed(square(512, 7), WASM_TARGET, "auto"));
});

Deno.test("Weight gradients are computed by Winograd's algorithm where it is asked for and can be", () => {
  for (const target of TARGETS) {
    assert(isTransformed(square(64, 4), target, "winograd"));
    assert(isTransformed(square(3, 5, { kernelSize: [5, 2] }), target, "winograd"));
    assert(!isTransformed(square(64, 4, { options: { stride: 2 } }), target, "winograd"));
  }
});
