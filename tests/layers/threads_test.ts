import { assert } from "@std/assert";
import * as fc from "fast-check";
import { multiplyAdds } from "../../src/convolution/geometry.ts";
import { Engine } from "../../src/engine/engine.ts";
import { convSync, convTransposeSync } from "../../src/layers/functional.ts";
import {
  convInputGradSync,
  convTransposeInputGradSync,
  convTransposeWeightGradSync,
  convWeightGradSync,
} from "../../src/layers/gradients.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { geometryOf, inputShapeOf, type LayerCase, layerCases, operandsOf } from "../_arbitrary.ts";
import { draws } from "../_depth.ts";
import { sameBits } from "../engine/_same.ts";

/** How many random layers. */
const LAYERS = 60;
const THREADS = [1, 2, 3, 8, 64] as const;
const MEBIBYTE = 2 ** 20;
const MEMORIES = [1, 3, 16, 1024].map((size) => size * MEBIBYTE);
const MOST_ELEMENTS = 5e6;
const MOST_MULTIPLY_ADDS = 3e7;

/** Layers that are too large for little memory, too. */
const largeCases = fc.record({
  layerCase: layerCases(),
  longer: fc.tuple(...[1, 1, 1].map(() => fc.constantFrom(1, 1, 3, 8, 20))),
  more: fc.constantFrom(1, 2, 8, 30),
  batch: fc.constantFrom(1, 2, 7),
}).map(({ layerCase, longer, more, batch }): LayerCase => {
  const { spatial, inChannels, outChannels, options, transposed, rank, kernelSize, bias, seed } =
    layerCase;
  return {
    transposed,
    rank,
    batch,
    inChannels: inChannels * more,
    outChannels: outChannels * more,
    spatial: spatial.map((size, axis) => size * (longer[axis] ?? 1)),
    kernelSize,
    bias,
    options,
    seed,
  };
}).filter((layerCase) => {
  const elements = inputShapeOf(layerCase).reduce((product, size) => product * size, 1);
  if (elements > MOST_ELEMENTS) return false;
  const work = multiplyAdds(geometryOf(layerCase));
  return work > 0 && work <= MOST_MULTIPLY_ADDS;
});

/** The tensors of a layer and its options. */
function tensorsOf(layerCase: LayerCase) {
  const { input, weight, bias } = operandsOf(layerCase);
  const { transposed, inChannels, outChannels, options, kernelSize, rank } = layerCase;
  const kernel = Array.isArray(kernelSize) ? kernelSize : Array(rank).fill(kernelSize);
  const groups = options.groups ?? 1;
  const shape = transposed
    ? [inChannels, outChannels / groups, ...kernel]
    : [outChannels, inChannels / groups, ...kernel];
  return {
    input: new Tensor(input, inputShapeOf(layerCase)),
    weight: new Tensor(weight, shape),
    bias: bias && new Tensor(bias, [outChannels]),
  };
}

type Outcome = readonly Float32Array[] | RangeError;

/** What an engine makes of a layer, or how it refuses it. */
function outcome(compute: () => readonly Tensor[]): Outcome {
  try {
    return compute().map(({ data }) => data);
  } catch (error) {
    if (error instanceof RangeError) return error;
    throw error;
  }
}

function output({ transposed, options, ...layerCase }: LayerCase, engine: Engine): Outcome {
  const { input, weight, bias } = tensorsOf({ transposed, options, ...layerCase });
  const compute = transposed ? convTransposeSync : convSync;
  return outcome(() => [compute(input, weight, bias, { ...options, engine })]);
}

/** The gradients of input and weight, where that of the output is random. */
function gradients(layerCase: LayerCase, engine: Engine): Outcome {
  const { transposed, rank, batch, outChannels, options, seed } = layerCase;
  const { input, weight } = tensorsOf(layerCase);
  const sizes = geometryOf(layerCase).output.slice(3 - rank);
  const shape = batch === null ? [outChannels, ...sizes] : [batch, outChannels, ...sizes];
  const gradient = Tensor.randn(shape, { seed });
  const [ofInput, ofWeight] = transposed
    ? [convTransposeInputGradSync, convTransposeWeightGradSync]
    : [convInputGradSync, convWeightGradSync];
  const { outputPadding: _, ...others } = { outputPadding: 0, ...options };
  const all = { ...others, engine };
  return outcome(() => [
    ofInput(input.shape, weight, gradient, all),
    ofWeight(input, weight.shape, gradient, all),
  ]);
}

function sameOutcomes(first: Outcome, other: Outcome): boolean {
  if (first instanceof RangeError || other instanceof RangeError) {
    return first instanceof RangeError && other instanceof RangeError &&
      first.message === other.message;
  }
  return first.every((values, i) => sameBits(values, other[i] ?? new Float32Array()));
}

for (const backend of ["wasm", "auto"] as const) {
  for (const [what, compute] of Object.entries({ output, gradients })) {
    Deno.test(`The number of threads changes no bit of ${what}, whatever the memory, ${backend}`, async () => {
      using engines = new DisposableStack();
      const all = await Promise.all(MEMORIES.map(async (memory) => {
        const made = THREADS.map((threads) =>
          engines.use(new Engine({ threads, memory, backend }))
        );
        // The first workers are enough for parts to be computed by others.
        await Promise.all(made.slice(0, 3).map(({ ready }) => ready));
        return made;
      }));
      let computed = 0;
      fc.assert(
        fc.property(largeCases, fc.nat(MEMORIES.length - 1), (layerCase, memory) => {
          const outcomes = (all[memory] ?? []).map((engine) => compute(layerCase, engine));
          const [first = [], ...others] = outcomes;
          if (!(first instanceof RangeError)) computed++;
          assert(others.every((other) => sameOutcomes(first, other)));
        }),
        { seed: 9, numRuns: draws(LAYERS) },
      );
      assert(computed > draws(LAYERS) * 0.8, `only ${computed} were computed`);
    });
  }
}

Deno.test("Layers that once gave other bits with more threads give the same", () => {
  for (
    const [channels, groups, shape, memory] of [
      [64, 4, [2, 64, 27, 21], MEBIBYTE],
      [64, 1, [1, 64, 300, 300], 16 * MEBIBYTE],
    ] as const
  ) {
    const input = Tensor.randn(shape, { seed: 1 });
    const weight = Tensor.randn([channels, channels / groups, 3, 3], { seed: 2 });
    const [alone, ...others] = THREADS.map((threads) => {
      using engine = new Engine({ threads, memory });
      return convSync(input, weight, null, { padding: 1, groups, engine }).data;
    });
    for (const other of others) assert(alone !== undefined && sameBits(other, alone));
  }
});

Deno.test("Threads change no bit of weight gradients by Winograd's algorithm, and little memory will do", () => {
  const input = Tensor.randn([4, 48, 26, 27], { seed: 1 });
  const gradient = Tensor.randn([4, 80, 26, 27], { seed: 2 });
  const options = { padding: 1, algorithm: "winograd" } as const;
  const [whole] = MEMORIES.toReversed().map((memory) => {
    const [alone, ...others] = THREADS.map((threads) => {
      using engine = new Engine({ threads, memory });
      return convWeightGradSync(input, [80, 48, 3, 3], gradient, { ...options, engine }).data;
    });
    for (const other of others) assert(alone !== undefined && sameBits(other, alone));
    return alone;
  });
  using engine = new Engine({ threads: 1 });
  const direct = { ...options, engine, algorithm: "direct" } as const;
  const { data } = convWeightGradSync(input, [80, 48, 3, 3], gradient, direct);
  assert(whole !== undefined && !sameBits(whole, data));
});
