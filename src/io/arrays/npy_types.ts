import { describe } from "../../base/checks.ts";

/** How one element is stored, and how it is read. */
export interface ElementType {
  readonly bytes: number;
  /** Reads an element so that one rounding to float32 is the only one. */
  read(view: DataView, offset: number, littleEndian: boolean): number;
}

/** The types that are read, by NumPy's kind letter and size; all become float32. */
const ELEMENT_TYPES: ReadonlyMap<string, ElementType> = new Map<string, ElementType>([
  ["f2", { bytes: 2, read: (view, at, little) => readHalf(view.getUint16(at, little)) }],
  ["f4", { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) }],
  ["f8", { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) }],
  ["b1", { bytes: 1, read: (view, at) => view.getUint8(at) === 0 ? 0 : 1 }],
  ["i1", { bytes: 1, read: (view, at) => view.getInt8(at) }],
  ["i2", { bytes: 2, read: (view, at, little) => view.getInt16(at, little) }],
  ["i4", { bytes: 4, read: (view, at, little) => view.getInt32(at, little) }],
  ["i8", {
    bytes: 8,
    read: (view, at, little) =>
      joinWords(view.getInt32(little ? at + 4 : at, little), readLow(view, at, little)),
  }],
  ["u1", { bytes: 1, read: (view, at) => view.getUint8(at) }],
  ["u2", { bytes: 2, read: (view, at, little) => view.getUint16(at, little) }],
  ["u4", { bytes: 4, read: (view, at, little) => view.getUint32(at, little) }],
  ["u8", {
    bytes: 8,
    read: (view, at, little) =>
      joinWords(view.getUint32(little ? at + 4 : at, little), readLow(view, at, little)),
  }],
]);

/** The other names of the types; `int` and `long` are another type on another machine. */
const NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    f2: ["float16", "half", "e"],
    f4: ["float32", "single", "f"],
    f8: ["float64", "double", "float", "d"],
    b1: ["bool", "?"],
    i1: ["int8", "byte", "b"],
    i2: ["int16", "short", "h"],
    i4: ["int32", "intc", "i"],
    i8: ["int64", "longlong", "q"],
    u1: ["uint8", "ubyte", "B"],
    u2: ["uint16", "ushort", "H"],
    u4: ["uint32", "uintc", "I"],
    u8: ["uint64", "ulonglong", "Q"],
  }).flatMap(([code, names]) => names.map((name) => [name, code])),
);

const EXPECTED = "float16 to float64, int8 to int64, uint8 to uint64 or bool";

/** What NumPy stores besides real numbers that fit into float64. */
const OTHER_TYPES: readonly (readonly [form: RegExp, what: string])[] = [
  [/^(O\d*|object)$/, "Python objects"],
  [/^(c\d+|complex\d*)$/, "complex numbers"],
  [/^(M8?|datetime64)(\[.*)?$/, "dates"],
  [/^(m8?|timedelta64)(\[.*)?$/, "spans of time"],
  [/^([SUa]\d*|str|bytes)$/, "texts"],
  [/^(V\d*|void)$/, "raw bytes"],
  [/^(f12|f16|float96|float128|longdouble)$/, "floating-point numbers of more than 64 bits"],
];

/**
 * Looks up a type as NumPy spells it: with a byte order or not, kind and size, such as `<f4`, or a name.
 *
 * @param descr The type's name in a header.
 * @returns The type; a machine that does not say its byte order is taken for little-endian, as nearly all are.
 * @throws {SyntaxError} If no float32 can hold what it stands for.
 */
export function parseElementType(
  descr: string,
): { readonly type: ElementType; readonly littleEndian: boolean } {
  const [, order = "", name = ""] = /^([<>|=]?)(.*)$/.exec(descr) ?? [];
  // Words have no byte order, letters may have one.
  const code = order === "" || name.length === 1 ? NAMES.get(name) ?? name : name;
  const type = ELEMENT_TYPES.get(code);
  if (type !== undefined) return { type, littleEndian: order !== ">" };
  const [, what] = OTHER_TYPES.find(([form]) => form.test(name)) ?? [];
  throw new SyntaxError(
    what === undefined
      ? `its dtype ${describe(descr)} is unknown; expected ${EXPECTED}`
      : `it holds ${what} (dtype ${describe(descr)}); expected ${EXPECTED}`,
  );
}

/** The value of a float16. `DataView` reads one itself only in the newest runtimes. */
function readHalf(bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1;
  const exponent = bits >> 10 & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  // Below the least exponent the leading bit is not implied.
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** From here on float64 has fewer bits than an integer of two words. */
const WIDE = 2 ** 53 / 2 ** 32;

/** The bits that float64 cannot hold beside the highest of 64. */
const LOST_BITS = 2 ** 11 - 1;

function readLow(view: DataView, at: number, littleEndian: boolean): number {
  return view.getUint32(littleEndian ? at : at + 4, littleEndian);
}

/**
 * An integer of 64 bits. Where float64 cannot hold it, the bits that are lost leave their trace in the lowest
 * one that is not: far below the last bit of a float32, but enough to say that a tie is none.
 */
function joinWords(high: number, low: number): number {
  const isLost = Math.abs(high) >= WIDE && (low & LOST_BITS) !== 0;
  const kept = isLost ? ((low & ~LOST_BITS) | (LOST_BITS + 1)) >>> 0 : low;
  return high * 2 ** 32 + kept;
}
