/**
 * Messages of Protocol Buffers put together by hand, right and wrong ones.
 *
 * @module
 */

/** The bytes of all parts, one after the other. */
export function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** A varint; a negative number is that of its 64 bits. */
export function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.of(...bytes, Number(rest));
}

/** What stands before a value. */
export function tag(field: number, wire: number): Uint8Array {
  return varint(field * 8 + wire);
}

export function int(field: number, value: number | bigint): Uint8Array {
  return join(tag(field, 0), varint(value));
}

export function float(field: number, value: number): Uint8Array {
  return join(tag(field, 5), new Uint8Array(Float32Array.of(value).buffer));
}

/** A field of bytes, or of a message. */
export function bytes(field: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = join(...parts);
  return join(tag(field, 2), varint(content.length), content);
}

export function text(field: number, value: string): Uint8Array {
  return bytes(field, new TextEncoder().encode(value));
}

/** A field of a message that is right. */
export interface Field {
  readonly field: number;
  /** Its value, unless it is a varint. */
  readonly content: Uint8Array;
  /** All of its bytes. */
  readonly whole: Uint8Array;
}

/** Takes a message that is right apart. */
export function splitFields(message: Uint8Array): readonly Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < message.length;) {
    const begin = at;
    const next = () => {
      let value = 0;
      for (let scale = 1;; scale *= 128) {
        const byte = message[at++] ?? 0;
        value += (byte & 127) * scale;
        if (byte < 128) return value;
      }
    };
    const tag = next();
    const wire = tag % 8;
    let length = 0;
    if (wire === 0) next();
    else if (wire === 1) length = 8;
    else if (wire === 5) length = 4;
    else length = next();
    const content = message.subarray(at, at + length);
    at += length;
    const whole = message.subarray(begin, at);
    fields.push({ field: Math.floor(tag / 8), content, whole });
  }
  return fields;
}

/** A node. */
export function node(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  ...attributes: readonly Uint8Array[]
): Uint8Array {
  return bytes(
    1,
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, operator),
    ...attributes.map((attribute) => bytes(5, attribute)),
  );
}

/** What a graph says of an input (field 11) or output (field 12) of float32. */
export function value(field: number, name: string, ...dims: readonly Uint8Array[]): Uint8Array {
  const shape = bytes(2, ...dims.map((dim) => bytes(1, dim)));
  return bytes(field, text(1, name), bytes(2, bytes(1, int(1, 1), shape)));
}

/** An initializer of a shape and type. */
export function initializer(
  name: string,
  shape: readonly (number | bigint)[],
  type: number,
  ...data: readonly Uint8Array[]
): Uint8Array {
  return bytes(5, ...shape.map((size) => int(1, size)), int(2, type), text(8, name), ...data);
}

/** A model of these parts of a graph. */
export function model(...graph: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return join(int(1, 8), bytes(7, ...graph), OPSET);
}

/** The import of version 13 of ONNX's own operators. */
export const OPSET: Uint8Array = bytes(8, text(1, ""), int(2, 13));
