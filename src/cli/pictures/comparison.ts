import { relativeError } from "../../convolution/formula.ts";
import type { Layer } from "../../layers/layer.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { median } from "../../base/numbers.ts";
import { convolvePlainly } from "./plain_loop.ts";

/** A layer's call next to the same computation as a plain loop. */
export interface Comparison {
  readonly output: Tensor;
  readonly seconds: number;
  readonly plainSeconds: number;
  /** The largest difference between both outputs, in proportion to the largest value. */
  readonly difference: number;
}

/** Calls of a layer that are timed, and before them: the first one generates code, the next ones settle. */
export const LAYER_CALLS = 25;
const LAYER_WARM_UP_CALLS = 5;

/** Plain loops are called until so much time is over. */
const PLAIN_SECONDS = 0.15;

/** Before that, calls on so many rows: more of them do not make the loop faster. */
const PLAIN_WARM_UP = { calls: 4, rows: 24 };

/** What float32 may round: a larger difference is a mistake. */
const LARGEST_DIFFERENCE = 1e-5;

/**
 * Times a layer and a plain loop on the same input and compares what they compute.
 *
 * @param layer A `Conv2d` as {@linkcode convolvePlainly} can compute it.
 * @param input `(C, H, W)`.
 * @throws {Error} If the outputs differ by more than rounding.
 */
export async function compareWithPlainLoop(layer: Layer, input: Tensor): Promise<Comparison> {
  const output = Tensor.zeros(layer.outputShape(input.shape));
  const seconds = await timeLayer(layer, input, output);
  const expected = new Float32Array(output.size);
  const plainSeconds = timePlainLoop(layer, input, expected);
  const difference = relativeError(output.data, expected);
  if (!(difference <= LARGEST_DIFFERENCE)) {
    throw new Error(`The layer and a plain loop differ by ${difference} of the largest value`);
  }
  return { output, seconds, plainSeconds, difference };
}

async function timeLayer(layer: Layer, input: Tensor, out: Tensor): Promise<number> {
  for (let call = 0; call < LAYER_WARM_UP_CALLS; call++) await layer.forward(input, { out });
  const seconds: number[] = [];
  for (let call = 0; call < LAYER_CALLS; call++) {
    const begin = performance.now();
    await layer.forward(input, { out });
    seconds.push((performance.now() - begin) / 1e3);
  }
  return median(seconds);
}

function timePlainLoop({ groups, weight }: Layer, input: Tensor, output: Float32Array): number {
  const [channels = 0, height = 0, width = 0] = input.shape;
  const convolve = (rows: number) =>
    convolvePlainly(
      { groups, inputShape: [channels, rows, width], weightShape: weight.shape },
      input.data,
      weight.data,
      output,
    );
  for (let call = 0; call < PLAIN_WARM_UP.calls; call++) {
    convolve(Math.min(PLAIN_WARM_UP.rows, height));
  }
  const seconds: number[] = [];
  const begin = performance.now();
  for (let now = begin; now - begin < PLAIN_SECONDS * 1e3;) {
    const before = now;
    convolve(height);
    now = performance.now();
    seconds.push((now - before) / 1e3);
  }
  return median(seconds);
}
