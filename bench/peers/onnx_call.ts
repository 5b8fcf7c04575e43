import { encodeModel } from "../onnx_model.ts";
import type { Problem } from "../problem.ts";

/** What ONNX Runtime computes: a model of one input and one output. */
export interface OnnxCall {
  /** The bytes of its file. */
  readonly model: Uint8Array;
  readonly input: Float32Array;
  readonly inputShape: readonly number[];
}

/** One convolution as such a call. */
export function layerCall(problem: Problem): OnnxCall {
  const { geometry, input, bench: { inputShape } } = problem;
  return { model: encodeModel(geometry, problem), input, inputShape };
}
