import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { decodeOnnx } from "../../../../src/io/models/onnx/decode.ts";
import { encodeOnnx } from "../../../../src/io/models/onnx/encode.ts";
import type {
  OnnxAttribute,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
} from "../../../../src/io/models/onnx/model.ts";
import { draws } from "../../../_depth.ts";
import { models } from "./_models.ts";

Deno.test("encodeOnnx() writes what decodeOnnx() reads back", () => {
  fc.assert(
    fc.property(models, (model) => {
      const bytes = encodeOnnx(model);
      const read = decodeOnnx(bytes);
      assertEquals(read, model);
      // Values do not tell 0 from -0; bytes do.
      assertEquals(encodeOnnx(read), bytes);
    }),
    { seed: 14, numRuns: draws(100) },
  );
});

/** A node of ONNX's own. */
function node(
  operator: string,
  inputs: readonly string[],
  attributes: Readonly<Record<string, OnnxAttribute>> = {},
): OnnxNode {
  const named = new Map(Object.entries(attributes));
  return {
    name: "",
    operator,
    domain: "",
    inputs,
    outputs: [`${operator} of it`],
    attributes: named,
  };
}

/** A graph of one input `x` of float32 and some outputs, of opset 13. */
function modelOf(
  nodes: readonly OnnxNode[],
  initializers: Readonly<Record<string, OnnxTensor>>,
  outputs: OnnxModel["graph"]["outputs"],
): OnnxModel {
  return {
    opsets: new Map([["", 13]]),
    graph: {
      name: "größe",
      nodes,
      initializers: new Map(Object.entries(initializers)),
      inputs: [{ name: "x", kind: "float", shape: ["batch", null] }],
      outputs,
    },
  };
}

Deno.test("encodeOnnx() writes what ONNX Runtime reads", async () => {
  const end: OnnxTensor = { kind: "int", shape: [1], data: Float64Array.of(2 ** 63) };
  const one: OnnxTensor = { kind: "int", shape: [1], data: Float64Array.of(1) };
  const zero: OnnxTensor = { kind: "int", shape: [1], data: Float64Array.of(-1 + 1) };
  const weight: OnnxTensor = { kind: "float", shape: [2], data: Float32Array.of(0.5, -3) };
  const mask: OnnxTensor = { kind: "bool", shape: [2], data: Float64Array.of(1, 0) };
  const bytes = encodeOnnx(modelOf(
    [
      node("Slice", ["x", "one", "end", "one"]),
      node("Mul", ["Slice of it", "weight"]),
      node("LeakyRelu", ["Mul of it"], { alpha: { kind: "float", value: 0.25 } }),
      node("Where", ["mask", "LeakyRelu of it", "Constant of it"]),
      node("Constant", [], { value: { kind: "tensor", value: weight } }),
      node("Cast", ["Where of it"], { to: { kind: "int", value: 7 } }),
      node("ReduceSum", ["x", "zero"], { keepdims: { kind: "int", value: 0 } }),
      node("ReduceMax", ["x"], { axes: { kind: "ints", value: [-1] } }),
    ],
    { end, one, zero, weight, mask },
    [
      { name: "Where of it", kind: "float", shape: ["batch", 2] },
      { name: "Cast of it", kind: "int", shape: null },
      { name: "ReduceSum of it", kind: "float", shape: [3] },
      { name: "ReduceMax of it", kind: "float", shape: [null, 1] },
    ],
  ));
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1 });
  try {
    const x = new Tensor("float32", Float32Array.of(1, 2, 3, 4, -5, 6), [2, 3]);
    const outputs = await session.run({ x });
    assertEquals(outputs["Where of it"]?.data, Float32Array.of(1, -3, -0.625, -3));
    assertEquals(outputs["Cast of it"]?.data, BigInt64Array.of(1n, -3n, 0n, -3n));
    assertEquals(outputs["ReduceSum of it"]?.data, Float32Array.of(5, -3, 9));
    assertEquals(outputs["ReduceMax of it"]?.data, Float32Array.of(3, 6));
  } finally {
    await session.release();
  }
});

Deno.test("encodeOnnx() refuses what cannot be written", () => {
  const refused = (tensor: OnnxTensor, reason: string) =>
    assertThrows(() => encodeOnnx(modelOf([], { w: tensor }, [])), RangeError, reason);
  refused(
    { kind: "float", shape: [2], data: new Float32Array(3) },
    'tensor "w" of shape [2] has 3 elements',
  );
  for (const value of [0.5, NaN, Infinity, 2 ** 64, -(2 ** 63) - 2048]) {
    refused({ kind: "int", shape: [1], data: Float64Array.of(value) }, 'tensor "w" has');
    const ints = node("A", [], { a: { kind: "ints", value: [value] } });
    assertThrows(
      () => encodeOnnx(modelOf([ints], {}, [])),
      RangeError,
      'attribute "a" of node "" has',
    );
  }
  const other = node("Loop", [], { body: { kind: "other" } });
  assertThrows(
    () => encodeOnnx(modelOf([other], {}, [])),
    RangeError,
    'attribute "body" of node "" is of a kind that is not kept',
  );
});
