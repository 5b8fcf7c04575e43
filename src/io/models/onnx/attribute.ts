import { quoted } from "../../quoted.ts";
import type { ListField } from "./lists.ts";
import { countFloats, countIntegers, readFloats, readIntegers } from "./lists.ts";
import type { OnnxAttribute } from "./model.ts";
import { readTensor } from "./tensor.ts";
import type { Message } from "./wire.ts";

/** The fields of `AttributeProto`. */
const NAME = 1;
const F = 2;
const I = 3;
const S = 4;
const T = 5;
const FLOATS: ListField = { number: 7, name: "floats" };
const INTS: ListField = { number: 8, name: "ints" };
const STRINGS = 9;
const TYPE = 20;
const REFERENCE = 21;

/** What an attribute is, by its number in `AttributeProto.AttributeType`. */
const KINDS = new Map<number, OnnxAttribute["kind"]>([
  [1, "float"],
  [2, "int"],
  [3, "string"],
  [4, "tensor"],
  [6, "floats"],
  [7, "ints"],
  [8, "strings"],
]);

/** The types that are kept by their kind alone: graphs, sparse tensors, types, and lists. */
const LARGEST_TYPE = 14;

/** The field that says what an attribute is where the type does not: the first files had none. */
const KINDS_BY_FIELD = new Map<number, OnnxAttribute["kind"]>([
  [F, "float"],
  [I, "int"],
  [S, "string"],
  [T, "tensor"],
  [FLOATS.number, "floats"],
  [INTS.number, "ints"],
  [STRINGS, "strings"],
]);

/** No operator takes longer lists; what is longer is a tensor. */
const MOST_VALUES = 2 ** 24;

/** An attribute and its name. */
export interface NamedAttribute {
  readonly name: string;
  readonly attribute: OnnxAttribute;
}

/**
 * Reads an attribute.
 *
 * @param message An `AttributeProto`.
 * @throws {SyntaxError} If it has no name, or not what its type says.
 */
export function readAttribute(message: Message): NamedAttribute {
  let name = "";
  let kind: OnnxAttribute["kind"] | undefined;
  const held = new Set<OnnxAttribute["kind"]>();
  const fields = message.again();
  while (fields.next()) {
    if (fields.field === NAME) name = fields.text("name");
    else if (fields.field === TYPE) kind = kindOfType(fields);
    else if (fields.field === REFERENCE) {
      throw message.fault("refers to an attribute of a function; only functions may do so");
    } else {
      const kind = KINDS_BY_FIELD.get(fields.field);
      if (kind !== undefined) held.add(kind);
    }
  }
  if (name === "") throw message.fault("has no name");
  const [found = "other"] = held;
  const other = [...held].find((held) => held !== (kind ?? found));
  if (other !== undefined) {
    throw message.fault(`${quoted(name)} is of kind ${kind ?? found}, but holds ${other}`);
  }
  return { name, attribute: readValue(message, name, kind ?? found) };
}

/** What a type says; nothing if it is that of no type. */
function kindOfType(fields: Message): OnnxAttribute["kind"] | undefined {
  const type = fields.integer("type", "int32");
  if (type === 0) return undefined;
  if (type < 0 || type > LARGEST_TYPE) throw fields.fault(`is of unknown type ${type}`);
  return KINDS.get(type) ?? "other";
}

function readValue(message: Message, name: string, kind: OnnxAttribute["kind"]): OnnxAttribute {
  switch (kind) {
    // Numbers and texts that are 0 or empty may be left out.
    case "float":
      return { kind, value: last(message, F, (fields) => fields.float("f")) ?? 0 };
    case "int":
      return { kind, value: last(message, I, (fields) => fields.integer("i", "int64")) ?? 0 };
    case "string":
      return { kind, value: last(message, S, (fields) => fields.text("s")) ?? "" };
    case "tensor": {
      const tensor = last(message, T, (fields) => readTensor(fields.message("t")).tensor);
      if (tensor === undefined) throw message.fault(`${quoted(name)} is a tensor that is missing`);
      return { kind, value: tensor };
    }
    case "floats":
      checkLength(message, countFloats(message, FLOATS, 4));
      return { kind, value: Array.from(readFloats(message, FLOATS, 4)) };
    case "ints":
      checkLength(message, countIntegers(message, INTS));
      return { kind, value: Array.from(readIntegers(message, INTS, "int64")) };
    case "strings":
      return { kind, value: readTexts(message) };
    default:
      return { kind };
  }
}

/** Reads a field that is there once; of several the last counts. */
function last<Value>(
  message: Message,
  field: number,
  read: (fields: Message) => Value,
): Value | undefined {
  let value: Value | undefined;
  const fields = message.again();
  while (fields.next()) if (fields.field === field) value = read(fields);
  return value;
}

function readTexts(message: Message): readonly string[] {
  const values: string[] = [];
  const fields = message.again();
  while (fields.next()) {
    if (fields.field === STRINGS) values.push(fields.text("strings"));
  }
  return values;
}

function checkLength(message: Message, length: number): void {
  if (length <= MOST_VALUES) return;
  throw message.fault(`is a list of more than ${MOST_VALUES} values; such are tensors`);
}
