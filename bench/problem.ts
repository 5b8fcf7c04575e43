import { Tensor } from "../mod.ts";
import type { Geometry } from "../src/convolution/geometry.ts";
import { multiplyAdds } from "../src/convolution/geometry.ts";
import { geometryOf } from "./geometry.ts";
import type { BenchLayer } from "./layers.ts";

/** One convolution with its values, the same for everyone that computes it. */
export interface Problem {
  readonly bench: BenchLayer;
  readonly geometry: Geometry;
  /** Floating-point operations: two for each multiply-add. */
  readonly flop: number;
  /** Row-major `(N, C, ...)`. */
  readonly input: Float32Array;
  /** As in `torch.nn`. */
  readonly weight: Float32Array;
  readonly bias: Float32Array | null;
}

/** Fixes the weights of a layer: whoever builds it from this seed gets the same ones. */
export const WEIGHT_SEED = 1;

/** The same for the input. */
export const INPUT_SEED = 2;

/** Draws the values of a layer that is to be timed. */
export function problemOf(bench: BenchLayer): Problem {
  const layer = bench.build({ seed: WEIGHT_SEED });
  const geometry = geometryOf(layer, bench.inputShape);
  return {
    bench,
    geometry,
    flop: 2 * multiplyAdds(geometry),
    input: Tensor.randn(bench.inputShape, { seed: INPUT_SEED }).data,
    weight: layer.weight.data,
    bias: layer.bias?.data ?? null,
  };
}
