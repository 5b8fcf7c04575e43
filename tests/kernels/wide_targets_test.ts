import { assert } from "@std/assert";
import * as fc from "fast-check";
import { AVX2_TARGET, AVX512_TARGET, type Target } from "../../src/codegen/target.ts";
import { multiplyAdds } from "../../src/convolution/geometry.ts";
import { NO_EPILOGUE } from "../../src/convolution/epilogue.ts";
import { planFor } from "../../src/kernels/choose.ts";
import type { Plan } from "../../src/kernels/plan.ts";
import type { LayerCase } from "../_arbitrary.ts";
import { geometryOf, layerCases, operandsOf } from "../_arbitrary.ts";
import { draws } from "../_depth.ts";
import { ADDEND, outputOf, planOf, runPlan } from "../_interpret_plan.ts";
import { caseOf } from "./_cases.ts";
import { assertComputes, assertFits } from "./_tester.ts";

const TARGETS: readonly Target[] = [AVX2_TARGET, AVX512_TARGET];

/** The plan without Winograd's algorithm. */
function directPlan(layerCase: LayerCase, target: Target, epilogue = NO_EPILOGUE): Plan {
  const geometry = geometryOf(layerCase);
  return planFor({
    pass: "forward",
    geometry,
    hasBias: layerCase.bias,
    epilogue,
    algorithm: "direct",
    target,
  });
}

/** Which programs a plan's convolution runs: with pixels or with channels in the lanes. */
function hasChannelLanes({ phases }: Plan): boolean {
  return phases.at(-1)?.programs.some(({ name }) => name.includes("channels in lanes")) ?? false;
}

function assertDirect(layerCase: LayerCase, target: Target): void {
  assertComputes(directPlan(layerCase, target), layerCase, target);
}

/** One less, exactly and one more than each of some sizes. */
function around(...sizes: number[]): number[] {
  return [...new Set(sizes.flatMap((size) => [size - 1, size, size + 1]))].filter((n) => n > 0);
}

for (const target of TARGETS) {
  const { lanes } = target;

  Deno.test(`Tiles of pixels end anywhere in vectors of ${target.name}`, () => {
    const tiles = [1, 2, 3, 4, 5, 6, 8, 13];
    for (const outChannels of around(1, 3, 4, 5, 6, 8, 13, 26)) {
      for (const vectors of tiles.filter((vectors) => vectors * outChannels <= 60)) {
        for (const width of around(vectors * lanes)) {
          assertDirect(caseOf({ inChannels: 2, outChannels, spatial: [width] }), target);
        }
      }
    }
  });

  Deno.test(`Tiles of rows end anywhere in vectors of ${target.name}`, () => {
    for (const outChannels of [1, 2, 3, 5, 13, 14]) {
      for (let height = 1; height <= 9; height++) {
        for (const width of [1, 3, ...around(lanes)]) {
          assertDirect(
            caseOf({
              rank: 2,
              inChannels: 2,
              outChannels,
              spatial: [height, width],
              kernelSize: [1, 3],
              options: { padding: [0, 1] },
            }),
            target,
          );
        }
      }
    }
  });

  Deno.test(`Tiles of channels end anywhere in vectors of ${target.name}`, () => {
    let channelPlans = 0;
    for (const outChannels of around(lanes, 2 * lanes, 4 * lanes)) {
      for (const width of [1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 14, 15, 27, 28, 29]) {
        for (const stride of [1, 2]) {
          const layerCase = caseOf({
            rank: 2,
            inChannels: 3,
            outChannels,
            spatial: [1 + (width + outChannels) % 5, width],
            options: { padding: 1, stride },
          });
          if (hasChannelLanes(directPlan(layerCase, target))) channelPlans++;
          assertDirect(layerCase, target);
        }
      }
    }
    assert(channelPlans > 50, `Only ${channelPlans} plans have channels in the lanes`);
  });

  Deno.test(`Sums of channels in vectors of ${target.name} are taken in parts`, () => {
    for (const inChannels of [39, 80, 121]) {
      const layerCase = caseOf({
        rank: 2,
        inChannels,
        outChannels: 2 * lanes + 3,
        spatial: [6, 5],
        options: { padding: 1 },
      });
      assert(hasChannelLanes(directPlan(layerCase, target)));
      assertDirect(layerCase, target);
      assertDirect({ ...layerCase, batch: 2, options: { stride: 2 } }, target);
    }
  });

  Deno.test(`Groups and stride phases fill vectors of ${target.name} with channels`, () => {
    const shapes: Partial<LayerCase>[] = [
      { inChannels: 6, outChannels: 6 * lanes, options: { groups: 3, padding: 1 } },
      { inChannels: 4, outChannels: 4 * lanes + 2, options: { groups: 2 } },
      { transposed: true, inChannels: 3, outChannels: 2 * lanes, options: { stride: 2 } },
      {
        transposed: true,
        inChannels: 4,
        outChannels: 2 * lanes + 6,
        options: { stride: 3, groups: 2 },
      },
      { transposed: true, inChannels: 5, outChannels: lanes - 1, options: { padding: 1 } },
    ];
    let channelPlans = 0;
    for (const shape of shapes) {
      for (const width of [1, 4, 7]) {
        const layerCase = caseOf({ rank: 2, spatial: [5, width + 2], ...shape });
        if (hasChannelLanes(directPlan(layerCase, target))) channelPlans++;
        assertDirect(layerCase, target);
        assertDirect({ ...layerCase, batch: 2, bias: false }, target);
      }
    }
    assert(channelPlans > 5, `Only ${channelPlans} plans have channels in the lanes`);
  });

  Deno.test(`Depthwise tiles end anywhere in vectors of ${target.name}`, () => {
    for (const kernelSize of [1, 2, 3, 5, 7]) {
      for (const width of around(lanes, 2 * lanes, 4 * lanes)) {
        for (const multiplier of [1, 2]) {
          assertDirect(
            caseOf({
              rank: 2,
              inChannels: 3,
              outChannels: 3 * multiplier,
              spatial: [1 + (width + kernelSize) % 9, width],
              kernelSize,
              options: { groups: 3, padding: "same" },
            }),
            target,
          );
        }
      }
    }
    for (const dilation of [1, 3]) {
      assertDirect(
        caseOf({
          inChannels: 2,
          outChannels: 2,
          spatial: [150],
          kernelSize: 31,
          options: { groups: 2, padding: "same", dilation },
        }),
        target,
      );
    }
  });

  Deno.test(`Random plans never keep more registers alive than ${target.name} has`, () => {
    fc.assert(
      fc.property(layerCases(), (layerCase) => {
        if (multiplyAdds(geometryOf(layerCase)) > 0) {
          assertFits(directPlan(layerCase, target), target);
          const activation = "relu6";
          assertFits(
            directPlan(layerCase, target, { add: true, activation, negativeSlope: 0 }),
            target,
          );
        }
      }),
      { seed: 49, numRuns: draws(300) },
    );
  });

  Deno.test(`Outputs are finished in vectors of ${target.name} as they are asked to be`, () => {
    const epilogue = { add: true, activation: "relu", negativeSlope: 0 } as const;
    fc.assert(
      fc.property(layerCases().filter(({ batch }) => batch !== 0), (layerCase) => {
        const geometry = geometryOf(layerCase);
        if (multiplyAdds(geometry) > 60_000) return;
        const operands = operandsOf(layerCase);
        const plain = outputOf(
          runPlan(planOf(geometry, layerCase.bias, target), operands),
          geometry,
        );
        const plan = planOf(geometry, layerCase.bias, target, epilogue);
        const output = outputOf(runPlan(plan, operands), geometry);
        const expected = plain.map((value) => Math.max(0, Math.fround(value + ADDEND)));
        assert(output.every((value, index) => value === expected[index]));
      }),
      { seed: 50, numRuns: draws(60) },
    );
  });
}
