import { describe } from "../../base/checks.ts";
import type { ElementType } from "./elements.ts";
import { ELEMENT_TYPES } from "./elements.ts";

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
