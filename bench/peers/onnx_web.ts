import { env, InferenceSession, Tensor } from "onnxruntime-web/wasm";
import { floatValues } from "./float_values.ts";
import type { OnnxCall } from "./onnx_call.ts";
import type { Peer } from "./peer.ts";

/** ONNX Runtime compiled to WebAssembly SIMD. Its threads are web workers of a browser. */
export class OnnxWeb<Given> implements Peer<Given> {
  readonly name = "onnxruntime-web";
  readonly mostThreads = 1;
  readonly #callOf: (problem: Given) => OnnxCall;

  /** @param callOf A problem as a model and its input. */
  constructor(callOf: (problem: Given) => OnnxCall) {
    this.#callOf = callOf;
  }

  async prepare(problem: Given) {
    env.wasm.numThreads = 1;
    const { model, input, inputShape } = this.#callOf(problem);
    const session = await InferenceSession.create(model, {
      executionProviders: ["wasm"],
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
