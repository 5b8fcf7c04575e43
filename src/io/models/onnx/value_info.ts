import { quoted } from "../../quoted.ts";
import { describeOtherType, elementType } from "./element_types.ts";
import type { ElementKind, OnnxValueInfo } from "./model.ts";
import { MOST_AXES } from "./tensor.ts";
import type { Message } from "./wire.ts";

type Shape = OnnxValueInfo["shape"];

/** What there is in `TypeProto` besides tensors. */
const OTHER_TYPES: ReadonlyMap<number, string> = new Map([
  [4, "a sequence"],
  [5, "a map"],
  [7, "opaque"],
  [8, "a sparse tensor"],
  [9, "optional"],
]);

/** What a type says of a tensor. */
interface TensorType {
  readonly kind: ElementKind;
  readonly shape: Shape;
}

/**
 * Reads what a file says of an input or output.
 *
 * @param message A `ValueInfoProto`.
 * @throws {SyntaxError} If it has no name, or is no tensor of numbers.
 */
export function readValueInfo(message: Message): OnnxValueInfo {
  let name = "";
  let type: TensorType | null = null;
  while (message.next()) {
    if (message.field === 1) name = message.text("name");
    else if (message.field === 2) type = readType(message.message("type"));
  }
  if (name === "") throw message.fault("has no name");
  if (type === null) throw message.fault(`${quoted(name)} does not say of which type it is`);
  return { name, ...type };
}

/** Reads a `TypeProto`. */
function readType(message: Message): TensorType {
  let type: TensorType | null = null;
  while (message.next()) {
    const other = OTHER_TYPES.get(message.field);
    if (other !== undefined) throw message.fault(`is ${other}; only tensors are read`);
    if (message.field === 1) type = readTensorType(message.message("tensor_type"));
  }
  if (type === null) throw message.fault("is that of no tensor");
  return type;
}

function readTensorType(message: Message): TensorType {
  let code = 0;
  let shape: Shape = null;
  while (message.next()) {
    if (message.field === 1) code = message.integer("elem_type", "int32");
    else if (message.field === 2) shape = readShape(message.message("shape"));
  }
  const type = elementType(code);
  if (type !== undefined) return { kind: type.kind, shape };
  throw message.fault(`has elements of type ${describeOtherType(code)}`);
}

function readShape(message: Message): Shape {
  const shape: (number | string | null)[] = [];
  while (message.next()) {
    if (message.field !== 1) continue;
    if (shape.length === MOST_AXES) throw message.fault(`has more than ${MOST_AXES} axes`);
    shape.push(readSize(message.message(`dim[${shape.length}]`)));
  }
  return shape;
}

/** Reads the size of an axis: a number, a name for what is open, or nothing. */
function readSize(message: Message): number | string | null {
  let size: number | string | null = null;
  while (message.next()) {
    if (message.field === 1) {
      const value = message.integer("dim_value", "int64");
      if (!Number.isSafeInteger(value) || value < -1) throw message.fault(`is a size of ${value}`);
      // Some writers say so that a size is open.
      size = value === -1 ? null : value;
    } else if (message.field === 2) size = message.text("dim_param") || null;
  }
  return size;
}
