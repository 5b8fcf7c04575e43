import { describeNumber, describeShape } from "../../../base/checks.ts";
import { product } from "../../../base/numbers.ts";
import { quoted } from "../../quoted.ts";
import { WRITTEN_TYPES } from "./element_types.ts";
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor } from "./model.ts";
import type { OnnxValueInfo } from "./model.ts";
import { INT64_END, int64Words, MessageWriter } from "./wire_writer.ts";

/** The version of the format: what ONNX 1.10 and all that came later read. */
const IR_VERSION = 8;

/** `AttributeProto.AttributeType`. */
const ATTRIBUTE_TYPES = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  floats: 6,
  ints: 7,
  strings: 8,
} as const satisfies Partial<Record<OnnxAttribute["kind"], number>>;

/**
 * The bytes of an ONNX file.
 *
 * @param model What it says. Integers are written as those of 64 bits.
 * @returns The whole file.
 * @throws {RangeError} If the elements of a tensor are fewer or more than its shape says, an integer is none of 64 bits,
 * or an attribute is of a kind that is not kept.
 */
export function encodeOnnx({ opsets, graph }: OnnxModel): Uint8Array<ArrayBuffer> {
  const message = new MessageWriter()
    .integer(1, IR_VERSION)
    .text(2, "tileconv")
    .message(7, graphMessage(graph));
  for (const [domain, version] of opsets) {
    message.message(8, new MessageWriter().text(1, domain).integer(2, version));
  }
  return message.finish();
}

function graphMessage({ name, nodes, initializers, inputs, outputs }: OnnxGraph): MessageWriter {
  const message = new MessageWriter();
  for (const node of nodes) message.message(1, nodeMessage(node));
  message.text(2, name);
  for (const [name, tensor] of initializers) message.message(5, tensorMessage(name, tensor));
  for (const input of inputs) message.message(11, valueInfoMessage(input));
  for (const output of outputs) message.message(12, valueInfoMessage(output));
  return message;
}

function nodeMessage(node: OnnxNode): MessageWriter {
  const message = new MessageWriter();
  for (const input of node.inputs) message.text(1, input);
  for (const output of node.outputs) message.text(2, output);
  message.text(3, node.name).text(4, node.operator);
  for (const [name, attribute] of node.attributes) {
    message.message(5, attributeMessage(node, name, attribute));
  }
  return message.text(7, node.domain);
}

function attributeMessage(
  node: OnnxNode,
  name: string,
  attribute: OnnxAttribute,
): MessageWriter {
  const what = `attribute ${quoted(name)} of node ${quoted(node.name)}`;
  if (attribute.kind === "other") {
    throw new RangeError(`encodeOnnx(): ${what} is of a kind that is not kept`);
  }
  const message = new MessageWriter().text(1, name).integer(20, ATTRIBUTE_TYPES[attribute.kind]);
  switch (attribute.kind) {
    case "float":
      return message.float(2, attribute.value);
    case "int":
      return message.integer(3, checkInt64(what, attribute.value));
    case "string":
      return message.text(4, attribute.value);
    case "tensor":
      return message.message(5, tensorMessage("", attribute.value));
    case "floats":
      for (const value of attribute.value) message.float(7, value);
      return message;
    case "ints":
      for (const value of attribute.value) message.integer(8, checkInt64(what, value));
      return message;
    case "strings":
      for (const value of attribute.value) message.text(9, value);
      return message;
  }
}

function tensorMessage(name: string, { kind, shape, data }: OnnxTensor): MessageWriter {
  const what = `tensor ${quoted(name)}`;
  if (product(shape) !== data.length) {
    throw new RangeError(
      `encodeOnnx(): ${what} of shape ${describeShape(shape)} has ${data.length} elements`,
    );
  }
  const message = new MessageWriter();
  for (const size of shape) message.integer(1, size);
  message.integer(2, WRITTEN_TYPES[kind]);
  if (name !== "") message.text(8, name);
  if (kind === "float") return message.bytes(9, floatBytes(data));
  if (kind === "bool") {
    return message.bytes(
      9,
      Uint8Array.from(data, (value) => value === 0 ? 0 : 1),
    );
  }
  return message.bytes(9, integerBytes(what, data));
}

function floatBytes({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function integerBytes(what: string, data: Float64Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * data.length));
  for (const [index, value] of data.entries()) {
    const { low, high } = int64Words(checkInt64(what, value));
    view.setUint32(8 * index, low, true);
    view.setUint32(8 * index + 4, high, true);
  }
  return new Uint8Array(view.buffer);
}

/** Checks that a number is an int64, or the nearest to one. */
function checkInt64(what: string, value: number): number {
  if (Number.isInteger(value) && Math.abs(value) <= INT64_END) return value;
  throw new RangeError(
    `encodeOnnx(): ${what} has ${describeNumber(value)}, which is no integer of 64 bits`,
  );
}

function valueInfoMessage({ name, kind, shape }: OnnxValueInfo): MessageWriter {
  const type = new MessageWriter().integer(1, WRITTEN_TYPES[kind]);
  if (shape !== null) type.message(2, shapeMessage(shape));
  return new MessageWriter().text(1, name).message(2, new MessageWriter().message(1, type));
}

function shapeMessage(shape: NonNullable<OnnxValueInfo["shape"]>): MessageWriter {
  const message = new MessageWriter();
  for (const size of shape) {
    const axis = new MessageWriter();
    if (typeof size === "number") axis.integer(1, size);
    else if (size !== null) axis.text(2, size);
    message.message(1, axis);
  }
  return message;
}
