import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  WASM_TARGET,
} from "../../../src/codegen/target.ts";
import { inputGradientGeometry } from "../../../src/convolution/adjoint.ts";
import { NO_EPILOGUE } from "../../../src/convolution/epilogue.ts";
import type { Geometry, Triple } from "../../../src/convolution/geometry.ts";
import { planFor } from "../../../src/kernels/choose.ts";
import { BUFFER, type Plan } from "../../../src/kernels/plan.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { geometryOf, layerCases } from "../../_arbitrary.ts";
import { draws } from "../../_depth.ts";
import { outputOf, runPlan } from "../../_interpret_plan.ts";
import { encodeWasm } from "../../../src/codegen/wasm/encode.ts";
import { planAccumulated } from "../../../src/kernels/unfold/accumulate.ts";
import { folded, unfolded } from "./_formula.ts";

const FORM = {
  pass: "unfold",
  hasBias: false,
  epilogue: NO_EPILOGUE,
  algorithm: "direct",
} as const;

const TARGETS = [WASM_TARGET, AVX2_TARGET, AVX512_TARGET];

/** The geometry of items with one channel, whose taps are output channels. */
function unfoldGeometry(g: Geometry): Geometry {
  const [depth, height, width] = g.kernel;
  return { ...g, groups: 1, inChannels: 1, outChannels: depth * height * width };
}

function geometries(): fc.Arbitrary<Geometry> {
  return layerCases()
    .filter(({ transposed, batch, options }) =>
      !transposed && batch !== 0 && (options.paddingMode ?? "zeros") === "zeros"
    )
    .map((layerCase) => unfoldGeometry(geometryOf(layerCase)));
}

function planOf(geometry: Geometry, target: Target): Plan {
  return planFor({ geometry, target, ...FORM });
}

/** What the programs make of an input, every access checked. */
function run(geometry: Geometry, input: Float32Array, target: Target): Float32Array {
  const plan = planOf(geometry, target);
  const operands = { input, weight: new Float32Array(), bias: null };
  const backwards = runPlan(plan, operands, (tiles) => tiles.toReversed());
  return outputOf(backwards, geometry);
}

/** The buffers that a pointer may point into. */
const PLACES: Readonly<Record<string, readonly number[]>> = {
  input: [BUFFER.input, BUFFER.padded],
  padded: [BUFFER.padded],
  output: [BUFFER.output],
  zeroed: [BUFFER.output],
  scratch: [BUFFER.scratch],
};

/** Zeros of either sign and infinities tell apart what is only nearly a copy. */
function assertSameBits(actual: Float32Array, expected: Float32Array, message: string): void {
  const bitsOf = (values: Float32Array) => new Uint32Array(values.slice().buffer);
  assertEquals(bitsOf(actual), bitsOf(expected), message);
}

function assertBoth(g: Geometry, target: Target): void {
  const input = Tensor.randn([g.batch, ...g.input], { seed: 1 }).data;
  input.set([NaN, -0, Infinity].slice(0, input.length));
  assertSameBits(run(g, input, target), unfolded(g, input), `Unfolding ${JSON.stringify(g)}`);
  const blocks = Tensor.randn([g.batch, g.outChannels, ...g.output], { seed: 2 }).data;
  blocks.set([-0, Infinity].slice(0, blocks.length));
  const adjoint = inputGradientGeometry(g);
  for (const { phases } of [planOf(g, target), planOf(adjoint, target)]) {
    assert(phases.every(({ grids }) => grids.length > 0), "A phase has tiles");
    for (const { grids, programs } of phases) {
      for (const { program, args } of grids) {
        args.forEach(({ buffer }, index) => {
          const name = programs[program]?.parameterNames?.[index] ?? "";
          assert(PLACES[name]?.includes(buffer), `${name} points into buffer ${buffer}`);
        });
      }
    }
  }
  assertSameBits(run(adjoint, blocks, target), folded(g, blocks), `Folding ${JSON.stringify(g)}`);
}

Deno.test("Programs unfold and fold as the formula does, to the bit, in random configurations", () => {
  fc.assert(
    fc.property(geometries(), fc.constantFrom(...TARGETS), assertBoth),
    { seed: 71, numRuns: draws(300) },
  );
});

/** A geometry with no padding but what is given. */
function geometry(
  input: Triple,
  kernel: Triple,
  stride: Triple = [1, 1, 1],
  dilation: Triple = [1, 1, 1],
  padding: Triple = [0, 0, 0],
): Geometry {
  const output = ([0, 1, 2] as const).map((axis) => {
    const padded = input[axis] + 2 * padding[axis];
    return Math.floor((padded - (kernel[axis] - 1) * dilation[axis] - 1) / stride[axis]) + 1;
  });
  const [depth = 1, height = 1, width = 1] = output;
  return {
    transposed: false,
    rank: 3,
    batch: 2,
    groups: 1,
    inChannels: 1,
    outChannels: kernel[0] * kernel[1] * kernel[2],
    input,
    output: [depth, height, width],
    kernel,
    stride,
    dilation,
    padBegin: padding,
    padEnd: padding,
    paddingMode: "zeros",
  };
}

Deno.test("Programs unfold and fold every small combination along an axis", () => {
  const sizes = [1, 2, 3, 5, 9];
  for (const size of sizes) {
    for (const kernel of [1, 2, 3, 6]) {
      for (const stride of [1, 2, 3, 7]) {
        for (const dilation of [1, 2, 4]) {
          for (const padding of [0, 1, 4]) {
            if (size + 2 * padding <= (kernel - 1) * dilation) continue;
            const along = (value: number, other: number): Triple => [other, other, value];
            const g = geometry(
              along(size, 1),
              along(kernel, 1),
              along(stride, 1),
              along(dilation, 1),
              along(padding, 0),
            );
            assertBoth(g, WASM_TARGET);
          }
        }
      }
    }
  }
});

Deno.test("Programs unfold and fold what is cut into several tiles along each axis", () => {
  for (
    const g of [
      geometry([1, 1, 70_000], [1, 1, 3], [1, 1, 1], [1, 1, 1], [0, 0, 1]),
      geometry([1, 1, 90_001], [1, 1, 5], [1, 1, 2]),
      geometry([1, 1, 40_000], [1, 1, 400], [1, 1, 400]),
      geometry([1, 300, 200], [1, 3, 3], [1, 1, 1], [1, 1, 1], [0, 1, 1]),
      geometry([1, 224, 224], [1, 16, 16], [1, 16, 16]),
      geometry([40, 30, 20], [2, 2, 2], [1, 1, 1], [1, 1, 1], [1, 0, 1]),
    ]
  ) assertBoth(g, AVX2_TARGET);
});

Deno.test("Programs that accumulate tap after tap give the same bits", () => {
  fc.assert(
    fc.property(geometries(), fc.constantFrom(...TARGETS), (g, target) => {
      const blocks = Tensor.randn([g.batch, g.outChannels, ...g.output], { seed: 2 }).data;
      blocks.set([-0, Infinity].slice(0, blocks.length));
      const geometry = inputGradientGeometry(g);
      const body = planAccumulated({ ...FORM, geometry, target });
      const plan = { ...body, id: "accumulated", biasCopies: 1 };
      const memory = runPlan(plan, { input: blocks, weight: new Float32Array(), bias: null });
      assertSameBits(outputOf(memory, geometry), folded(g, blocks), `Folding ${JSON.stringify(g)}`);
    }),
    { seed: 72, numRuns: draws(200) },
  );
});

Deno.test("Kernels of thousands of taps take little code", () => {
  for (
    const g of [
      geometry([1, 1, 40_000], [1, 1, 20_000]),
      geometry([1, 40_000, 3], [1, 20_000, 3], [1, 3, 1]),
      geometry([1, 256, 256], [1, 128, 128]),
      geometry([1, 1, 100_000], [1, 1, 10_000], [1, 1, 10_000]),
      geometry([1, 1, 100_000], [1, 1, 10_000], [1, 1, 5000], [1, 1, 1], [0, 0, 99]),
      geometry([64, 64, 64], [32, 32, 32]),
    ]
  ) {
    for (const each of [g, inputGradientGeometry(g)]) {
      const { phases } = planOf(each, WASM_TARGET);
      const bytes = phases.map(({ programs }) => encodeWasm(programs, 2 ** 14, WASM_TARGET).length);
      assert(Math.max(...bytes) < 200_000, `${bytes} bytes of code for ${JSON.stringify(each)}`);
    }
  }
});

Deno.test("Taps that are alike share their programs", () => {
  const patches = geometry([1, 64, 64], [1, 16, 16], [1, 16, 16]);
  for (const g of [patches, inputGradientGeometry(patches)]) {
    const { phases } = planOf(g, WASM_TARGET);
    assert(phases.flatMap(({ programs }) => programs).length <= 2);
  }
});
