import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  WASM_TARGET,
} from "../../../src/codegen/target.ts";
import { multiplyAdds } from "../../../src/convolution/geometry.ts";
import { NO_EPILOGUE } from "../../../src/convolution/epilogue.ts";
import { planFor } from "../../../src/kernels/choose.ts";
import type { Plan } from "../../../src/kernels/plan.ts";
import { planPointwise } from "../../../src/kernels/matrix/plan.ts";
import { usableRegisters } from "../../../src/kernels/common/register_tile.ts";
import { geometryOf, type LayerCase, layerCases, operandsOf } from "../../_arbitrary.ts";
import { draws } from "../../_depth.ts";
import { behindOutput, findWrongOutput, outputOf, runPlan } from "../../_interpret_plan.ts";
import { liveRegisters } from "../../_live_registers.ts";
import { caseOf } from "../_cases.ts";

function directPlan(layerCase: LayerCase, target: Target): Plan {
  const geometry = geometryOf(layerCase);
  const hasBias = layerCase.bias;
  return planFor({ geometry, hasBias, epilogue: NO_EPILOGUE, algorithm: "direct", target });
}

/** A plan of the family, whether it would be chosen or not. */
function pointwisePlan(layerCase: LayerCase, target: Target): Plan {
  const geometry = geometryOf(layerCase);
  const request = { geometry, hasBias: layerCase.bias, epilogue: NO_EPILOGUE, target };
  return { ...planPointwise({ ...request, algorithm: "direct" }), id: "test", biasCopies: 1 };
}

/** Runs a plan with every access checked, and its output against the formula. */
function assertComputes(layerCase: LayerCase, target: Target, plan: Plan): void {
  const geometry = geometryOf(layerCase);
  const operands = operandsOf(layerCase);
  const usable = target.cheapBroadcast ? usableRegisters(target) : target.registers;
  for (const { programs } of [...plan.preparation, ...plan.phases]) {
    for (const program of programs) {
      const live = liveRegisters(program);
      assert(live <= usable, `${target.name} ${program.name}: ${live} live`);
    }
  }
  const memory = runPlan(plan, operands);
  const wrong = findWrongOutput(geometry, operands, outputOf(memory, geometry));
  assertStrictEquals(wrong, null, `${target.name} ${JSON.stringify(layerCase)}`);
  assert(behindOutput(memory, geometry).every(Number.isNaN), "The output ends where it should");
}

/** The same of the plan that is made, which must be of the family. */
function assertChosen(layerCase: LayerCase, target: Target): void {
  const plan = directPlan(layerCase, target);
  assertEquals(plan.family, "pointwise", JSON.stringify(layerCase));
  assertComputes(layerCase, target, plan);
}

/** One less, exactly and one more than each of some sizes. */
function around(...sizes: number[]): number[] {
  return [...new Set(sizes.flatMap((size) => [size - 1, size, size + 1]))];
}

for (const target of [WASM_TARGET, AVX2_TARGET, AVX512_TARGET]) {
  const { lanes } = target;

  Deno.test(`Panels of channels and of pixels end anywhere in vectors of ${target.name}`, () => {
    for (const outChannels of [12, ...around(15, 26, 39)]) {
      for (const width of [256, ...around(256 + lanes, 256 + 2 * lanes)]) {
        assertChosen(
          caseOf({ inChannels: 3, outChannels, kernelSize: 1, spatial: [width] }),
          target,
        );
      }
    }
  });

  Deno.test(`Tiles of pixels end anywhere in vectors of ${target.name}`, () => {
    for (const width of around(512, 512 + 2 * lanes, 1024)) {
      const layerCase = caseOf({
        inChannels: 4,
        outChannels: 24,
        kernelSize: 1,
        spatial: [width],
        options: { groups: 2 },
      });
      assertChosen(layerCase, target);
      assertChosen({ ...layerCase, batch: 2, bias: false }, target);
    }
  });

  Deno.test(`Rows of every stride follow one another in vectors of ${target.name}`, () => {
    for (const stride of [[1, 2], [2, 2], [2, 1], [3, 3]]) {
      for (const columns of [16, 21, 28, 33]) {
        const rows = Math.ceil(257 / columns);
        const spatial = [(rows - 1) * (stride[0] ?? 1) + 1, (columns - 1) * (stride[1] ?? 1) + 2];
        assertChosen(
          caseOf({
            rank: 2,
            inChannels: 5,
            outChannels: 14,
            kernelSize: 1,
            spatial,
            options: { stride },
          }),
          target,
        );
      }
    }
  });

  Deno.test(`Long rows of taps are padded on their way into vectors of ${target.name}`, () => {
    for (const kernelSize of [2, 3, 10]) {
      for (const stride of [1, 2, 5]) {
        for (const padding of [0, 1, 7]) {
          const options = { stride, padding, dilation: 1 + padding % 3 };
          const spatial = [300 * stride + 20];
          assertChosen(
            caseOf({ inChannels: 2, outChannels: 13, kernelSize, spatial, options }),
            target,
          );
        }
      }
    }
  });

  Deno.test(`Many terms of a sum leave few pixels for a tile of ${target.name}`, () => {
    const layerCase = caseOf({
      inChannels: 700,
      outChannels: 13,
      kernelSize: 2,
      spatial: [300],
      options: { dilation: 30 },
    });
    assertChosen(layerCase, target);
  });

  Deno.test(`Random convolutions are products of matrices in vectors of ${target.name}`, () => {
    const cases = layerCases().filter(({ transposed, batch, options }) =>
      !transposed && batch !== 0 && (options.paddingMode ?? "zeros") === "zeros"
    );
    fc.assert(
      fc.property(cases, (layerCase) => {
        if (multiplyAdds(geometryOf(layerCase)) > 60_000) return;
        assertComputes(layerCase, target, pointwisePlan(layerCase, target));
      }),
      { seed: 61, numRuns: draws(300) },
    );
  });

  Deno.test(`How an item is cut into tiles of ${target.name} does not change its bits`, () => {
    const one = caseOf({ inChannels: 9, outChannels: 300, kernelSize: 1, spatial: [700] });
    const many = { ...one, batch: 12 };
    const [geometry, single] = [geometryOf(many), geometryOf(one)];
    const operands = operandsOf(many);
    const first = { ...operands, input: operands.input.slice(0, 9 * 700) };
    const whole = outputOf(runPlan(directPlan(many, target), operands), geometry);
    const alone = outputOf(runPlan(directPlan(one, target), first), single);
    assertEquals(alone, whole.slice(0, alone.length));
  });
}

Deno.test("Small planes, few channels and other padding are left to other families", () => {
  const layerCase = caseOf({ inChannels: 8, outChannels: 16, kernelSize: 1, spatial: [300] });
  const familyOf = (changes: Partial<LayerCase>) =>
    directPlan({ ...layerCase, ...changes }, AVX512_TARGET).family;
  assertEquals(familyOf({}), "pointwise");
  assertEquals(familyOf({ spatial: [255] }), "direct");
  assertEquals(familyOf({ outChannels: 11 }), "direct");
  assertEquals(familyOf({ options: { padding: 3, paddingMode: "reflect" } }), "direct");
});
