import { InferenceSession, Tensor } from "onnxruntime-node";
import { floatValues } from "./float_values.ts";
import type { OnnxCall } from "./onnx_call.ts";
import type { Peer } from "./peer.ts";

/** Native ONNX Runtime on the CPU. */
export class OnnxNode<Given> implements Peer<Given> {
  readonly name = "onnxruntime-node";
  readonly mostThreads = Infinity;
  readonly #callOf: (problem: Given) => OnnxCall;

  /** @param callOf A problem as a model and its input. */
  constructor(callOf: (problem: Given) => OnnxCall) {
    this.#callOf = callOf;
  }

  async prepare(problem: Given, threads: number) {
    const { model, input, inputShape } = this.#callOf(problem);
    const session = await InferenceSession.create(model, {
      executionProviders: ["cpu"],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
    });
    const [[inputName = ""], [outputName = ""]] = [session.inputNames, session.outputNames];
    const feeds = { [inputName]: new Tensor("float32", input, inputShape) };
    return {
      run: async () => floatValues((await session.run(feeds))[outputName]?.data),
      rowMajor: (values: Float32Array) => values,
      [Symbol.asyncDispose]: () => session.release(),
    };
  }
}
