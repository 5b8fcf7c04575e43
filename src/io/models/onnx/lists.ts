/**
 * Lists of numbers in messages: of one field, in one part or in many, each packed or not.
 *
 * @module
 */

import type { IntegerKind, Message } from "./wire.ts";

/** Where a list is: in the field of a number, which a name tells people. */
export interface ListField {
  readonly number: number;
  readonly name: string;
}

/** How many integers a list has; nothing is made of them. */
export function countIntegers(message: Message, { number, name }: ListField): number {
  let count = 0;
  const fields = message.again();
  while (fields.next()) if (fields.field === number) count += fields.countIntegers(name);
  return count;
}

/** Reads integers; beyond 2^53 they become the nearest numbers. */
export function readIntegers(
  message: Message,
  field: ListField,
  kind: IntegerKind,
): Float64Array<ArrayBuffer> {
  const values = new Float64Array(countIntegers(message, field));
  const fields = message.again();
  for (let at = 0; fields.next();) {
    if (fields.field === field.number) at = fields.integers(kind, values, at);
  }
  return values;
}

/** How many floats of one size a list has; nothing is made of them. */
export function countFloats(message: Message, { number, name }: ListField, size: 4 | 8): number {
  let count = 0;
  const fields = message.again();
  while (fields.next()) {
    if (fields.field === number) count += fields.floats(name, size).length / size;
  }
  return count;
}

/**
 * Reads floats.
 *
 * @param size The bytes of one.
 * @param fromRaw Turns the bytes of some into floats of 32 bits.
 */
export function readFloats(
  message: Message,
  field: ListField,
  size: 4 | 8,
  fromRaw: (bytes: DataView, into: Float32Array) => void,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(countFloats(message, field, size));
  const fields = message.again();
  for (let at = 0; fields.next();) {
    if (fields.field !== field.number) continue;
    const { buffer, byteOffset, byteLength } = fields.floats(field.name, size);
    const next = at + byteLength / size;
    fromRaw(new DataView(buffer, byteOffset, byteLength), values.subarray(at, next));
    at = next;
  }
  return values;
}
