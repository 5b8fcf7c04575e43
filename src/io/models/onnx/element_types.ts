import type { ListField } from "./lists.ts";
import type { ElementKind } from "./model.ts";
import { bfloatValue, halfValue } from "../../../base/half.ts";
import type { FloatSize, IntegerKind } from "./wire.ts";

/** How the elements of a tensor are stored. */
export type ElementType = FloatType | NarrowFloatType | IntegerType;

interface StoredType {
  /** As ONNX calls it. */
  readonly name: string;
  /** The bytes of an element where they are raw. */
  readonly bytes: number;
  /** The field of the tensor where they are not. */
  readonly field: ListField;
}

/** Floats that lie in a field of floats. */
interface FloatType extends StoredType {
  readonly list: "floats";
  readonly kind: "float";
  readonly bytes: FloatSize;
  fromRaw(bytes: DataView, into: Float32Array): void;
}

/** Floats whose bits are integers in a field. */
interface NarrowFloatType extends StoredType {
  readonly list: "bits";
  readonly kind: "float";
  /** What the varints of the field stand for. */
  readonly integers: IntegerKind;
  readonly range: Range;
  fromRaw(bytes: DataView, into: Float32Array): void;
  fromBits(values: Float64Array, into: Float32Array): void;
}

interface IntegerType extends StoredType {
  readonly list: "integers";
  readonly kind: "int" | "bool";
  readonly integers: IntegerKind;
  readonly range: Range;
  fromRaw(bytes: DataView, into: Float64Array): void;
}

/** The least and the largest number that stands for an element. */
type Range = readonly [least: number, most: number];

const FLOAT_DATA: ListField = { number: 4, name: "float_data" };
const INT32_DATA: ListField = { number: 5, name: "int32_data" };
const INT64_DATA: ListField = { number: 7, name: "int64_data" };
const DOUBLE_DATA: ListField = { number: 10, name: "double_data" };
const UINT64_DATA: ListField = { number: 11, name: "uint64_data" };

/** The fields in which the numbers of a tensor may lie, by their numbers. */
export const NUMBER_FIELDS: ReadonlyMap<number, ListField> = new Map(
  [FLOAT_DATA, INT32_DATA, INT64_DATA, DOUBLE_DATA, UINT64_DATA].map((field) => [
    field.number,
    field,
  ]),
);

const WORD = 2 ** 32;

const ANY: Range = [-Infinity, Infinity];

/** The types that are read, by their number in `TensorProto.DataType`. */
const TYPES: ReadonlyMap<number, ElementType> = new Map<number, ElementType>([
  [1, {
    name: "FLOAT",
    list: "floats",
    kind: "float",
    bytes: 4,
    field: FLOAT_DATA,
    // The host's floats lie in the same order: WebAssembly has no other.
    fromRaw: (bytes, into) => bytesOf(into).set(bytesOf(bytes)),
  }],
  [
    2,
    int32Data({
      name: "UINT8",
      kind: "int",
      bytes: 1,
      range: [0, 2 ** 8 - 1],
      fromRaw: (view, into) => {
        for (let i = 0; i < into.length; i++) into[i] = view.getUint8(i);
      },
    }),
  ],
  [
    3,
    int32Data({
      name: "INT8",
      kind: "int",
      bytes: 1,
      range: [-(2 ** 7), 2 ** 7 - 1],
      fromRaw: (view, into) => {
        for (let i = 0; i < into.length; i++) into[i] = view.getInt8(i);
      },
    }),
  ],
  [
    4,
    int32Data({
      name: "UINT16",
      kind: "int",
      bytes: 2,
      range: [0, 2 ** 16 - 1],
      fromRaw: (view, into) => {
        for (let i = 0; i < into.length; i++) into[i] = view.getUint16(2 * i, true);
      },
    }),
  ],
  [
    5,
    int32Data({
      name: "INT16",
      kind: "int",
      bytes: 2,
      range: [-(2 ** 15), 2 ** 15 - 1],
      fromRaw: (view, into) => {
        for (let i = 0; i < into.length; i++) into[i] = view.getInt16(2 * i, true);
      },
    }),
  ],
  [
    6,
    int32Data({
      name: "INT32",
      kind: "int",
      bytes: 4,
      range: ANY,
      fromRaw: (view, into) => {
        for (let i = 0; i < into.length; i++) into[i] = view.getInt32(4 * i, true);
      },
    }),
  ],
  [7, {
    name: "INT64",
    list: "integers",
    kind: "int",
    integers: "int64",
    field: INT64_DATA,
    bytes: 8,
    range: ANY,
    fromRaw: (view, into) => {
      for (let i = 0; i < into.length; i++) {
        into[i] = view.getInt32(8 * i + 4, true) * WORD + view.getUint32(8 * i, true);
      }
    },
  }],
  [
    9,
    int32Data({
      name: "BOOL",
      kind: "bool",
      bytes: 1,
      range: [0, 1],
      fromRaw: (view, into) => {
        for (let i = 0; i < into.length; i++) into[i] = view.getUint8(i) === 0 ? 0 : 1;
      },
    }),
  ],
  [
    10,
    bits({
      name: "FLOAT16",
      fromRaw: (view, into) => widened((i) => halfValue(view.getUint16(2 * i, true)), into),
      fromBits: (values, into) => widened((i) => halfValue(values[i] ?? 0), into),
    }),
  ],
  [11, {
    name: "DOUBLE",
    list: "floats",
    kind: "float",
    bytes: 8,
    field: DOUBLE_DATA,
    fromRaw: (view, into) => {
      for (let i = 0; i < into.length; i++) into[i] = view.getFloat64(8 * i, true);
    },
  }],
  [
    12,
    uint64Data({
      name: "UINT32",
      kind: "int",
      bytes: 4,
      range: [0, WORD - 1],
      fromRaw: (view, into) => {
        for (let i = 0; i < into.length; i++) into[i] = view.getUint32(4 * i, true);
      },
    }),
  ],
  [
    13,
    uint64Data({
      name: "UINT64",
      kind: "int",
      bytes: 8,
      range: ANY,
      fromRaw: (view, into) => {
        for (let i = 0; i < into.length; i++) {
          into[i] = view.getUint32(8 * i + 4, true) * WORD + view.getUint32(8 * i, true);
        }
      },
    }),
  ],
  [
    16,
    bits({
      name: "BFLOAT16",
      fromRaw: (view, into) => widened((i) => bfloatValue(view.getUint16(2 * i, true)), into),
      fromBits: (values, into) => widened((i) => bfloatValue(values[i] ?? 0), into),
    }),
  ],
]);

/** The types that are not read. */
const OTHERS: ReadonlyMap<number, string> = new Map([
  [0, "UNDEFINED"],
  [8, "STRING"],
  [14, "COMPLEX64"],
  [15, "COMPLEX128"],
  [17, "FLOAT8E4M3FN"],
  [18, "FLOAT8E4M3FNUZ"],
  [19, "FLOAT8E5M2"],
  [20, "FLOAT8E5M2FNUZ"],
  [21, "UINT4"],
  [22, "INT4"],
  [23, "FLOAT4E2M1"],
  [24, "FLOAT8E8M0"],
]);

/** The element type of a number in the file; `undefined` if it is none that is read. */
export function elementType(code: number): ElementType | undefined {
  return TYPES.get(code);
}

/** Says what an element type is that is not read, and which are. */
export function describeOtherType(code: number): string {
  const names = Array.from(TYPES.values(), ({ name }) => name);
  return `${OTHERS.get(code) ?? code}; expected ${names.join(", ")}`;
}

/** The number of the type as which elements of a kind are written: FLOAT, INT64, BOOL. */
export const WRITTEN_TYPES: Readonly<Record<ElementKind, number>> = { float: 1, int: 7, bool: 9 };

/** Integers of at most 32 bits, which lie in a field together. */
function int32Data(
  type: Omit<IntegerType, "list" | "integers" | "field">,
): IntegerType {
  return { ...type, list: "integers", integers: "int32", field: INT32_DATA };
}

function uint64Data(type: Omit<IntegerType, "list" | "integers" | "field">): IntegerType {
  return { ...type, list: "integers", integers: "uint64", field: UINT64_DATA };
}

/** Floats of 16 bits. */
function bits(type: Pick<NarrowFloatType, "name" | "fromRaw" | "fromBits">): NarrowFloatType {
  return {
    ...type,
    list: "bits",
    kind: "float",
    bytes: 2,
    integers: "int32",
    field: INT32_DATA,
    range: [0, 2 ** 16 - 1],
  };
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Writes values one by one. */
function widened(valueAt: (index: number) => number, into: Float32Array): void {
  for (let i = 0; i < into.length; i++) into[i] = valueAt(i);
}
