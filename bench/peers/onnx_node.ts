import { InferenceSession, Tensor } from "onnxruntime-node";
import { encodeModel } from "../onnx_model.ts";
import type { Problem } from "../problem.ts";
import { floatValues } from "./float_values.ts";
import type { Peer } from "./peer.ts";

/** Native ONNX Runtime on the CPU. */
export class OnnxNode implements Peer {
  readonly name = "onnxruntime-node";
  readonly mostThreads = Infinity;

  async prepare(problem: Problem, threads: number) {
    const session = await InferenceSession.create(encodeModel(problem.geometry, problem), {
      executionProviders: ["cpu"],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
    });
    const x = new Tensor("float32", problem.input, problem.bench.inputShape);
    return {
      run: async () => floatValues((await session.run({ x })).y?.data),
      rowMajor: (values: Float32Array) => values,
      [Symbol.asyncDispose]: () => session.release(),
    };
  }
}
