import { Engine, Tensor } from "../../mod.ts";
import { encodeOnnx } from "../../src/io/models/onnx/encode.ts";
import { fromOnnx } from "../../src/network/mod.ts";
import type { OnnxCall } from "../peers/onnx_call.ts";
import { INPUT_SEED } from "../problem.ts";
import type { BenchNetwork } from "./networks.ts";

/** A network with its values, the same for everyone that computes it. */
export interface NetworkProblem extends OnnxCall {
  /** Floating-point operations of its convolutions: two for each multiply-add of their definition. */
  readonly flop: number;
}

/** Builds a network that is to be timed. */
export async function networkProblemOf(
  { inputShape, build }: Pick<BenchNetwork, "inputShape" | "build">,
): Promise<NetworkProblem> {
  const model = encodeOnnx(await build());
  const engine = new Engine({ threads: 1, backend: "wasm" });
  try {
    const { multiplyAdds } = fromOnnx(model, { engine }).explain(inputShape);
    return { model, input: drawInput(inputShape), inputShape, flop: 2 * multiplyAdds };
  } finally {
    engine.close();
  }
}

/** What every network of this shape of input is given. */
export function drawInput(inputShape: readonly number[]): Float32Array {
  return Tensor.randn(inputShape, { seed: INPUT_SEED }).data;
}
