/**
 * The header of a `.safetensors` file: JSON that says of every tensor its type, shape and place in the data. The rules are
 * those of its authors: what the data hold is named once, without holes and without anything twice.
 *
 * @module
 */

import { describe } from "../../base/checks.ts";
import { product } from "../../base/numbers.ts";
import { kindOf } from "../file_kind.ts";
import { quoted } from "../quoted.ts";
import type { ElementType } from "./elements.ts";
import { BFLOAT16, ELEMENT_TYPES } from "./elements.ts";

/** A tensor in the file. */
export interface TensorEntry {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Where its bytes lie in the file. */
  readonly begin: number;
  readonly end: number;
}

/** What a header says, checked. */
export interface SafetensorsHeader {
  /** In the order of their data. */
  readonly entries: readonly TensorEntry[];
  /** What the writer said besides. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** The name under which texts stand instead of a tensor. */
export const METADATA = "__metadata__";

/** The bytes that say how long the header is. */
export const LENGTH_BYTES = 8;

/** The longest header that the authors of the format permit. */
const LONGEST_HEADER = 100_000_000;

/** A part takes two bytes, and forty times as many when it is parsed. A tensor has about ten parts. */
const MOST_PARTS = 2 ** 22;

/** More axes has no tensor anywhere. */
const MOST_AXES = 64;

const TYPES: ReadonlyMap<string, ElementType | undefined> = new Map([
  ["F64", ELEMENT_TYPES.get("f8")],
  ["F32", ELEMENT_TYPES.get("f4")],
  ["F16", ELEMENT_TYPES.get("f2")],
  ["BF16", BFLOAT16],
  ["I64", ELEMENT_TYPES.get("i8")],
  ["I32", ELEMENT_TYPES.get("i4")],
  ["I16", ELEMENT_TYPES.get("i2")],
  ["I8", ELEMENT_TYPES.get("i1")],
  ["U64", ELEMENT_TYPES.get("u8")],
  ["U32", ELEMENT_TYPES.get("u4")],
  ["U16", ELEMENT_TYPES.get("u2")],
  ["U8", ELEMENT_TYPES.get("u1")],
  ["BOOL", ELEMENT_TYPES.get("b1")],
]);

/** Whether a file begins as they all do: with a length, and an opening brace behind it. */
export function isSafetensors(bytes: Uint8Array): boolean {
  return bytes[LENGTH_BYTES] === 0x7b;
}

/**
 * Reads the header of a whole file.
 *
 * @param bytes The file.
 * @throws {SyntaxError} If it is not one, or does not fit the file.
 */
export function readSafetensorsHeader(bytes: Uint8Array): SafetensorsHeader {
  if (bytes.length === 0) throw new SyntaxError("it is empty; expected a .safetensors file");
  // A length may look like the mark of another kind.
  const kind = isSafetensors(bytes) ? undefined : kindOf(bytes);
  if (kind !== undefined) throw new SyntaxError(`it is ${kind}, not a .safetensors file`);
  if (bytes.length < LENGTH_BYTES) throw new SyntaxError("it ends early, inside its header");
  const length = lengthOf(bytes);
  const available = bytes.length - LENGTH_BYTES;
  if (length > available || length > LONGEST_HEADER) {
    throw new SyntaxError(
      `it is not a whole .safetensors file: its header would take ${length} bytes, but ` +
        `${available} are there and ${LONGEST_HEADER} are the most that a header has`,
    );
  }
  const dataBegin = LENGTH_BYTES + length;
  const header = parseObject(bytes.subarray(LENGTH_BYTES, dataBegin));
  const entries: TensorEntry[] = [];
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, value] of header) {
    if (name === METADATA) metadata = readMetadata(value);
    else entries.push(readEntry(name, value, dataBegin));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkPlaces(entries, dataBegin, bytes.length);
  return { entries, metadata };
}

function lengthOf({ buffer, byteOffset, byteLength }: Uint8Array): number {
  // Beyond 2^53 it is rounded, and too long all the same.
  return Number(new DataView(buffer, byteOffset, byteLength).getBigUint64(0, true));
}

/** Reads the JSON of a header. */
function parseObject(bytes: Uint8Array): ReadonlyMap<string, unknown> {
  if (bytes[0] !== 0x7b) throw wrong("it does not begin with {");
  if (partsOf(bytes) > MOST_PARTS) throw wrong(`it has more than ${MOST_PARTS} parts`);
  const text = decodeText(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The reason quotes the text, which may be anything.
    throw wrong("it is not JSON");
  }
  if (!isObject(value)) throw wrong("it is not an object");
  checkKeysDiffer(text, value);
  return new Map(Object.entries(value));
}

/** How many values JSON has at most: each is the first of an array or object, or behind a comma. */
function partsOf(bytes: Uint8Array): number {
  let parts = 1;
  for (const byte of bytes) if (byte === 0x2c || byte === 0x5b || byte === 0x7b) parts++;
  return parts;
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw wrong("it is not UTF-8");
  }
}

/** A string of JSON, and the colon that makes it a key. */
const STRING = /"(?:[^"\\]|\\.)*"(\s*:)?/g;

/** `JSON.parse()` takes the last of two values of one name, others the first. */
function checkKeysDiffer(text: string, header: object): void {
  let written = 0;
  for (const [, colon] of text.matchAll(STRING)) if (colon !== undefined) written++;
  const parsed = Object.values(header)
    .reduce((sum, value) => sum + 1 + (isObject(value) ? Object.keys(value).length : 0), 0);
  if (written !== parsed) throw wrong("a name is there twice, or objects are nested too deep");
}

function readMetadata(value: unknown): ReadonlyMap<string, string> {
  if (!isObject(value)) throw wrong(`its ${METADATA} is not an object`);
  const texts = new Map<string, string>();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") throw wrong(`its ${METADATA} ${quoted(key)} is not a string`);
    texts.set(key, text);
  }
  return texts;
}

function readEntry(name: string, value: unknown, dataBegin: number): TensorEntry {
  if (!isObject(value)) throw wrong(`${quoted(name)} is not an object`);
  const { dtype, shape, data_offsets: offsets, ...others } = value;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw wrong(`${quoted(name)} has an unknown ${quoted(unknown)}`);
  if (typeof dtype !== "string") throw wrong(`the dtype of ${quoted(name)} is not a string`);
  const type = TYPES.get(dtype);
  if (type === undefined) {
    throw new SyntaxError(
      `its tensor ${quoted(name)} has dtype ${quoted(dtype)}; expected ${
        [...TYPES.keys()].join(", ")
      }`,
    );
  }
  if (!isSizes(shape) || shape.length > MOST_AXES) {
    throw wrong(`the shape of ${quoted(name)} is not a list of at most ${MOST_AXES} sizes`);
  }
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw wrong(`the data_offsets of ${quoted(name)} are not two places`);
  }
  const [begin = 0, end = 0] = offsets;
  const expected = shape.includes(0) ? 0 : product(shape) * type.bytes;
  if (end - begin !== expected) {
    throw wrong(
      `${quoted(name)} of shape ${describe(shape)} and dtype ${dtype} takes ${
        Number.isSafeInteger(expected) ? expected : "more than 2^53"
      } bytes, but its data_offsets are ${begin} and ${end}`,
    );
  }
  return { name, type, shape, begin: dataBegin + begin, end: dataBegin + end };
}

/** Every byte of the data belongs to one tensor. */
function checkPlaces(entries: readonly TensorEntry[], dataBegin: number, fileBytes: number): void {
  let end = dataBegin;
  for (const entry of entries) {
    if (entry.begin !== end) {
      throw wrong(
        `${quoted(entry.name)} begins at byte ${entry.begin - dataBegin} of the data, where ` +
          `${end - dataBegin} is expected: tensors follow one another without gap or overlap`,
      );
    }
    end = entry.end;
  }
  if (end > fileBytes) {
    throw new SyntaxError(
      `it ends early: its tensors take ${end - dataBegin} bytes, but ${fileBytes - dataBegin} ` +
        "follow the header",
    );
  }
  if (end < fileBytes) {
    throw new SyntaxError(`it goes on after its tensors, bytes too many: ${fileBytes - end}`);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) &&
    value.every((size: unknown) => Number.isSafeInteger(size) && Number(size) >= 0);
}

function wrong(reason: string): SyntaxError {
  return new SyntaxError(`its .safetensors header is wrong: ${reason}`);
}
