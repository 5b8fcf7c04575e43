import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  WASM_TARGET,
} from "../../../src/codegen/target.ts";
import { multiplyAdds } from "../../../src/convolution/geometry.ts";
import { planPointwise } from "../../../src/kernels/matrix/plan.ts";
import { geometryOf, type LayerCase, layerCases, operandsOf } from "../../_arbitrary.ts";
import { draws } from "../../_depth.ts";
import { outputOf, runPlan } from "../../_interpret_plan.ts";
import { caseOf } from "../_cases.ts";
import { assertComputes, planBy, planWith, problemOf } from "../_tester.ts";
import { matrixCandidate } from "../../../src/kernels/matrix/candidate.ts";

/** Runs what the family offers. */
function assertOffered(layerCase: LayerCase, target: Target): void {
  assertComputes(planBy(matrixCandidate, layerCase, target), layerCase, target);
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
        assertOffered(
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
      assertOffered(layerCase, target);
      assertOffered({ ...layerCase, batch: 2, bias: false }, target);
    }
  });

  Deno.test(`Transposed convolutions without a stride are products of ${target.name}, too`, () => {
    const transposed = { transposed: true, rank: 2, inChannels: 6, spatial: [17, 19] } as const;
    const groups = 2;
    const cases: readonly Partial<LayerCase>[] = [
      { kernelSize: 1 },
      { kernelSize: 1, batch: 2, options: { groups } },
      { rank: 1, spatial: [300], kernelSize: 2, options: { dilation: 9 } },
      { rank: 1, spatial: [300], kernelSize: 5, options: { padding: 3, groups } },
      { rank: 3, spatial: [3, 17, 19], kernelSize: [2, 1, 3], options: { padding: [1, 0, 1] } },
      ...(target.cheapBroadcast
        ? [
          { kernelSize: [3, 2], options: { padding: [1, 0], dilation: [1, 2] } },
          { kernelSize: 3, options: { groups } },
        ]
        : []),
    ];
    for (const changes of cases) {
      const layerCase = caseOf({ ...transposed, outChannels: 26, ...changes });
      // In WebAssembly pixels that lie apart are brought together one by one.
      if (layerCase.rank === 3 && !target.cheapBroadcast) continue;
      assertOffered(layerCase, target);
    }
  });

  Deno.test(`Rows of every stride follow one another in vectors of ${target.name}`, () => {
    for (const stride of [[1, 2], [2, 2], [2, 1], [3, 3]]) {
      for (const columns of [16, 21, 28, 33]) {
        const rows = Math.ceil(257 / columns);
        const spatial = [(rows - 1) * (stride[0] ?? 1) + 1, (columns - 1) * (stride[1] ?? 1) + 2];
        assertOffered(
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
          assertOffered(
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
    assertOffered(layerCase, target);
  });

  Deno.test(`Random convolutions are products of matrices in vectors of ${target.name}`, () => {
    const cases = layerCases().filter(({ transposed, batch, options }) =>
      !transposed && batch !== 0 && (options.paddingMode ?? "zeros") === "zeros"
    );
    fc.assert(
      fc.property(cases, (layerCase) => {
        if (multiplyAdds(geometryOf(layerCase)) > 60_000) return;
        assertComputes(planWith(planPointwise, layerCase, target), layerCase, target);
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
    const whole = outputOf(runPlan(planBy(matrixCandidate, many, target), operands), geometry);
    const alone = outputOf(runPlan(planBy(matrixCandidate, one, target), first), single);
    assertEquals(alone, whole.slice(0, alone.length));
  });
}

Deno.test("Small planes, few channels and other padding are left to other families", () => {
  const layerCase = caseOf({ inChannels: 8, outChannels: 16, kernelSize: 1, spatial: [300] });
  const isOffered = (changes: Partial<LayerCase>) =>
    matrixCandidate(problemOf({ ...layerCase, ...changes }, AVX512_TARGET)) !== null;
  assert(isOffered({}));
  assert(!isOffered({ spatial: [255] }));
  assert(!isOffered({ outChannels: 11 }));
  assert(!isOffered({ options: { padding: 3, paddingMode: "reflect" } }));
});
