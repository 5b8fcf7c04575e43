import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { multiplyAdds } from "../../src/convolution/geometry.ts";
import { Engine } from "../../src/engine/engine.ts";
import { convSync, convTransposeSync } from "../../src/layers/functional.ts";
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

/** What an engine makes of a layer, or how it refuses it. */
function outcome(layerCase: LayerCase, engine: Engine): Float32Array | RangeError {
  const { input, weight, bias } = operandsOf(layerCase);
  const { transposed, inChannels, outChannels, options, kernelSize, rank } = layerCase;
  const kernel = Array.isArray(kernelSize) ? kernelSize : Array(rank).fill(kernelSize);
  const groups = options.groups ?? 1;
  const shape = transposed
    ? [inChannels, outChannels / groups, ...kernel]
    : [outChannels, inChannels / groups, ...kernel];
  const compute = transposed ? convTransposeSync : convSync;
  try {
    return compute(
      new Tensor(input, inputShapeOf(layerCase)),
      new Tensor(weight, shape),
      bias && new Tensor(bias, [outChannels]),
      { ...options, engine },
    ).data;
  } catch (error) {
    if (error instanceof RangeError) return error;
    throw error;
  }
}

for (const backend of ["wasm", "auto"] as const) {
  Deno.test(`The number of threads changes no bit, whatever the memory, ${backend}`, async () => {
    using engines = new DisposableStack();
    const all = await Promise.all(MEMORIES.map(async (memory) => {
      const made = THREADS.map((threads) => engines.use(new Engine({ threads, memory, backend })));
      // The first workers are enough for parts to be computed by others.
      await Promise.all(made.slice(0, 3).map(({ ready }) => ready));
      return made;
    }));
    let computed = 0;
    fc.assert(
      fc.property(largeCases, fc.nat(MEMORIES.length - 1), (layerCase, memory) => {
        const [first, ...others] = (all[memory] ?? []).map((engine) => outcome(layerCase, engine));
        if (first instanceof Float32Array) computed++;
        for (const other of others) {
          if (first instanceof Float32Array && other instanceof Float32Array) {
            assert(sameBits(first, other));
          } else assertEquals(other, first);
        }
      }),
      { seed: 9, numRuns: draws(LAYERS) },
    );
    assert(computed > draws(LAYERS) * 0.8, `only ${computed} were computed`);
  });
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
