import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  WASM_TARGET,
} from "../../../src/codegen/target.ts";
import { fitsRegisters, phasedTaps, unitSteps } from "../../../src/kernels/transposed/units.ts";
import type { Plan } from "../../../src/kernels/plan.ts";
import { geometryOf, type LayerCase, operandsOf } from "../../_arbitrary.ts";
import { ADDEND, outputOf, planOf, runPlan } from "../../_interpret_plan.ts";
import { caseOf } from "../_cases.ts";
import { assertComputes } from "../_tester.ts";

const TARGETS: readonly Target[] = [WASM_TARGET, AVX2_TARGET, AVX512_TARGET];

function hasColumnPhases({ phases }: Plan): boolean {
  return phases.at(-1)?.programs.some(({ name }) => name.includes("column phases")) ?? false;
}

/** A transposed convolution with few enough channels that phases are taken together. */
function transposedCase(changes: Partial<LayerCase>): LayerCase {
  return caseOf({ transposed: true, inChannels: 2, outChannels: 3, ...changes });
}

function outputOfCase(layerCase: LayerCase, target: Target): Float32Array {
  const geometry = geometryOf(layerCase);
  const plan = planOf(geometry, layerCase.bias, target);
  assert(hasColumnPhases(plan), `${target.name} ${JSON.stringify(layerCase)}`);
  return outputOf(runPlan(plan, operandsOf(layerCase)), geometry);
}

/**
 * Runs the plan of a case, and that with an epilogue.
 *
 * @returns Whether it takes the column phases together.
 */
function assertTransposed(layerCase: LayerCase, target: Target): boolean {
  const geometry = geometryOf(layerCase);
  const plan = planOf(geometry, layerCase.bias, target);
  const output = assertComputes(plan, layerCase, target);
  const epilogue = { add: true, activation: "relu", negativeSlope: 0 } as const;
  const finished = planOf(geometry, layerCase.bias, target, epilogue);
  assertEquals(
    outputOf(runPlan(finished, operandsOf(layerCase)), geometry),
    output.map((value) => Math.max(0, Math.fround(value + ADDEND))),
    `${target.name} ${JSON.stringify(layerCase)}`,
  );
  return hasColumnPhases(plan);
}

Deno.test("unitSteps() lets phases share the inputs that they both see", () => {
  const steps = unitSteps([
    { taps: [1, 3], inputs: [0, -1] },
    { taps: [0, 2], inputs: [1, 0] },
  ]);
  assertEquals(steps, [
    { input: -1, uses: [{ phase: 0, tap: 3 }] },
    { input: 0, uses: [{ phase: 0, tap: 1 }, { phase: 1, tap: 2 }] },
    { input: 1, uses: [{ phase: 1, tap: 0 }] },
  ]);
});

Deno.test("phasedTaps() has the input of every product in the order of the weights", () => {
  const steps = [{ offset: 0, phases: [0] }, { offset: 4, phases: [0, 1] }];
  assertEquals(phasedTaps([100, 0], steps), [100, 104, 104, 0, 4, 4]);
});

for (const target of TARGETS) {
  const { lanes } = target;

  Deno.test(`Column phases end anywhere in vectors of ${target.name}`, () => {
    for (const stride of [2, 3, 4, 8].filter((stride) => fitsRegisters(target, stride))) {
      let together = 0;
      let cases = 0;
      for (const units of [1, 2, lanes - 1, lanes, lanes + 1, 2 * lanes, 4 * lanes + 1]) {
        for (let outputPadding = 0; outputPadding < stride; outputPadding++) {
          const layerCase = transposedCase({
            spatial: [units],
            kernelSize: 1 + (units + outputPadding) % (stride + 2),
            options: { stride, outputPadding },
          });
          cases++;
          if (assertTransposed(layerCase, target)) together++;
        }
      }
      assert(together > cases / 2, `Only ${together} of ${cases}, stride ${stride}`);
    }
  });

  Deno.test(`Column phases of ${target.name} may have any taps`, () => {
    for (const stride of [2, 3, 4]) {
      for (const kernelSize of [1, 2, 3, 4, 5, 7]) {
        for (const dilation of [1, 2, 3]) {
          for (const padding of [0, 1, 3].filter((p) => 2 * p < dilation * (kernelSize - 1) + 1)) {
            assertTransposed(
              transposedCase({
                rank: 2,
                spatial: [2, lanes + 3],
                kernelSize,
                options: { stride: [2, stride], dilation, padding },
              }),
              target,
            );
          }
        }
      }
    }
  });

  Deno.test(`Column phases of ${target.name} share registers among any channels`, () => {
    for (const outChannels of [1, 2, 3, 4, 5, 6, 7, 8, 13, 14, 15, 29]) {
      for (const stride of [2, 3, 4]) {
        assertTransposed(
          transposedCase({
            rank: 2,
            batch: 2,
            inChannels: 4,
            outChannels: 2 * outChannels,
            spatial: [3, lanes],
            kernelSize: 3,
            options: { stride, groups: 2, padding: 1 },
          }),
          target,
        );
      }
    }
  });

  Deno.test(`Sums of column phases are taken in parts in vectors of ${target.name}`, () => {
    const layerCase = transposedCase({
      rank: 2,
      inChannels: 150,
      outChannels: 10,
      spatial: [2, 3 * lanes],
      kernelSize: 2,
      options: { stride: 2 },
    });
    assertTransposed(layerCase, target);
    assertTransposed({ ...layerCase, spatial: [2, 3 * lanes + 1], kernelSize: [3, 5] }, target);
  });

  Deno.test(`Column phases of ${target.name} round alike wherever tiles end`, () => {
    const layerCase = transposedCase({
      inChannels: 40,
      outChannels: 9,
      spatial: [1500],
      kernelSize: 3,
      options: { stride: 2, padding: 1 },
    });
    const long = geometryOf(layerCase).output[2];
    const inputs = operandsOf(layerCase).input;
    const plan = planOf(geometryOf(layerCase), true, target);
    assert(hasColumnPhases(plan));
    const output = outputOf(runPlan(plan, operandsOf(layerCase)), geometryOf(layerCase));
    for (const width of [lanes + 1, 3 * lanes, 700]) {
      const short = { ...layerCase, spatial: [width] };
      const geometry = geometryOf(short);
      const input = Float32Array.from(
        { length: 40 * width },
        (_, i) => inputs[Math.floor(i / width) * 1500 + i % width] ?? NaN,
      );
      const shortPlan = planOf(geometry, true, target);
      const shortOutput = outputOf(
        runPlan(shortPlan, { ...operandsOf(layerCase), input }),
        geometry,
      );
      const size = geometry.output[2];
      // The last pixels see what the longer row has behind the shorter one's end.
      for (let i = 0; i < 9 * size; i++) {
        if (i % size >= size - 2 || !hasColumnPhases(shortPlan)) continue;
        assertStrictEquals(shortOutput[i], output[Math.floor(i / size) * long + i % size]);
      }
    }
  });
}

Deno.test("Column phases are taken together in all targets for a layer that doubles an image", () => {
  for (const target of TARGETS) {
    outputOfCase(
      transposedCase({
        rank: 2,
        inChannels: 6,
        outChannels: 4,
        spatial: [3, 2 * target.lanes],
        kernelSize: 2,
        options: { stride: 2 },
      }),
      target,
    );
  }
});
