import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  WASM_TARGET,
} from "../../../src/codegen/target.ts";
import { multiplyAdds } from "../../../src/convolution/geometry.ts";
import { BUFFER } from "../../../src/kernels/plan.ts";
import { planBiasGradient } from "../../../src/kernels/weight_gradient/bias.ts";
import { planGradientLanes } from "../../../src/kernels/weight_gradient/plan.ts";
import { biasGradientGeometry } from "../../../src/convolution/adjoint.ts";
import {
  geometryOf,
  type LayerCase,
  layerCases,
  operandsOf,
  relativeError,
} from "../../_arbitrary.ts";
import { draws } from "../../_depth.ts";
import { runPlan } from "../../_interpret_plan.ts";
import { findDisturbance, findUnrepeatable } from "../../_repeat_plan.ts";
import { caseOf } from "../_cases.ts";
import { assertFits } from "../_tester.ts";
import { gradientCase, planOfBody } from "./_problem.ts";

const TARGETS: readonly Target[] = [WASM_TARGET, AVX2_TARGET, AVX512_TARGET];
const LANES = ["channels", "pixels"] as const;

/** The largest difference from the formula, in proportion to the largest element. */
const MOST_ERROR = 1e-5;

/** Runs the plans of a case with every access checked: the gradient is the formula's, and nothing more is written. */
function assertGradient(layerCase: LayerCase, target: Target): void {
  const { problem, operands, expected } = gradientCase(layerCase, target);
  for (const lanes of LANES) {
    const message = `${target.name}, ${lanes} in lanes, ${JSON.stringify(layerCase)}`;
    const plan = planOfBody(planGradientLanes(problem, lanes));
    assertFits(plan, target);
    const output = runPlan(plan, operands)[BUFFER.output] ?? new Float32Array();
    const error = relativeError(output.subarray(0, expected.length), expected);
    assert(error <= MOST_ERROR, `${message}: off by ${error}`);
    assert(output.subarray(expected.length).every(Number.isNaN), `${message}: it writes too far`);
  }
}

/** That tiles of the plans of a case may be run again at any time. */
function assertRepeatable(layerCase: LayerCase, target: Target): void {
  const { problem, operands } = gradientCase(layerCase, target);
  for (const lanes of LANES) {
    const message = `${target.name}, ${lanes} in lanes, ${JSON.stringify(layerCase)}`;
    const plan = planOfBody(planGradientLanes(problem, lanes));
    assertEquals(findUnrepeatable(plan, operands), null, message);
    assertEquals(findDisturbance(plan, operands), null, message);
  }
}

/** Layers each of which takes a way of its own through the programs. */
const CASES: Readonly<Record<string, LayerCase>> = {
  "a layer of one register tile": caseOf({ inChannels: 2, outChannels: 3, spatial: [9] }),
  "panels, the last one not full": caseOf({
    rank: 2,
    inChannels: 7,
    outChannels: 37,
    spatial: [5, 6],
    options: { padding: 1 },
  }),
  "pixels in chunks": caseOf({ outChannels: 3, spatial: [5000], options: { padding: 1 } }),
  "rows in chunks, in parts": caseOf({
    rank: 2,
    inChannels: 2,
    outChannels: 20,
    spatial: [70, 90],
    kernelSize: 2,
  }),
  "items in chunks": caseOf({ batch: 5, inChannels: 3, outChannels: 17, spatial: [700] }),
  "planes in chunks": caseOf({ rank: 3, outChannels: 5, spatial: [9, 24, 25], kernelSize: 2 }),
  "rows of many taps": caseOf({ inChannels: 2, outChannels: 9, spatial: [150], kernelSize: 67 }),
  "many rows of taps": caseOf({
    rank: 2,
    inChannels: 2,
    outChannels: 9,
    spatial: [14, 15],
    kernelSize: [9, 7],
    options: { padding: 3 },
  }),
  "many planes of taps": caseOf({
    rank: 3,
    outChannels: 9,
    spatial: [8, 6, 7],
    kernelSize: [5, 3, 3],
    options: { padding: 1 },
  }),
  "a stride": caseOf({
    rank: 2,
    inChannels: 3,
    outChannels: 18,
    spatial: [13, 15],
    options: { stride: 2, padding: 1 },
  }),
  "a stride of many taps": caseOf({
    rank: 2,
    inChannels: 3,
    outChannels: 18,
    spatial: [23, 25],
    kernelSize: 7,
    options: { stride: 2, padding: 3 },
  }),
  "a stride and a dilation": caseOf({
    rank: 2,
    inChannels: 3,
    outChannels: 18,
    spatial: [23, 25],
    options: { stride: [1, 3], padding: 2, dilation: 2 },
  }),
  "one tap with a stride": caseOf({
    rank: 2,
    inChannels: 9,
    outChannels: 18,
    spatial: [9, 11],
    kernelSize: 1,
    options: { stride: 2 },
  }),
  "one tap of many channels": caseOf({
    rank: 2,
    inChannels: 67,
    outChannels: 35,
    spatial: [5, 5],
    kernelSize: 1,
  }),
  "planes that compete for a cache": caseOf({
    rank: 2,
    inChannels: 33,
    outChannels: 5,
    spatial: [32, 32],
    kernelSize: 1,
  }),
  "groups": caseOf({
    rank: 2,
    batch: 2,
    inChannels: 12,
    outChannels: 15,
    spatial: [6, 18],
    options: { groups: 3, padding: 1 },
  }),
  "groups in parts": caseOf({
    batch: 3,
    inChannels: 4,
    outChannels: 6,
    spatial: [1500],
    options: { groups: 2, padding: 1 },
  }),
  "channels by themselves": caseOf({
    rank: 2,
    inChannels: 6,
    outChannels: 12,
    spatial: [9, 20],
    kernelSize: 5,
    options: { groups: 6, padding: 2 },
  }),
  "one output position": caseOf({ batch: 9, inChannels: 5, outChannels: 19, spatial: [3] }),
  "a mirrored padding": caseOf({
    rank: 2,
    inChannels: 3,
    outChannels: 17,
    spatial: [7, 9],
    options: { padding: 2, paddingMode: "reflect" },
  }),
  "a transposed layer": caseOf({
    transposed: true,
    rank: 2,
    inChannels: 18,
    outChannels: 5,
    spatial: [5, 6],
    kernelSize: 4,
    options: { stride: 2, padding: 1 },
  }),
};

for (const target of TARGETS) {
  for (const [name, layerCase] of Object.entries(CASES)) {
    Deno.test(`The weight gradient of ${name} is the formula's, ${target.name}`, () => {
      assertGradient(layerCase, target);
    });
    Deno.test(`Tiles of the weight gradient of ${name} may be run again, ${target.name}`, () => {
      assertRepeatable(layerCase, target);
    });
  }

  Deno.test(`Weight gradients of random layers are the formula's, ${target.name}`, () => {
    const property = fc.property(
      layerCases().filter((layerCase) => {
        const work = multiplyAdds(geometryOf(layerCase));
        return work > 0 && work <= 30_000;
      }),
      (layerCase) => {
        assertGradient(layerCase, target);
        if (layerCase.seed % 8 === 0) assertRepeatable(layerCase, target);
      },
    );
    fc.assert(property, { seed: 81, numRuns: draws(60) });
  });

  Deno.test(`Bias gradients are sums over all pixels and items, ${target.name}`, () => {
    for (const spatial of [[1], [3], [16], [17], [300]]) {
      for (const outChannels of [1, 5, 33]) {
        const layerCase = caseOf({ batch: 3, outChannels, kernelSize: 1, spatial });
        const g = geometryOf(layerCase);
        const { input } = operandsOf({ ...layerCase, inChannels: outChannels });
        const plan = planOfBody(planBiasGradient({
          ...gradientCase(layerCase, target).problem,
          geometry: biasGradientGeometry(g),
          pass: "bias gradient",
        }));
        const operands = { input, weight: new Float32Array(), bias: null };
        const output = runPlan(plan, operands)[BUFFER.output] ?? new Float32Array();
        const expected = new Float64Array(outChannels);
        const pixels = spatial[0] ?? 0;
        input.forEach((value, i) => {
          const channel = Math.floor(i / pixels) % outChannels;
          expected[channel] = (expected[channel] ?? 0) + value;
        });
        assert(relativeError(output.subarray(0, outChannels), expected) <= MOST_ERROR);
        assert(output.subarray(outChannels).every(Number.isNaN));
        assertEquals(findUnrepeatable(plan, operands), null);
      }
    }
  });
}
