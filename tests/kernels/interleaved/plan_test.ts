import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  WASM_TARGET,
} from "../../../src/codegen/target.ts";
import { type Epilogue, NO_EPILOGUE } from "../../../src/convolution/epilogue.ts";
import { interleavedCandidate } from "../../../src/kernels/interleaved/candidate.ts";
import { planInterleaved } from "../../../src/kernels/interleaved/plan.ts";
import { planFor } from "../../../src/kernels/choose.ts";
import { BUFFER, type Plan } from "../../../src/kernels/plan.ts";
import { geometryOf, type LayerCase, layerCases, operandsOf } from "../../_arbitrary.ts";
import { draws } from "../../_depth.ts";
import {
  ADDEND,
  outputOf,
  planMemory,
  planOf,
  prepareWeights,
  runPlan,
  runTiles,
  tilesOf,
} from "../../_interpret_plan.ts";
import { caseOf } from "../_cases.ts";
import { assertComputes, planWith, problemOf } from "../_tester.ts";

const TARGETS: readonly Target[] = [WASM_TARGET, AVX2_TARGET, AVX512_TARGET];

/** The plan by boxes of residues and cells, also where stride phases would be preferred. */
function interleavedPlan(layerCase: LayerCase, target: Target, epilogue = NO_EPILOGUE): Plan {
  return planWith(planInterleaved, layerCase, target, { epilogue });
}

function transposedCase(changes: Partial<LayerCase>): LayerCase {
  return caseOf({ transposed: true, inChannels: 2, outChannels: 3, ...changes });
}

function assertInterleaved(layerCase: LayerCase, target: Target): void {
  assertComputes(interleavedPlan(layerCase, target), layerCase, target);
}

function lanesOf(layerCase: LayerCase, target: Target): "taps" | "cells" {
  const { phases } = interleavedPlan(layerCase, target);
  const isOfCells = phases.at(-1)?.programs.some(({ name }) => name.includes("cells in the lanes"));
  return isOfCells ? "cells" : "taps";
}

for (const target of TARGETS) {
  const { lanes } = target;
  const around = (size: number) => [size - 1, size, size + 1].filter((size) => size > 0);

  Deno.test(`Rows of taps end anywhere in vectors of ${target.name}`, () => {
    for (const kernelSize of [1, 2, ...[lanes, 2 * lanes, 5 * lanes].flatMap(around)]) {
      for (const stride of [kernelSize, kernelSize + 1, 5 * lanes + 3]) {
        for (const padding of [0, 1].filter((padding) => 2 * padding < kernelSize)) {
          assertInterleaved(
            transposedCase({ spatial: [3], kernelSize, options: { stride, padding } }),
            target,
          );
        }
      }
    }
  });

  Deno.test(`Kernels of ${target.name} are longer than their stride by any number of taps`, () => {
    for (const stride of [1, 2, 3, lanes - 1, lanes, 2 * lanes + 1]) {
      const sizes = [stride, 2 * stride, 3 * stride].flatMap(around);
      for (const kernelSize of sizes) {
        for (const outputPadding of [0, stride - 1]) {
          assertInterleaved(
            transposedCase({ spatial: [4], kernelSize, options: { stride, outputPadding } }),
            target,
          );
        }
      }
    }
  });

  Deno.test(`Cells end anywhere in register tiles of ${target.name}`, () => {
    for (const cells of [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 26, 27, 28, 29, 55]) {
      for (const kernelSize of [3, lanes, 2 * lanes + 1]) {
        assertInterleaved(
          transposedCase({ spatial: [cells], kernelSize, options: { stride: kernelSize } }),
          target,
        );
      }
    }
  });

  Deno.test(`Channels of ${target.name} share vectors and registers, however many there are`, () => {
    for (const outChannels of [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33]) {
      for (const kernelSize of [1, 2, 3, 5, lanes]) {
        assertInterleaved(
          transposedCase({
            inChannels: 6,
            outChannels: 2 * outChannels,
            spatial: [5],
            kernelSize,
            options: { stride: kernelSize + 2, groups: 2, padding: [[0, kernelSize > 1 ? 1 : 0]] },
          }),
          target,
        );
      }
    }
  });

  Deno.test(`Boxes of ${target.name} are cut out of every axis`, () => {
    const sizes = { rank: 3 as const, batch: 2, spatial: [2, 3, 2], kernelSize: [3, 4, 5] };
    for (const stride of [[3, 4, 5], [5, 4, 3], [4, 6, lanes + 2]]) {
      for (const padding of [0, [[1, 0], [0, 2], [3, 1]] as const]) {
        for (const dilation of [1, [2, 1, 3]]) {
          for (const outputPadding of [0, [2, 1, 2]]) {
            assertInterleaved(
              transposedCase({ ...sizes, options: { stride, padding, dilation, outputPadding } }),
              target,
            );
          }
        }
      }
    }
  });

  Deno.test(`Dilated taps of ${target.name} reach any residues of the stride`, () => {
    for (const dilation of [2, 3, 7, 12, 13, 24, 25, 31]) {
      for (const kernelSize of [2, 3, 5, 13]) {
        for (const padding of [0, 5]) {
          assertInterleaved(
            transposedCase({
              rank: 2,
              spatial: [1, 3],
              kernelSize: [1, kernelSize],
              options: { stride: [2, 12], dilation, padding: [0, padding], outputPadding: 1 },
            }),
            target,
          );
        }
      }
    }
  });

  Deno.test(`Cells fill the lanes of ${target.name} where a residue has many taps`, () => {
    for (const cells of [1, 2, 4, 6].map((vectors) => vectors * lanes).flatMap(around)) {
      for (const outChannels of [1, 2, 3, 9]) {
        const layerCase = transposedCase({
          rank: 2,
          outChannels,
          spatial: [2, cells],
          kernelSize: [2, 7],
          options: { stride: [1, outChannels % 2 + 1], padding: [1, 3] },
        });
        if (cells > 2 * lanes && outChannels === 1) {
          assertStrictEquals(lanesOf(layerCase, target), "cells");
        }
        assertInterleaved(layerCase, target);
      }
    }
  });

  Deno.test(`Random transposed layers are computed by boxes in vectors of ${target.name}`, () => {
    fc.assert(
      fc.property(
        layerCases().filter(({ transposed }) => transposed),
        (layerCase) => assertInterleaved(layerCase, target),
      ),
      { seed: 42, numRuns: draws(60) },
    );
  });

  Deno.test(`Boxes of ${target.name} finish what they store, gaps as well`, () => {
    const epilogue: Epilogue = { add: true, activation: "leakyRelu", negativeSlope: 0.5 };
    for (const bias of [true, false]) {
      for (const [kernelSize, stride] of [[3, 7], [2, 2], [9, 4], [lanes, lanes + 3]] as const) {
        const layerCase = transposedCase({ bias, spatial: [9], kernelSize, options: { stride } });
        const [geometry, operands] = [geometryOf(layerCase), operandsOf(layerCase)];
        const plain = outputOf(runPlan(interleavedPlan(layerCase, target), operands), geometry);
        const plan = interleavedPlan(layerCase, target, epilogue);
        const finished = outputOf(runPlan(plan, operands), geometry);
        const expected = plain.map((value) => {
          const sum = Math.fround(value + ADDEND);
          return Math.max(sum, Math.fround(sum * 0.5));
        });
        assertEquals(finished, expected);
      }
    }
  });

  Deno.test(`Outputs that no tap of ${target.name} reaches do not multiply what is infinite`, () => {
    for (const [kernelSize, stride] of [[3, 8], [2, 3], [lanes + 1, 2 * lanes]] as const) {
      const layerCase = transposedCase({ spatial: [6], kernelSize, options: { stride } });
      const geometry = geometryOf(layerCase);
      const operands = operandsOf(layerCase);
      const infinite = { ...operands, input: operands.input.map(() => Infinity) };
      const output = outputOf(runPlan(interleavedPlan(layerCase, target), infinite), geometry);
      const [, , width] = geometry.output;
      output.forEach((value, i) => {
        const isReached = i % width % stride < kernelSize;
        const bias = operands.bias?.[Math.floor(i / width)];
        assertStrictEquals(isReached ? Number.isFinite(value) : value, isReached ? false : bias);
      });
    }
  });

  Deno.test(`Every tile of ${target.name} may run again, and writes what no other does`, () => {
    for (
      const layerCase of [
        transposedCase({
          rank: 2,
          inChannels: 32,
          outChannels: 16,
          spatial: [9, 7],
          kernelSize: [10, 8],
          options: { stride: [9, 11], padding: [2, 3], groups: 2 },
        }),
        transposedCase({
          inChannels: 10,
          outChannels: 8,
          spatial: [70],
          kernelSize: 150,
          options: { stride: 2, padding: 3 },
        }),
      ]
    ) {
      const plan = interleavedPlan(layerCase, target);
      const geometry = geometryOf(layerCase);
      const operands = operandsOf(layerCase);
      const final = outputOf(runPlan(plan, operands), geometry).slice();
      const memory = planMemory(plan, operands);
      prepareWeights(plan, memory);
      for (const phase of plan.phases.slice(0, -1)) runTiles(plan, phase, tilesOf(phase), memory);
      const last = plan.phases.at(-1);
      if (last === undefined) throw new Error("A plan has a phase");
      const tiles = tilesOf(last);
      assert(tiles.length > 3, `Only ${tiles.length} tiles`);
      const output = outputOf(memory, geometry);
      const writers = new Uint8Array(output.length);
      for (const tile of tiles) {
        output.fill(NaN);
        runTiles(plan, last, [tile, tile], memory);
        output.forEach((value, i) => {
          if (Number.isNaN(value)) return;
          writers[i] = (writers[i] ?? 0) + 1;
          assertStrictEquals(value, final[i], "What is stored is final");
        });
      }
      assert(writers.every((count) => count === 1), "Each output has one tile");
    }
  });

  Deno.test(`Boxes of ${target.name} round alike wherever tiles end`, () => {
    const long = transposedCase({
      inChannels: 30,
      outChannels: 3,
      spatial: [97],
      kernelSize: 70,
      options: { stride: 70 },
    });
    const output = outputOf(
      runPlan(interleavedPlan(long, target), operandsOf(long)),
      geometryOf(long),
    );
    for (const width of [1, 2, 13, 50]) {
      const short = { ...long, spatial: [width] };
      const input = Float32Array.from(
        { length: 30 * width },
        (_, i) => operandsOf(long).input[Math.floor(i / width) * 97 + i % width] ?? NaN,
      );
      const plan = interleavedPlan(short, target);
      const part = outputOf(runPlan(plan, { ...operandsOf(long), input }), geometryOf(short));
      part.forEach((value, i) => {
        const [channel, place] = [Math.floor(i / (70 * width)), i % (70 * width)];
        assertStrictEquals(value, output[channel * 70 * 97 + place]);
      });
    }
  });
}

Deno.test("Boxes are taken from 64 stride phases on, and for taps that are too many to list", () => {
  const offers = (layerCase: LayerCase) =>
    interleavedCandidate(problemOf(layerCase, WASM_TARGET)) !== null;
  const isTaken = (changes: Partial<LayerCase>) => offers(transposedCase(changes));
  const square = { rank: 2 as const, spatial: [9, 9] };
  assert(isTaken({ ...square, kernelSize: 8, options: { stride: 8 } }));
  assert(isTaken({ spatial: [9], kernelSize: 1, options: { stride: 64 } }));
  assert(isTaken({ spatial: [9], kernelSize: 4100, options: { stride: 4 } }));
  assert(!isTaken({ ...square, kernelSize: 8, options: { stride: [8, 7] } }));
  assert(!isTaken({ spatial: [9], kernelSize: 63, options: { stride: 63 } }));
  assert(!isTaken({ spatial: [9], kernelSize: 4096, options: { stride: 4 } }));
  // Of a single output there is one phase.
  assert(!isTaken({ spatial: [1], kernelSize: 1, options: { stride: 1000 } }));
  assert(!offers(caseOf({})));
});

Deno.test("A kernel as large as its stride packs nothing and is one program", () => {
  const layerCase = transposedCase({
    rank: 2,
    inChannels: 1,
    outChannels: 1,
    spatial: [4, 4],
    kernelSize: 64,
    options: { stride: 64 },
  });
  for (const target of TARGETS) {
    const plan = planOf(geometryOf(layerCase), true, target);
    assertStrictEquals(plan.family, "pointwise");
    assertEquals(plan.preparation, []);
    assertEquals(plan.phases.map(({ programs }) => programs.length), [1]);
    for (const buffer of [BUFFER.padded, BUFFER.packedWeight, BUFFER.scratch]) {
      assertStrictEquals(plan.buffers[buffer]?.bytes, 0);
    }
  }
});

/** A convolution along as many axes as there are spatial sizes. */
interface Sizes {
  readonly spatial: readonly number[];
  readonly kernelSize: LayerCase["kernelSize"];
  readonly options: LayerCase["options"];
  readonly inChannels?: number;
  readonly outChannels?: number;
}

/** Sizes that an axis, a stride, a kernel or what lies around them makes extreme. */
const EXTREMES: readonly Sizes[] = [
  { spatial: [3], kernelSize: 1, options: { stride: 8192 } },
  { spatial: [3], kernelSize: 8192, options: { stride: 8192 } },
  { spatial: [100], kernelSize: 100_000, options: { stride: 100_000 } },
  { spatial: [100], kernelSize: 65_536, options: { stride: 100_000 } },
  { spatial: [100], kernelSize: 250_001, options: { stride: 100_000 } },
  { spatial: [100], kernelSize: 65_536, options: { stride: 100_000, dilation: 3 } },
  { spatial: [4, 4], kernelSize: 64, options: { stride: 64 } },
  { spatial: [4, 4], kernelSize: 1, options: { stride: 3000 } },
  { spatial: [4, 4], kernelSize: 3000, options: { stride: 3000 } },
  { spatial: [4, 4], kernelSize: 3001, options: { stride: 3000, padding: 1500 } },
  { spatial: [4, 4], kernelSize: 3, options: { stride: 3000, dilation: 2999 } },
  { spatial: [3, 3, 3], kernelSize: 1, options: { stride: 100 }, inChannels: 4, outChannels: 4 },
  { spatial: [3, 3, 3], kernelSize: 100, options: { stride: 100 } },
  { spatial: [2, 2, 2], kernelSize: 101, options: { stride: 100, padding: 7 } },
  { spatial: [2, 2, 2], kernelSize: 30, options: { stride: 100, dilation: 3, padding: 5 } },
  { spatial: [1000], kernelSize: 65_536, options: {} },
  { spatial: [1000], kernelSize: 65_536, options: { stride: 3 }, inChannels: 4, outChannels: 4 },
  { spatial: [1000], kernelSize: 65_536, options: { stride: 64 } },
  { spatial: [100, 100], kernelSize: 255, options: { stride: 2 }, inChannels: 3, outChannels: 2 },
  { spatial: [10, 10, 10], kernelSize: 40, options: {} },
  { spatial: [10_000_000], kernelSize: 2, options: { stride: 2 } },
  { spatial: [10_000_000], kernelSize: 8, options: { stride: 4, padding: 2 } },
  { spatial: [156_250], kernelSize: 64, options: { stride: 64 } },
  { spatial: [1_000_000], kernelSize: 16, options: { stride: 8, padding: 1_000_000 } },
  { spatial: [1_000_000], kernelSize: 3, options: { stride: 100, padding: 1_000_000 } },
  { spatial: [1000], kernelSize: 3, options: { dilation: 1e8, padding: 1e8 } },
  { spatial: [1000], kernelSize: 3, options: { stride: 2, dilation: 1e7 } },
  { spatial: [1000], kernelSize: 3, options: { stride: 1000, dilation: 1e7 } },
  { spatial: [100], kernelSize: 3, options: { stride: 99_991, dilation: 1e7 } },
];

/** Fifty times what a plan may take, as other programs run at the same time. */
const MOST_PLANNING_MILLISECONDS = 5000;

/** Everything that a plan of 200 programs and grids may consist of: no list is as long as an axis. */
const MOST_PLAN_LENGTH = 1_500_000;

for (const target of TARGETS) {
  Deno.test(`Extreme transposed layers are planned at once and briefly for ${target.name}`, () => {
    for (const sizes of EXTREMES) {
      const rank = sizes.spatial.length === 3 ? 3 : sizes.spatial.length === 2 ? 2 : 1;
      const geometry = geometryOf(caseOf({ transposed: true, rank, ...sizes }));
      const start = performance.now();
      const plan = planFor({
        geometry,
        pass: "forward",
        hasBias: true,
        epilogue: NO_EPILOGUE,
        algorithm: "auto",
        target,
      });
      const milliseconds = performance.now() - start;
      const message = JSON.stringify(sizes);
      assert(milliseconds < MOST_PLANNING_MILLISECONDS, `${message} took ${milliseconds} ms`);
      const { length } = JSON.stringify(plan);
      assert(length < MOST_PLAN_LENGTH, `The plan of ${message} has ${length} characters`);
    }
  });
}
