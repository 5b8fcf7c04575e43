/**
 * Lists of numbers in messages: of one field, in one part or in many, each packed or not.
 *
 * @module
 */

import type { FloatSize, IntegerKind, Message } from "./wire.ts";

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
export function countFloats(
  message: Message,
  { number, name }: ListField,
  size: FloatSize,
): number {
  let count = 0;
  const fields = message.again();
  while (fields.next()) if (fields.field === number) count += fields.countFloats(name, size);
  return count;
}

/** Reads floats of one size; they are rounded to 32 bits. */
export function readFloats(
  message: Message,
  field: ListField,
  size: FloatSize,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(countFloats(message, field, size));
  const fields = message.again();
  for (let at = 0; fields.next();) {
    if (fields.field === field.number) at = fields.floats(size, values, at);
  }
  return values;
}
