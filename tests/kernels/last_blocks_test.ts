import { assert, assertStrictEquals } from "@std/assert";
import { AVX2_TARGET, AVX512_TARGET, type Target, WASM_TARGET } from "../../src/codegen/target.ts";
import { NO_EPILOGUE } from "../../src/convolution/epilogue.ts";
import type { Algorithm } from "../../src/convolution/algorithm.ts";
import type { LayerCase } from "../_arbitrary.ts";
import { geometryOf, operandsOf } from "../_arbitrary.ts";
import { behindOutput, findWrongOutput, outputOf, planOf, runPlan } from "../_interpret_plan.ts";
import { caseOf } from "./_cases.ts";

const TARGETS: readonly Target[] = [WASM_TARGET, AVX2_TARGET, AVX512_TARGET];

/** Checks a case's outputs, with every access checked, and that nothing is written behind them. */
function check(layerCase: LayerCase, target: Target, algorithm: Algorithm = "direct"): void {
  const geometry = geometryOf(layerCase);
  const operands = operandsOf(layerCase);
  const plan = planOf(geometry, layerCase.bias, target, NO_EPILOGUE, algorithm);
  const memory = runPlan(plan, operands);
  const where = `${target.name} ${plan.family} ${JSON.stringify(layerCase)}`;
  assert(behindOutput(memory, geometry).every(Number.isNaN), where);
  const wrong = findWrongOutput(geometry, operands, outputOf(memory, geometry), plan.family);
  assertStrictEquals(wrong, null, where);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

for (const target of TARGETS) {
  const { lanes, name } = target;

  Deno.test(`Sums over a few channels of many taps end with any number of them, ${name}`, () => {
    // So many taps that a cache has room for few channels: blocks of 1, 2 and 3 of them, and a rest.
    for (const kernelSize of [[7, 7], [6, 11], [9, 9]]) {
      for (const inChannels of range(1, 11)) {
        const layerCase = caseOf({ rank: 2, kernelSize, inChannels, options: { padding: 3 } });
        const [rows = 1, columns = 1] = kernelSize;
        const height = rows - 5;
        // Pixels in the lanes, and channels.
        check(
          { ...layerCase, outChannels: 9, spatial: [height, 2 * lanes + columns - 5] },
          target,
        );
        check(
          { ...layerCase, outChannels: 2 * lanes + 1, spatial: [height + 2, columns - 2] },
          target,
        );
      }
    }
  });

  Deno.test(`Sums of stride phases end with any number of channels, ${name}`, () => {
    for (const [kernelSize, stride] of [[14, 2], [15, 3], [8, 2]] as const) {
      for (const inChannels of range(1, 9)) {
        const layerCase = caseOf({
          transposed: true,
          rank: 2,
          kernelSize,
          inChannels,
          outChannels: 9,
          spatial: [2, lanes + 3],
          options: { stride, padding: Math.floor(kernelSize / 2) },
        });
        check(layerCase, target);
        check({ ...layerCase, outChannels: lanes + 1, spatial: [2, 3] }, target);
      }
    }
  });

  Deno.test(`Sums over pixels one by one end with any number of channels, ${name}`, () => {
    for (const inChannels of [1, 2, 31, 32, 33, 63, 64, 65, 127, 129, 257]) {
      for (const spatial of [[lanes * lanes + 3], [7]]) {
        for (const outChannels of [1, 5, lanes + 1]) {
          check(caseOf({ kernelSize: 1, inChannels, outChannels, spatial }), target);
        }
      }
    }
  });

  Deno.test(`Winograd's sums end with any number of channels, ${name}`, () => {
    for (const inChannels of [1, 2, 127, 128, 129, 130, 255, 257]) {
      for (const [rank, spatial, kernelSize] of [[2, [5, 7], 3], [3, [3, 4, 6], 3]] as const) {
        // Taps of a third axis are terms of the same sums.
        const channels = rank === 3 ? Math.ceil(inChannels / 3) : inChannels;
        const layerCase = caseOf({
          rank,
          spatial,
          kernelSize,
          inChannels: channels,
          outChannels: 3,
          options: { padding: 1 },
        });
        check(layerCase, target, "winograd");
      }
    }
  });

  Deno.test(`Tiles that rows and channels end in have scratch memory of their own size, ${name}`, () => {
    // Sums are kept in scratch memory; an end of a row joins the tile before it, or is one by itself.
    for (const outChannels of [9, 10, 13, 16, 17, 31, 32, 33, 47]) {
      for (const width of [1, 2, lanes - 1, lanes + 1, 3 * lanes + 1, 5 * lanes - 1]) {
        const layerCase = caseOf({
          rank: 2,
          kernelSize: [3, 5],
          inChannels: 30,
          outChannels,
          spatial: [3, width + 2],
          options: { padding: 1 },
        });
        check(layerCase, target);
      }
    }
  });

  Deno.test(`Winograd's last tiles have scratch memory of their own size, ${name}`, () => {
    for (const outChannels of [1, 7, 8, 9, 17, 33]) {
      for (const [height, width] of [[3, 5], [7, 9], [5, 4 * lanes + 1], [13, 2 * lanes + 3]]) {
        const layerCase = caseOf({
          rank: 2,
          inChannels: 5,
          outChannels,
          spatial: [height ?? 1, width ?? 1],
          options: { padding: 1 },
        });
        check(layerCase, target, "winograd");
        check({ ...layerCase, kernelSize: 5, options: { padding: 2 } }, target, "winograd");
        check({ ...layerCase, options: { dilation: 2, padding: 2 } }, target, "winograd");
      }
    }
  });
}
