import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  UNFUSED_WASM_TARGET,
  WASM_TARGET,
} from "../../src/codegen/target.ts";
import type { Phase } from "../../src/engine/work.ts";
import { NO_EPILOGUE } from "../../src/convolution/epilogue.ts";
import { multiplyAdds } from "../../src/convolution/geometry.ts";
import { planFor } from "../../src/kernels/choose.ts";
import { BUFFER, type Plan, planBytes } from "../../src/kernels/plan.ts";
import type { LayerCase } from "../_arbitrary.ts";
import { geometryOf, layerCases, operandsOf } from "../_arbitrary.ts";
import { draws } from "../_depth.ts";
import {
  ADDEND,
  behindOutput,
  findWrongOutput,
  outputOf,
  planMemory,
  planOf,
  planOfCase,
  prepareWeights,
  runPlan,
  runTiles,
  type Tile,
  tilesOf,
} from "../_interpret_plan.ts";
import { gradientProblem } from "./weight_gradient/_problem.ts";
import { caseOf, longRowCases } from "./_cases.ts";
import { assertComputes } from "./_tester.ts";

/** Every phase of a plan, the preparation included. */
function phasesOf({ preparation, phases }: Plan): readonly Phase[] {
  return [...preparation, ...phases];
}

/** What the machine code of other processors has. */
const WIDER_TARGETS: Target[] = [
  AVX2_TARGET,
  AVX512_TARGET,
];

/** Cases with at least one batch item and at most so much work: interpreting is slow. */
function cases(mostMultiplyAdds: number): fc.Arbitrary<LayerCase> {
  return layerCases().filter((layerCase) => {
    const work = multiplyAdds(geometryOf(layerCase));
    return work > 0 && work <= mostMultiplyAdds;
  });
}

function wasmTargets(): fc.Arbitrary<Target> {
  return fc.constantFrom(WASM_TARGET, UNFUSED_WASM_TARGET);
}

function assertCaseComputes(layerCase: LayerCase, target: Target = WASM_TARGET): void {
  assertComputes(planOfCase(layerCase, target), layerCase, target);
}

/** Runs the tiles of each phase the other way round, then twice each: nothing may change. */
function assertIndependentTiles(layerCase: LayerCase): void {
  const geometry = geometryOf(layerCase);
  const operands = operandsOf(layerCase);
  const plan = planOf(geometry, layerCase.bias);
  const output = (order: (tiles: Tile[]) => Tile[]) =>
    outputOf(runPlan(plan, operands, order), geometry);
  const expected = output((tiles) => tiles);
  assertEquals(output((tiles) => tiles.toReversed()), expected);
  assertEquals(output((tiles) => [...tiles, ...tiles].flatMap((tile) => [tile, tile])), expected);
}

/** Runs every tile of the last phase alone: no two write the same output, and all write all. */
function assertEveryOutputOnce(layerCase: LayerCase): void {
  const geometry = geometryOf(layerCase);
  const operands = operandsOf(layerCase);
  const plan = planOf(geometry, layerCase.bias);
  const memory = planMemory(plan, operands);
  prepareWeights(plan, memory);
  const last = plan.phases.length - 1;
  for (const phase of plan.phases.slice(0, last)) runTiles(plan, phase, tilesOf(phase), memory);
  const output = outputOf(memory, geometry);
  const written = new Float32Array(output.length).fill(NaN);
  for (const phase of plan.phases.slice(last)) {
    for (const tile of tilesOf(phase)) {
      output.fill(NaN);
      runTiles(plan, phase, [tile], memory);
      output.forEach((value, index) => {
        if (Number.isNaN(value)) return;
        assert(Number.isNaN(written[index]), `Two tiles write output ${index}`);
        written[index] = value;
      });
    }
  }
  assertStrictEquals(findWrongOutput(geometry, operands, written, plan.family), null);
  assert(behindOutput(memory, geometry).every(Number.isNaN), "The output ends where it should");
}

/** Larger cases, of which each kind of tile grid has several tiles. */
const LARGE: Record<string, LayerCase> = {
  "a 3x3 convolution of many channels": caseOf({
    rank: 2,
    inChannels: 24,
    outChannels: 30,
    spatial: [14, 15],
    options: { padding: 1 },
  }),
  "sums over more channels than a cache holds": caseOf({
    rank: 2,
    inChannels: 83,
    outChannels: 14,
    spatial: [13, 11],
    kernelSize: [3, 5],
    options: { dilation: [4, 1] },
  }),
  "sums over many far-away planes": caseOf({
    inChannels: 130,
    outChannels: 11,
    spatial: [1100],
    kernelSize: 1,
    options: { padding: [[1, 0]] },
  }),
  "channels that lie 4 KiB apart": caseOf({
    rank: 2,
    inChannels: 34,
    outChannels: 2,
    spatial: [32, 32],
    kernelSize: 2,
  }),
  "a mirrored long row": caseOf({
    inChannels: 32,
    spatial: [200],
    options: { padding: [[199, 199]], paddingMode: "reflect" },
  }),
  "a circular long row": caseOf({
    inChannels: 32,
    spatial: [130],
    options: { padding: [[130, 130]], paddingMode: "circular" },
  }),
  "a pointwise convolution": caseOf({
    rank: 2,
    batch: 2,
    inChannels: 16,
    outChannels: 26,
    spatial: [45, 30],
    kernelSize: 1,
  }),
  "a pointwise convolution with a stride": caseOf({
    rank: 2,
    inChannels: 15,
    outChannels: 25,
    spatial: [83, 60],
    kernelSize: 1,
    options: { stride: [2, 3] },
  }),
  "a long signal": caseOf({ spatial: [9001], kernelSize: 101, options: { padding: 50 } }),
  "a strided signal": caseOf({
    outChannels: 10,
    spatial: [20_000],
    kernelSize: 400,
    options: { stride: 160 },
  }),
  "many channels each by itself": caseOf({
    rank: 2,
    inChannels: 37,
    outChannels: 37,
    spatial: [56, 23],
    options: { groups: 37, padding: 1, stride: 1 },
  }),
  "few groups of many rows": caseOf({
    rank: 2,
    inChannels: 4,
    outChannels: 4,
    spatial: [203, 130],
    kernelSize: 5,
    options: { groups: 4, padding: 2, paddingMode: "reflect" },
  }),
  "groups of two channels": caseOf({
    rank: 2,
    inChannels: 40,
    outChannels: 60,
    spatial: [30, 31],
    options: { groups: 20, padding: "same", stride: 2 },
  }),
  "a volume": caseOf({
    rank: 3,
    batch: 2,
    inChannels: 6,
    outChannels: 9,
    spatial: [7, 12, 13],
    options: { padding: 1, paddingMode: "circular" },
  }),
  "a transposed convolution of stride 2": caseOf({
    transposed: true,
    rank: 2,
    batch: 2,
    inChannels: 12,
    outChannels: 25,
    spatial: [15, 16],
    kernelSize: 4,
    options: { stride: 2, padding: 1 },
  }),
  "a transposed convolution with gaps": caseOf({
    transposed: true,
    rank: 3,
    inChannels: 6,
    outChannels: 8,
    spatial: [5, 6, 7],
    kernelSize: [3, 2, 3],
    options: { stride: [2, 3, 1], dilation: [1, 2, 3], groups: 2, padding: [0, 1, 2] },
  }),
};

Deno.test("Plans stay inside their buffers and compute the formula in random geometries", () => {
  fc.assert(fc.property(cases(400_000), wasmTargets(), assertCaseComputes), {
    seed: 42,
    numRuns: draws(200),
  });
});

Deno.test("Plans for WebAssembly are the same with and without relaxed SIMD", () => {
  fc.assert(
    fc.property(cases(400_000), (layerCase) => {
      const [fused, unfused] = [WASM_TARGET, UNFUSED_WASM_TARGET].map((target) =>
        planOfCase(layerCase, target)
      );
      assertEquals({ ...unfused, id: "" }, { ...fused, id: "" });
    }),
    { seed: 49, numRuns: draws(100) },
  );
});

Deno.test("Plans of long rows on many channels do the same", () => {
  fc.assert(fc.property(longRowCases(), assertEveryOutputOnce), { seed: 48, numRuns: draws(40) });
});

for (const target of WIDER_TARGETS) {
  Deno.test(`Plans for vectors of ${target.name} do the same`, () => {
    fc.assert(fc.property(cases(60_000), (layerCase) => assertCaseComputes(layerCase, target)), {
      seed: 43,
      numRuns: draws(120),
    });
  });
}

Deno.test("Tiles give the same bits in any order, and when they are run again", () => {
  fc.assert(fc.property(cases(15_000), assertIndependentTiles), { seed: 44, numRuns: draws(120) });
});

Deno.test("Every output is written by exactly one tile", () => {
  fc.assert(fc.property(cases(60_000), assertEveryOutputOnce), { seed: 45, numRuns: draws(150) });
});

for (const [name, layerCase] of Object.entries(LARGE)) {
  Deno.test(`The plan of ${name} writes each output once and as the formula says`, () => {
    assertEveryOutputOnce(layerCase);
  });
}

Deno.test("A plan's tiles call programs that exist with as many pointers as they take", () => {
  fc.assert(
    fc.property(cases(400_000), (layerCase) => {
      const plan = planOf(geometryOf(layerCase), layerCase.bias);
      for (const { grids, programs } of phasesOf(plan)) {
        assertEquals(
          new Set(grids.map(({ program }) => program)),
          new Set(programs.keys()),
          "Every program is used",
        );
        for (const { program, extents, args } of grids) {
          assertStrictEquals(args.length, programs[program]?.parameters);
          assert(extents.every((extent) => extent >= 1));
          for (const { buffer, steps, threadStep } of args) {
            const { bytes = NaN, perThread = false } = plan.buffers[buffer] ?? {};
            assertStrictEquals(steps.length, extents.length);
            assertStrictEquals(threadStep, perThread ? bytes : 0);
          }
        }
      }
    }),
    { seed: 46, numRuns: draws(200) },
  );
});

/** Buffers in which a pointer may point, where not only in the one of its own name. */
const PLACES: Readonly<Record<string, readonly number[]>> = {
  input: [BUFFER.input, BUFFER.padded],
  weight: [BUFFER.weight, BUFFER.packedWeight],
  // What is gathered is of either kind.
  from: [BUFFER.input, BUFFER.weight],
  to: [BUFFER.padded, BUFFER.packedWeight],
  // The output's gradient is what the convolution has as its weights that its weights' gradient is.
  gradient: [BUFFER.weight, BUFFER.packedWeight],
  result: [BUFFER.output, BUFFER.partialSums],
};

/** Few weights, and many pixels. */
const SUMMED_IN_PARTS = caseOf({ inChannels: 2, outChannels: 9, spatial: [90_000] });

Deno.test("The pointers of a plan's tiles point where their names say", () => {
  const named = new Set<string>();
  const wants = new Map<string, number>(Object.entries(BUFFER));
  fc.assert(
    fc.property(
      cases(400_000),
      fc.constantFrom(WASM_TARGET, AVX2_TARGET, AVX512_TARGET),
      (layerCase, target) => {
        const plans = [
          planOf(geometryOf(layerCase), layerCase.bias, target, NO_EPILOGUE, "direct"),
          planFor(gradientProblem(geometryOf(layerCase), target)),
          planFor(gradientProblem(geometryOf(SUMMED_IN_PARTS), target)),
        ];
        for (const { grids, programs } of plans.flatMap(phasesOf)) {
          for (const { program, args } of grids) {
            programs[program]?.parameterNames?.forEach((name, index) => {
              named.add(name);
              const buffer = args[index]?.buffer;
              const allowed = PLACES[name] ?? [wants.get(name)];
              assert(allowed.some((one) => one === buffer), `${name} points into buffer ${buffer}`);
            });
          }
        }
      },
    ),
    // Fewer do not meet every name.
    { seed: 47, numRuns: Math.max(200, draws(200)) },
  );
  assertEquals(named, new Set([...Object.keys(BUFFER), ...Object.keys(PLACES)]));
});

Deno.test("planFor() gives the same plan for equal requests and another for any other", () => {
  const layerCase = caseOf({ inChannels: 3, outChannels: 5 });
  const geometry = geometryOf(layerCase);
  const plan = planOf(geometry, true);
  assertStrictEquals(planOf(geometryOf({ ...layerCase }), true), plan);
  const others = [
    planOf(geometry, false),
    planOf(geometryOf({ ...layerCase, spatial: [9] }), true),
    planOf(geometry, true, AVX2_TARGET),
  ];
  assertStrictEquals(new Set([plan, ...others].map(({ id }) => id)).size, others.length + 1);
});

Deno.test("planBytes() counts what every thread has once for each", () => {
  const plan = planOf(
    geometryOf(LARGE["sums over more channels than a cache holds"] ?? caseOf({})),
    true,
  );
  const own = plan.buffers.reduce((sum, { bytes, perThread }) => sum + (perThread ? bytes : 0), 0);
  const all = plan.buffers.reduce((sum, { bytes }) => sum + bytes, 0);
  assertStrictEquals(planBytes(plan, 1), all);
  assertStrictEquals(planBytes(plan, 5), all + 4 * own);
});

Deno.test("Plans that finish their outputs stay inside their buffers and do what is asked", () => {
  const epilogue = { add: true, activation: "relu", negativeSlope: 0 } as const;
  fc.assert(
    fc.property(layerCases().filter(({ batch }) => batch !== 0), (layerCase) => {
      const geometry = geometryOf(layerCase);
      const operands = operandsOf(layerCase);
      const plain = outputOf(runPlan(planOf(geometry, layerCase.bias), operands), geometry);
      const plan = planOf(geometry, layerCase.bias, WASM_TARGET, epilogue);
      const output = outputOf(runPlan(plan, operands), geometry);
      assertEquals(output, plain.map((value) => Math.max(0, Math.fround(value + ADDEND))));
    }),
    { seed: 46, numRuns: draws(60) },
  );
});

Deno.test("planFor() has elements that lie far apart computed directly in rows, by Winograd's algorithm in planes", () => {
  const channels = { inChannels: 64, outChannels: 64, kernelSize: 3 };
  const familyOf = (sizes: Parameters<typeof caseOf>[0]) =>
    planOf(geometryOf(caseOf({ ...channels, ...sizes })), false, WASM_TARGET, NO_EPILOGUE, "auto")
      .family;
  const row = { spatial: [8000] };
  assertEquals(familyOf({ ...row, options: { dilation: 1 } }), "winograd");
  assertEquals(familyOf({ ...row, options: { dilation: 64 } }), "pointwise");
  const plane = { rank: 2, spatial: [56, 56], options: { dilation: 8 } } as const;
  assertEquals(familyOf(plane), "winograd");
});
