/** How the value of a field lies in the bytes: Protocol Buffers' wire types. */
const VARINT = 0;
const LENGTH = 2;
const FIXED32 = 5;

const WORD = 2 ** 32;

/**
 * Writes a message of Protocol Buffers. Bytes are copied only when the whole is put together.
 *
 * Source: https://protobuf.dev/programming-guides/encoding/.
 */
export class MessageWriter {
  readonly #parts: Uint8Array[] = [];
  /** Bytes of numbers that are in no part yet. */
  #bytes: number[] = [];
  #length = 0;

  /** Adds a whole number of a value that an int64 can be. */
  integer(field: number, value: number): this {
    this.#varint(field * 8 + VARINT);
    this.#varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.#varint(field * 8 + FIXED32);
    this.#bytes.push(...new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  text(field: number, text: string): this {
    return this.bytes(field, new TextEncoder().encode(text));
  }

  bytes(field: number, bytes: Uint8Array): this {
    this.#varint(field * 8 + LENGTH);
    this.#varint(bytes.length);
    this.#add(bytes);
    return this;
  }

  message(field: number, message: MessageWriter): this {
    message.#close();
    this.#varint(field * 8 + LENGTH);
    this.#varint(message.#length);
    for (const part of message.#parts) this.#add(part);
    return this;
  }

  /** All bytes in one. */
  finish(): Uint8Array<ArrayBuffer> {
    this.#close();
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  #add(part: Uint8Array): void {
    this.#close();
    this.#parts.push(part);
    this.#length += part.length;
  }

  #close(): void {
    if (this.#bytes.length === 0) return;
    const part = Uint8Array.from(this.#bytes);
    this.#bytes = [];
    this.#parts.push(part);
    this.#length += part.length;
  }

  #varint(value: number): void {
    let { low, high } = int64Words(value);
    while (high > 0 || low > 0x7f) {
      this.#bytes.push(low % 0x80 | 0x80);
      // Seven bits move from the high word to the low one.
      low = Math.floor(low / 0x80) + high % 0x80 * 2 ** 25;
      high = Math.floor(high / 0x80);
    }
    this.#bytes.push(low);
  }
}

/** The number nearest to the largest int64 is one more. */
export const INT64_END: number = 2 ** 63;

/** The two's complement of an int64, as two words; the largest where the number is one more. */
export function int64Words(value: number): { readonly low: number; readonly high: number } {
  if (value === INT64_END) return { low: WORD - 1, high: WORD / 2 - 1 };
  const high = Math.floor(value / WORD);
  return { low: value - high * WORD, high: high >>> 0 };
}
