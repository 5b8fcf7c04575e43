import { assert } from "@std/assert";
import { convWeightGradSync } from "../../../src/layers/gradients.ts";
import { Engine } from "../../../src/engine/engine.ts";
import { product } from "../../../src/base/numbers.ts";
import { referenceGradients } from "../../../src/convolution/formula.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { geometryOf, type LayerCase, relativeError } from "../../_arbitrary.ts";
import { caseOf } from "../_cases.ts";

/** What inputs and output gradients are made of normal numbers. */
const VALUES: Readonly<
  Record<string, readonly [input: (x: number) => number, gradient: (x: number) => number]>
> = {
  "normal numbers": [(x) => x, (x) => x],
  "inputs far from zero": [(x) => 100 + x, (x) => x],
  "output gradients far from zero": [(x) => x, (x) => 100 + x],
  "both far from zero": [(x) => 100 + x, (x) => 100 + x],
  "grey levels": [(x) => Math.round(128 + 30 * x), (x) => x / 1000],
  "gradients of few outputs": [(x) => 100 + x, (x) => x > 1.5 ? x : 0],
  "several magnitudes": [(x) => Math.exp(2 * x), (x) => Math.exp(2 * x) * Math.sign(x)],
};

/** Layers, and the largest difference from the formula, in proportion to the largest element. */
const LAYERS: readonly (readonly [layer: LayerCase, mostError: number])[] = [
  [layerOf({ batch: 8, inChannels: 8, spatial: [28, 28], options: { padding: 1 } }), 1e-5],
  [layerOf({ inChannels: 16, spatial: [9, 11] }), 1e-5],
  [layerOf({ inChannels: 8, spatial: [30, 30], kernelSize: 5, options: { padding: 2 } }), 1e-5],
  [layerOf({ inChannels: 8, spatial: [29, 29], kernelSize: 2 }), 1e-5],
  [layerOf({ rank: 1, inChannels: 8, spatial: [2000], kernelSize: 4 }), 1e-5],
  // More than 10^5 terms.
  [layerOf({ batch: 2, inChannels: 4, spatial: [226, 226] }), 2e-5],
];

function layerOf(changes: Partial<LayerCase>): LayerCase {
  return caseOf({ rank: 2, outChannels: 8, ...changes });
}

for (const backend of ["wasm", "auto"] as const) {
  Deno.test(`Weight gradients by Winograd's algorithm are as exact as is said, ${backend}`, () => {
    using engine = new Engine({ threads: 1, backend });
    for (const [layerCase, mostError] of LAYERS) {
      const { batch, inChannels, outChannels, spatial, kernelSize, options, rank } = layerCase;
      const g = geometryOf(layerCase);
      const taps = Array.from({ length: rank }, () => kernelSize).flat();
      const outputs = g.output.slice(3 - rank);
      for (const [name, [ofInput, ofGradient]] of Object.entries(VALUES)) {
        const input = filled([batch ?? 1, inChannels, ...spatial], 1, ofInput);
        const gradient = filled([batch ?? 1, outChannels, ...outputs], 2, ofGradient);
        const shape = [outChannels, inChannels, ...taps];
        const weight = new Float32Array(product(shape));
        const { weight: expected } = referenceGradients(
          g,
          { input: input.data, weight, bias: null },
          gradient.data,
        );
        const all = { ...options, engine, algorithm: "winograd" } as const;
        const { data } = convWeightGradSync(input, shape, gradient, all);
        const error = relativeError(data, expected);
        assert(error <= mostError, `${name}, ${JSON.stringify(layerCase)}: off by ${error}`);
      }
    }
  });
}

function filled(shape: readonly number[], seed: number, value: (x: number) => number): Tensor {
  const { data } = Tensor.randn(shape, { seed });
  return new Tensor(data.map(value), shape);
}
