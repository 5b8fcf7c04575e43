import { describe } from "../../../base/checks.ts";
import { product } from "../../../base/numbers.ts";
import { quoted } from "../../quoted.ts";
import type { ElementType } from "./element_types.ts";
import { describeOtherType, elementType, NUMBER_FIELDS } from "./element_types.ts";
import type { ListField } from "./lists.ts";
import { countFloats, countIntegers, readFloats, readIntegers } from "./lists.ts";
import type { OnnxTensor } from "./model.ts";
import type { Message } from "./wire.ts";

/** More axes no array of any library has. */
export const MOST_AXES = 64;

/** The fields of `TensorProto` besides those of numbers. */
const DIMS: ListField = { number: 1, name: "dims" };
const DATA_TYPE = 2;
const SEGMENT = 3;
const NAME = 8;
const RAW_DATA = 9;
const EXTERNAL_DATA = 13;
const DATA_LOCATION = 14;

/** A tensor and what the file calls it. */
export interface NamedTensor {
  readonly name: string;
  readonly tensor: OnnxTensor;
}

/** What a tensor says besides its elements. */
interface Header {
  readonly name: string;
  readonly typeCode: number;
  /** `null` if there are none. */
  readonly raw: Uint8Array | null;
  /** The fields of numbers that are there. */
  readonly fields: ReadonlySet<ListField>;
}

/**
 * Reads a tensor.
 *
 * @param message A `TensorProto`.
 * @returns The tensor; its elements are a copy.
 * @throws {SyntaxError} If the bytes do not hold what its shape and type say, or lie elsewhere.
 */
export function readTensor(message: Message): NamedTensor {
  const header = readHeader(message);
  const { name, typeCode } = header;
  const type = elementType(typeCode);
  if (type === undefined) {
    throw message.fault(`${quoted(name)} has elements of type ${describeOtherType(typeCode)}`);
  }
  const shape = readShape(message, name);
  checkElements(message, header, type, shape);
  return { name, tensor: readElements(message, header.raw, type, shape) };
}

function readHeader(message: Message): Header {
  let [name, typeCode, isElsewhere] = ["", 0, false];
  let raw: Uint8Array | null = null;
  const present = new Set<ListField>();
  const fields = message.again();
  while (fields.next()) {
    const numbers = NUMBER_FIELDS.get(fields.field);
    if (numbers !== undefined) present.add(numbers);
    else if (fields.field === DATA_TYPE) typeCode = fields.integer("data_type", "int32");
    else if (fields.field === NAME) name = fields.text("name");
    else if (fields.field === RAW_DATA) raw = fields.bytes("raw_data");
    else if (fields.field === EXTERNAL_DATA) isElsewhere = true;
    else if (fields.field === DATA_LOCATION) {
      isElsewhere ||= fields.integer("data_location", "int32") !== 0;
    } else if (fields.field === SEGMENT) {
      throw message.fault("is a segment of a tensor; only whole ones are read");
    }
  }
  if (isElsewhere) {
    throw message.fault(
      `${quoted(name)} has its data in another file; Python's ` +
        'onnx.save(onnx.load("model.onnx"), "whole.onnx") writes one file with all of them',
    );
  }
  return { name, typeCode, raw: raw?.length === 0 ? null : raw, fields: present };
}

function readShape(message: Message, name: string): readonly number[] {
  const count = countIntegers(message, DIMS);
  if (count > MOST_AXES) {
    throw message.fault(`${quoted(name)} has ${count} axes; at most ${MOST_AXES} are read`);
  }
  const shape = Array.from(readIntegers(message, DIMS, "int64"));
  if (shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return shape;
  throw message.fault(
    `${quoted(name)} has shape ${describe(shape)}, which is none: sizes are from 0 to 2^53`,
  );
}

/** Checks that the elements are there, before room is made for them. */
function checkElements(
  message: Message,
  { name, raw, fields }: Header,
  type: ElementType,
  shape: readonly number[],
): void {
  const what = `${quoted(name)} of shape ${describe(shape)} and type ${type.name}`;
  // The sizes beside a 0 may be anything.
  const count = shape.includes(0) ? 0 : product(shape);
  if (!Number.isSafeInteger(count)) throw message.fault(`${what} has more than 2^53 elements`);
  const other = [...fields].find((field) => raw !== null || field !== type.field);
  if (other !== undefined) {
    const expected = raw === null
      ? `${type.field.name} or raw_data is expected`
      : "raw_data is too";
    throw message.fault(`${what} has ${other.name}, where ${expected}`);
  }
  if (raw !== null) {
    if (raw.length === count * type.bytes) return;
    throw message.fault(
      `${what} takes ${count * type.bytes} bytes, but its raw_data has ${raw.length}`,
    );
  }
  const stored = type.list === "floats"
    ? countFloats(message, type.field, type.bytes)
    : countIntegers(message, type.field);
  if (stored !== count) {
    throw message.fault(
      `${what} takes ${count} elements, but its ${type.field.name} has ${stored}`,
    );
  }
}

/** Reads the elements, which are there. */
function readElements(
  message: Message,
  raw: Uint8Array | null,
  type: ElementType,
  shape: readonly number[],
): OnnxTensor {
  const count = raw === null ? 0 : raw.length / type.bytes;
  if (type.kind !== "float") {
    if (raw === null) return { kind: type.kind, shape, data: readInRange(message, type) };
    const data = new Float64Array(count);
    type.fromRaw(viewOf(raw), data);
    return { kind: type.kind, shape, data };
  }
  if (raw !== null) {
    const data = new Float32Array(count);
    type.fromRaw(viewOf(raw), data);
    return { kind: "float", shape, data };
  }
  if (type.list === "floats") {
    const data = readFloats(message, type.field, type.bytes);
    return { kind: "float", shape, data };
  }
  const bits = readInRange(message, type);
  const data = new Float32Array(bits.length);
  type.fromBits(bits, data);
  return { kind: "float", shape, data };
}

/** Reads integers, each of which must be one that stands for an element. */
function readInRange(
  message: Message,
  { name, field, integers, range: [least, most] }: Exclude<ElementType, { list: "floats" }>,
): Float64Array {
  const values = readIntegers(message, field, integers);
  const wrong = values.find((value) => value < least || value > most);
  if (wrong === undefined) return values;
  throw message.fault(`has ${wrong} in its ${field.name}, which is no ${name}`);
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
