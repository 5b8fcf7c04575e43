import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { AVX2_TARGET, AVX512_TARGET, type Target, WASM_TARGET } from "../../src/codegen/target.ts";
import { multiplyAdds } from "../../src/convolution/geometry.ts";
import { type Epilogue, NO_EPILOGUE } from "../../src/convolution/epilogue.ts";
import type { Plan } from "../../src/kernels/plan.ts";
import { geometryOf, type LayerCase, layerCases, operandsOf } from "../_arbitrary.ts";
import { draws } from "../_depth.ts";
import { findDisturbance, findUnrepeatable } from "../_repeat_plan.ts";
import { longRowCases } from "./_cases.ts";
import { CHOSEN_CASES, plansOf } from "./_plans.ts";

const TARGETS: readonly Target[] = [WASM_TARGET, AVX2_TARGET, AVX512_TARGET];

/** One that uses everything that an output can be finished with. */
const EPILOGUE: Epilogue = { add: true, activation: "leakyRelu", negativeSlope: 0.1 };

/** That nothing of a plan's programs keeps their tiles from being run again. */
function assertRepeatable(plan: Plan, layerCase: LayerCase): void {
  const name = `${plan.family}, ${plan.id}, ${JSON.stringify(layerCase)}`;
  assertEquals(findUnrepeatable(plan, operandsOf(layerCase)), null, name);
}

/** That results stay the same if they are. */
function assertUndisturbed(plan: Plan, layerCase: LayerCase): void {
  const name = `${plan.family}, ${plan.id}, ${JSON.stringify(layerCase)}`;
  assertEquals(findDisturbance(plan, operandsOf(layerCase)), null, name);
}

/** Cases with at least one batch item and at most so much work: interpreting is slow. */
function cases(all: fc.Arbitrary<LayerCase>, mostMultiplyAdds: number): fc.Arbitrary<LayerCase> {
  return all.filter((layerCase) => {
    const work = multiplyAdds(geometryOf(layerCase));
    return work > 0 && work <= mostMultiplyAdds;
  });
}

for (const target of TARGETS) {
  for (const [what, layerCase] of Object.entries(CHOSEN_CASES)) {
    Deno.test(`Tiles of ${what} for ${target.name} may be run again at any time`, () => {
      for (const plan of plansOf(layerCase, target, EPILOGUE)) {
        assertRepeatable(plan, layerCase);
        assertUndisturbed(plan, layerCase);
      }
    });
  }

  Deno.test(`Tiles of random plans for ${target.name} may be run again at any time`, () => {
    const property = fc.property(
      cases(layerCases(), 20_000),
      fc.constantFrom(NO_EPILOGUE, EPILOGUE),
      (layerCase, epilogue) => {
        for (const plan of plansOf(layerCase, target, epilogue)) assertRepeatable(plan, layerCase);
      },
    );
    fc.assert(property, { numRuns: draws(40) });
  });

  Deno.test(`Tiles of long rows on many channels for ${target.name} may be run again at any time`, () => {
    const property = fc.property(cases(longRowCases(), 60_000), (layerCase) => {
      for (const plan of plansOf(layerCase, target, NO_EPILOGUE)) assertRepeatable(plan, layerCase);
    });
    fc.assert(property, { numRuns: draws(10) });
  });
}
