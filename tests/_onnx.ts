import { InferenceSession, Tensor as OnnxTensor } from "onnxruntime-node";
import protobuf from "protobufjs";
import type { Geometry } from "../src/geometry.ts";
import { outputShape, weightShape } from "../src/geometry.ts";
import type { CaseOperands } from "./_arbitrary.ts";

/** The part of `onnx.proto` (onnx/onnx, IR version 8) that a model of one node needs. */
const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: { type: "int64", id: 1 },
        graph: { type: "GraphProto", id: 7 },
        opsetImport: { rule: "repeated", type: "OperatorSetIdProto", id: 8 },
      },
    },
    OperatorSetIdProto: {
      fields: { domain: { type: "string", id: 1 }, version: { type: "int64", id: 2 } },
    },
    GraphProto: {
      fields: {
        node: { rule: "repeated", type: "NodeProto", id: 1 },
        name: { type: "string", id: 2 },
        input: { rule: "repeated", type: "ValueInfoProto", id: 11 },
        output: { rule: "repeated", type: "ValueInfoProto", id: 12 },
      },
    },
    NodeProto: {
      fields: {
        input: { rule: "repeated", type: "string", id: 1 },
        output: { rule: "repeated", type: "string", id: 2 },
        opType: { type: "string", id: 4 },
        attribute: { rule: "repeated", type: "AttributeProto", id: 5 },
      },
    },
    AttributeProto: {
      fields: {
        name: { type: "string", id: 1 },
        i: { type: "int64", id: 3 },
        ints: { rule: "repeated", type: "int64", id: 8, options: { packed: false } },
        type: { type: "int32", id: 20 },
      },
    },
    ValueInfoProto: {
      fields: { name: { type: "string", id: 1 }, type: { type: "TypeProto", id: 2 } },
    },
    TypeProto: { fields: { tensorType: { type: "TypeProtoTensor", id: 1 } } },
    TypeProtoTensor: {
      fields: {
        elemType: { type: "int32", id: 1 },
        shape: { type: "TensorShapeProto", id: 2 },
      },
    },
    TensorShapeProto: {
      fields: { dim: { rule: "repeated", type: "Dimension", id: 1 } },
    },
    Dimension: { fields: { dimValue: { type: "int64", id: 1 } } },
  },
});

/** `AttributeProto.AttributeType` and `TensorProto.DataType`. */
const INT = 2;
const INTS = 7;
const FLOAT = 1;

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
  const { rank, batch, inChannels, outChannels, input, kernel } = geometry;
  const feeds: Record<string, OnnxTensor> = {
    x: new OnnxTensor("float32", operands.input, [batch, inChannels, ...input.slice(3 - rank)]),
    w: new OnnxTensor(
      "float32",
      operands.weight,
      [...weightShape({ ...geometry, kernel: kernel.slice(3 - rank) })],
    ),
  };
  if (operands.bias) feeds.b = new OnnxTensor("float32", operands.bias, [outChannels]);
  const session = await InferenceSession.create(encodeModel(geometry, feeds), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  try {
    const { y } = await session.run(feeds);
    if (!(y?.data instanceof Float32Array)) {
      throw new TypeError("ONNX Runtime gave no float32 output");
    }
    return { data: y.data, shape: y.dims };
  } finally {
    await session.release();
  }
}

/** Whether ONNX Runtime can compute a geometry: no padding mode, no output padding beyond the stride. */
export function isExpressible(geometry: Geometry): boolean {
  if (geometry.paddingMode !== "zeros" || geometry.batch === 0) return false;
  const { stride } = geometry;
  return !geometry.transposed ||
    outputPaddingOf(geometry).every((size, axis) => size < (stride[axis] ?? 1));
}

function encodeModel(
  geometry: Geometry,
  feeds: Readonly<Record<string, OnnxTensor>>,
): Uint8Array {
  const model = root.lookupType("ModelProto");
  return model.encode(model.fromObject({
    irVersion: 8,
    opsetImport: [{ domain: "", version: 13 }],
    graph: {
      name: "one convolution",
      node: [{
        opType: geometry.transposed ? "ConvTranspose" : "Conv",
        input: Object.keys(feeds),
        output: ["y"],
        attribute: attributes(geometry),
      }],
      input: Object.entries(feeds).map(([name, { dims }]) => valueInfo(name, dims)),
      output: [valueInfo("y", outputShape(geometry))],
    },
  })).finish();
}

function attributes(geometry: Geometry): object[] {
  const { transposed, rank, groups, kernel, stride, dilation, padBegin, padEnd } = geometry;
  const spatial = (sizes: readonly number[]) => sizes.slice(3 - rank);
  const ints = (name: string, values: readonly number[]) => ({ name, ints: values, type: INTS });
  const common = [
    ints("kernel_shape", spatial(kernel)),
    ints("strides", spatial(stride)),
    ints("dilations", spatial(dilation)),
    ints("pads", [...spatial(padBegin), ...spatial(padEnd)]),
    { name: "group", i: groups, type: INT },
  ];
  if (!transposed) return common;
  return [...common, ints("output_padding", spatial(outputPaddingOf(geometry)))];
}

function valueInfo(name: string, shape: readonly number[]): object {
  const dim = shape.map((size) => ({ dimValue: size }));
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } };
}

/** How much further a transposed output reaches than the formula without output padding. */
function outputPaddingOf(geometry: Geometry): readonly number[] {
  const { input, output, kernel, stride, dilation, padBegin, padEnd } = geometry;
  return ([0, 1, 2] as const).map((axis) => {
    const full = (input[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1;
    return output[axis] + padBegin[axis] + padEnd[axis] - full;
  });
}
