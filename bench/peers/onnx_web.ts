import { env, InferenceSession, Tensor } from "onnxruntime-web/wasm";
import { encodeModel } from "../onnx_model.ts";
import type { Problem } from "../problem.ts";
import { floatValues } from "./float_values.ts";
import type { Peer } from "./peer.ts";

/** ONNX Runtime compiled to WebAssembly SIMD. Its threads are web workers of a browser. */
export class OnnxWeb implements Peer {
  readonly name = "onnxruntime-web";
  readonly mostThreads = 1;

  async prepare(problem: Problem) {
    env.wasm.numThreads = 1;
    const session = await InferenceSession.create(encodeModel(problem.geometry, problem), {
      executionProviders: ["wasm"],
    });
    const x = new Tensor("float32", problem.input, problem.bench.inputShape);
    return {
      run: async () => floatValues((await session.run({ x })).y?.data),
      rowMajor: (values: Float32Array) => values,
      [Symbol.asyncDispose]: () => session.release(),
    };
  }
}
