/**
 * Models of one `Conv` or `ConvTranspose` node, for ONNX Runtime.
 *
 * @module
 */

import protobuf from "protobufjs";
import type { Geometry } from "../src/convolution/geometry.ts";
import { outputShape, weightShape } from "../src/convolution/geometry.ts";

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
        initializer: { rule: "repeated", type: "TensorProto", id: 5 },
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
    TensorProto: {
      fields: {
        dims: { rule: "repeated", type: "int64", id: 1 },
        dataType: { type: "int32", id: 2 },
        name: { type: "string", id: 8 },
        rawData: { type: "bytes", id: 9 },
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
  const model = root.lookupType("ModelProto");
  const weightDims = weightShape({ ...geometry, kernel: kernel.slice(3 - rank) });
  const initializer = [constant("w", weightDims, weight)];
  if (bias) initializer.push(constant("b", [outChannels], bias));
  return model.encode(model.fromObject({
    irVersion: 8,
    opsetImport: [{ domain: "", version: 13 }],
    graph: {
      name: "one convolution",
      node: [{
        opType: geometry.transposed ? "ConvTranspose" : "Conv",
        input: bias ? ["x", "w", "b"] : ["x", "w"],
        output: ["y"],
        attribute: attributes(geometry),
      }],
      initializer,
      input: [valueInfo("x", [batch, inChannels, ...input.slice(3 - rank)])],
      output: [valueInfo("y", outputShape(geometry))],
    },
  })).finish();
}

function constant(name: string, dims: readonly number[], values: Float32Array): object {
  const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name, dims, dataType: FLOAT, rawData };
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
