import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  WASM_TARGET,
} from "../../../src/codegen/target.ts";
import type { PaddingMode } from "../../../src/convolution/settings.ts";
import { BUFFER } from "../../../src/kernels/plan.ts";
import { FLOAT_BYTES } from "../../../src/codegen/program.ts";
import { planFor } from "../../../src/kernels/choose.ts";
import { planMatrixVector } from "../../../src/kernels/matrix_vector/plan.ts";
import { matrixVectorCandidate } from "../../../src/kernels/matrix_vector/candidate.ts";
import { type CaseOperands, geometryOf, type LayerCase, operandsOf } from "../../_arbitrary.ts";
import { ADDEND, outputOf, runPlan, tilesOf } from "../../_interpret_plan.ts";
import { caseOf } from "../_cases.ts";
import { assertComputes, planBy, planWith, problemOf } from "../_tester.ts";

const TARGETS: readonly Target[] = [WASM_TARGET, AVX2_TARGET, AVX512_TARGET];

/** Runs what the family offers. */
function assertOffered(layerCase: LayerCase, target: Target): void {
  assertComputes(planBy(matrixVectorCandidate, layerCase, target), layerCase, target);
}

/** One less, exactly and one more than each of some sizes. */
function around(...sizes: number[]): number[] {
  return [...new Set(sizes.flatMap((size) => [size - 1, size, size + 1]))]
    .filter((size) => size > 0);
}

/** A fully connected layer. */
function linear(
  inChannels: number,
  outChannels: number,
  changes: Partial<LayerCase> = {},
): LayerCase {
  return caseOf({ inChannels, outChannels, spatial: [1], kernelSize: 1, ...changes });
}

/** The weights and biases of the first output channels. */
function firstChannels(
  layerCase: LayerCase,
  count: number,
): Pick<CaseOperands, "weight" | "bias"> {
  const { inChannels, outChannels, transposed } = layerCase;
  const { weight, bias } = operandsOf(layerCase);
  const rows = transposed ? inChannels : 1;
  const pitch = weight.length / rows;
  const width = count * pitch / outChannels;
  const first = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    first.set(weight.subarray(row * pitch, row * pitch + width), row * width);
  }
  return { weight: first, bias: bias && bias.slice(0, count) };
}

/** Kernels that see the input from one position, whole or in part, in order or not, and its padding. */
function onePositionCases(): fc.Arbitrary<LayerCase> {
  const axis = fc.record({
    kernel: fc.integer({ min: 1, max: 5 }),
    dilation: fc.integer({ min: 1, max: 3 }),
    begin: fc.nat(3),
    end: fc.nat(3),
    unseen: fc.nat(2),
  });
  return fc.record({
    rank: fc.constantFrom<(1 | 2 | 3)[]>(1, 2, 3),
    axes: fc.tuple(axis, axis, axis),
    paddingMode: fc.constantFrom<PaddingMode[]>(
      "zeros",
      "zeros",
      "reflect",
      "replicate",
      "circular",
    ),
    batch: fc.integer({ min: 1, max: 6 }),
    groups: fc.integer({ min: 1, max: 3 }),
    inChannels: fc.integer({ min: 1, max: 9 }),
    outChannels: fc.integer({ min: 4, max: 20 }),
    bias: fc.boolean(),
    seed: fc.nat(),
  }).map(({ rank, axes, paddingMode, groups, inChannels, outChannels, ...rest }) => {
    const some = axes.slice(0, rank).map(({ kernel, dilation, begin, end, unseen }) => {
      const extent = (kernel - 1) * dilation + 1;
      // A mirror shows no more than the input has besides its edge.
      const least = Math.max(1, extent - begin - end, Math.max(begin, end) + 1);
      const size = paddingMode === "zeros" ? Math.max(1, extent - begin - end) : least;
      return { kernel, dilation, begin, end, size: size + unseen };
    });
    return caseOf({
      ...rest,
      rank,
      inChannels: inChannels * groups,
      outChannels: outChannels * groups,
      spatial: some.map(({ size }) => size),
      kernelSize: some.map(({ kernel }) => kernel),
      options: {
        groups,
        paddingMode,
        // No second position.
        stride: 100,
        dilation: some.map(({ dilation }) => dilation),
        padding: some.map(({ begin, end }) => [begin, end] as const),
      },
    });
  });
}

for (const target of TARGETS) {
  const { lanes } = target;

  Deno.test(`Rows end anywhere in vectors of ${target.name}, and in the loop over them`, () => {
    for (const terms of around(1, lanes, 2 * lanes, 4 * lanes, 9 * lanes)) {
      assertOffered(linear(terms, 9), target);
      assertOffered(linear(terms, 5, { batch: 3 }), target);
    }
  });

  Deno.test(`Tiles of rows and of items end anywhere, ${target.name}`, () => {
    for (const batch of [1, 2, 3, 4, 5, 8, 9]) {
      for (const outChannels of [1, 2, 3, ...around(4, 8, 16), 33]) {
        assertOffered(linear(lanes + 3, outChannels, { batch, bias: batch % 2 === 0 }), target);
      }
    }
  });

  Deno.test(`Columns end anywhere in vectors of ${target.name}, and their terms in a pass`, () => {
    for (const batch of [1, 2, 3, 5]) {
      for (const terms of [1, 2, 3, ...around(4, 8, 16)]) {
        for (const outChannels of around(1, lanes, 3 * lanes)) {
          const changes = { transposed: true, batch, bias: terms % 2 === 0 };
          assertOffered(linear(terms, outChannels, changes), target);
        }
      }
    }
  });

  Deno.test(`Large layers are cut into tiles of groups, outputs and items, ${target.name}`, () => {
    const cut = [
      linear(5000, 83),
      linear(700, 50, { batch: 40 }),
      linear(64, 8, { batch: 3000 }),
      linear(12_000, 1200, { options: { groups: 100 } }),
      linear(900, 700, { transposed: true, batch: 2 }),
      linear(1200, 1500, { transposed: true, options: { groups: 5 } }),
    ];
    for (const layerCase of cut) {
      assertOffered(layerCase, target);
      const { phases } = planBy(matrixVectorCandidate, layerCase, target);
      assert(phases.flatMap(tilesOf).length > 1, JSON.stringify(layerCase));
    }
  });

  Deno.test(`Convolutions with one output position are products for ${target.name}`, () => {
    fc.assert(
      fc.property(onePositionCases(), (layerCase) => {
        assertComputes(planWith(planMatrixVector, layerCase, target), layerCase, target);
      }),
      { seed: 62, numRuns: 200 },
    );
  });

  Deno.test(`${target.name} adds, biases and activates the outputs of a position`, () => {
    const epilogue = { add: true, activation: "relu6", negativeSlope: 0 } as const;
    for (const transposed of [false, true]) {
      for (const outChannels of [1, 7, 2 * lanes + 1]) {
        for (const bias of [false, true]) {
          const layerCase = linear(21, outChannels, { transposed, bias, batch: 3 });
          const geometry = geometryOf(layerCase);
          const operands = operandsOf(layerCase);
          const [plain, finished] = [{}, { epilogue }].map((form) => {
            const plan = planBy(matrixVectorCandidate, layerCase, target, form);
            return outputOf(runPlan(plan, operands), geometry);
          });
          const expected = plain?.map((value) =>
            Math.min(6, Math.max(0, Math.fround(value + ADDEND)))
          );
          assertEquals(finished, expected);
        }
      }
    }
  });

  Deno.test(`Neither the batch nor the tiles change the bits of an item, ${target.name}`, () => {
    for (const transposed of [false, true]) {
      const many = linear(200, 90, { transposed, batch: 9 });
      const [geometry, operands] = [geometryOf(many), operandsOf(many)];
      const plan = planBy(matrixVectorCandidate, many, target);
      const whole = outputOf(runPlan(plan, operands), geometry);
      for (const item of [0, 3, 8]) {
        const one = { ...many, batch: 1 };
        const input = operands.input.slice(200 * item, 200 * (item + 1));
        const alone = planBy(matrixVectorCandidate, one, target);
        assertEquals(
          outputOf(runPlan(alone, { ...operands, input }), geometryOf(one)),
          whole.slice(90 * item, 90 * (item + 1)),
        );
      }
      for (const outChannels of [1, 5, 64]) {
        const few = { ...many, outChannels };
        const narrow = { ...operands, ...firstChannels(many, outChannels) };
        const part = planBy(matrixVectorCandidate, few, target);
        assertEquals(
          outputOf(runPlan(part, narrow), geometryOf(few)).slice(0, outChannels),
          whole.slice(0, outChannels),
        );
      }
    }
  });
}

Deno.test("Kernels that see a single position of a transposed convolution are products", () => {
  const layerCase = caseOf({
    transposed: true,
    rank: 2,
    inChannels: 30,
    outChannels: 10,
    spatial: [1, 1],
    kernelSize: 4,
  });
  for (const target of TARGETS) {
    const plan = planFor(problemOf(layerCase, target));
    assertEquals(plan.family, "matrix-vector");
    assertEquals(plan.biasCopies, 16);
    assertComputes(plan, layerCase, target);
  }
});

Deno.test("Fully connected layers of any size are products of a matrix and vectors", () => {
  const layers = [
    linear(25_088, 4096),
    linear(512, 1000),
    linear(2048, 1000, { batch: 8 }),
    linear(8, 8, { batch: 1000 }),
    linear(2048, 2048, { options: { groups: 32 } }),
    caseOf({ rank: 2, inChannels: 512, outChannels: 4096, spatial: [7, 7], kernelSize: 7 }),
    caseOf({ rank: 2, inChannels: 256, outChannels: 10, spatial: [6, 6], kernelSize: 6 }),
    caseOf({ inChannels: 64, outChannels: 64, spatial: [1], options: { padding: 1 } }),
    linear(100, 8192, { transposed: true }),
  ];
  for (const target of TARGETS) {
    for (const layerCase of layers) {
      const { family } = planFor(problemOf(layerCase, target));
      assertEquals(family, "matrix-vector", `${target.name} ${JSON.stringify(layerCase)}`);
    }
  }
});

Deno.test("Taps that see nothing but padding cost neither memory nor reading", () => {
  const options = { padding: 12, dilation: 12 };
  const seeing = caseOf({ rank: 2, inChannels: 40, outChannels: 30, spatial: [1, 1], options });
  const nothing = caseOf({
    rank: 2,
    inChannels: 4,
    outChannels: 30,
    kernelSize: [1, 2],
    spatial: [1, 3],
    options: { padding: [1, 0], stride: 3 },
  });
  for (const target of TARGETS) {
    const plan = planBy(matrixVectorCandidate, seeing, target);
    assertEquals(plan.phases.map(({ name }) => name), ["convolve"]);
    const packed = plan.buffers[BUFFER.packedWeight]?.bytes;
    assertEquals(packed, (40 * 30 + target.lanes) * FLOAT_BYTES);
    assertComputes(plan, seeing, target);
    const empty = planBy(matrixVectorCandidate, nothing, target);
    assertEquals(empty.preparation, []);
    assertComputes(empty, nothing, target);
  }
});

Deno.test("More positions, and groups with next to nothing to do, are left to other families", () => {
  const isOffered = (layerCase: LayerCase) =>
    matrixVectorCandidate(problemOf(layerCase, AVX512_TARGET)) !== null;
  assert(isOffered(linear(64, 64)));
  assert(!isOffered(linear(64, 64, { spatial: [2] })));
  assert(!isOffered(linear(64, 64, { options: { groups: 64 } })));
  assert(isOffered(caseOf({ inChannels: 4, outChannels: 4, spatial: [9], kernelSize: 9 })));
  const part = { spatial: [5], options: { groups: 4, stride: 5 } };
  assert(isOffered(caseOf({ inChannels: 8, outChannels: 16, ...part })));
  assert(!isOffered(caseOf({ inChannels: 8, outChannels: 8, ...part })));
  const transposed = { transposed: true, inChannels: 4, outChannels: 4 } as const;
  assert(isOffered(caseOf({ ...transposed, spatial: [1], kernelSize: 1 })));
  assert(!isOffered(caseOf({ ...transposed, spatial: [1], options: { padding: 1 } })));
  assert(!isOffered(caseOf({ ...transposed, spatial: [3], options: { padding: 2 } })));
});
