/** Bytes that are put together front to back, numbers with their lowest byte first. */
export class ByteWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** How many there are. */
  get length(): number {
    return this.#length;
  }

  /** Appends bytes, which are not copied before they are joined. */
  bytes(part: Uint8Array): this {
    this.#parts.push(part);
    this.#length += part.length;
    return this;
  }

  /** Appends the UTF-8 of a text. */
  text(text: string): this {
    return this.bytes(new TextEncoder().encode(text));
  }

  uint8(value: number): this {
    return this.bytes(Uint8Array.of(value));
  }

  uint16(...values: readonly number[]): this {
    for (const value of values) this.bytes(Uint8Array.of(value, value >> 8));
    return this;
  }

  uint32(...values: readonly number[]): this {
    for (const value of values) this.uint16(value & 0xffff, value >>> 16);
    return this;
  }

  /** All of them, one behind the other. */
  join(): Uint8Array {
    const joined = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }
}
