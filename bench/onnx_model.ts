/**
 * Models of one `Conv` or `ConvTranspose` node, for ONNX Runtime.
 *
 * @module
 */

import type { Geometry } from "../src/convolution/geometry.ts";
import { outputShape, weightShape } from "../src/convolution/geometry.ts";
import { encodeOnnx } from "../src/io/models/onnx/encode.ts";
import type { OnnxAttribute, OnnxTensor, OnnxValueInfo } from "../src/io/models/onnx/model.ts";

/** The weights of a convolution. */
export interface Weights {
  readonly weight: Float32Array;
  readonly bias: Float32Array | null;
}

/** Whether ONNX Runtime can compute a geometry: no padding mode, no output padding beyond the stride. */
export function isExpressible(geometry: Geometry): boolean {
  if (geometry.paddingMode !== "zeros" || geometry.batch === 0) return false;
  const { stride } = geometry;
  return !geometry.transposed ||
    outputPaddingOf(geometry).every((size, axis) => size < (stride[axis] ?? 1));
}

/**
 * Encodes a model with input `x` and output `y`.
 *
 * @param geometry The convolution; {@linkcode isExpressible} holds.
 * @param weights Baked into the model as constants.
 */
export function encodeModel(geometry: Geometry, { weight, bias }: Weights): Uint8Array {
  const { rank, batch, inChannels, outChannels, input, kernel } = geometry;
  const weightSizes = weightShape({ ...geometry, kernel: kernel.slice(3 - rank) });
  const initializers = new Map([["w", constant(weightSizes, weight)]]);
  if (bias) initializers.set("b", constant([outChannels], bias));
  return encodeOnnx({
    opsets: new Map([["", 13]]),
    graph: {
      name: "one convolution",
      nodes: [{
        name: "",
        operator: geometry.transposed ? "ConvTranspose" : "Conv",
        domain: "",
        inputs: ["x", ...initializers.keys()],
        outputs: ["y"],
        attributes: attributes(geometry),
      }],
      initializers,
      inputs: [valueInfo("x", [batch, inChannels, ...input.slice(3 - rank)])],
      outputs: [valueInfo("y", outputShape(geometry))],
    },
  });
}

function constant(shape: readonly number[], data: Float32Array): OnnxTensor {
  return { kind: "float", shape, data };
}

function attributes(geometry: Geometry): ReadonlyMap<string, OnnxAttribute> {
  const { transposed, rank, groups, kernel, stride, dilation, padBegin, padEnd } = geometry;
  const spatial = (sizes: readonly number[]) => sizes.slice(3 - rank);
  const lists: Record<string, readonly number[]> = {
    kernel_shape: spatial(kernel),
    strides: spatial(stride),
    dilations: spatial(dilation),
    pads: [...spatial(padBegin), ...spatial(padEnd)],
  };
  if (transposed) lists["output_padding"] = spatial(outputPaddingOf(geometry));
  const named = new Map<string, OnnxAttribute>([["group", { kind: "int", value: groups }]]);
  for (const [name, value] of Object.entries(lists)) named.set(name, { kind: "ints", value });
  return named;
}

function valueInfo(name: string, shape: readonly number[]): OnnxValueInfo {
  return { name, kind: "float", shape };
}

/** How much further a transposed output reaches than the formula without output padding. */
function outputPaddingOf(geometry: Geometry): readonly number[] {
  const { input, output, kernel, stride, dilation, padBegin, padEnd } = geometry;
  return ([0, 1, 2] as const).map((axis) => {
    const full = (input[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1;
    return output[axis] + padBegin[axis] + padEnd[axis] - full;
  });
}
