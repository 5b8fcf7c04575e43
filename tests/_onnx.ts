import { InferenceSession, Tensor as OnnxTensor } from "onnxruntime-node";
import { encodeModel } from "../bench/onnx_model.ts";
import type { Geometry } from "../src/convolution/geometry.ts";
import type { CaseOperands } from "./_arbitrary.ts";

export { isExpressible } from "../bench/onnx_model.ts";

/** What ONNX Runtime makes of a convolution with zero padding. */
export interface OnnxResult {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/**
 * Computes a convolution with ONNX Runtime's `Conv` or `ConvTranspose` operator, one thread.
 *
 * @param geometry What to compute; its padding mode must be `"zeros"`.
 * @param operands The arrays.
 * @returns The output.
 */
export async function computeWithOnnx(
  geometry: Geometry,
  operands: CaseOperands,
): Promise<OnnxResult> {
  const { rank, batch, inChannels, input } = geometry;
  const x = new OnnxTensor("float32", operands.input, [
    batch,
    inChannels,
    ...input.slice(3 - rank),
  ]);
  const session = await InferenceSession.create(encodeModel(geometry, operands), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  try {
    const { y } = await session.run({ x });
    if (!(y?.data instanceof Float32Array)) {
      throw new TypeError("ONNX Runtime gave no float32 output");
    }
    return { data: y.data, shape: y.dims };
  } finally {
    await session.release();
  }
}
