/** Writes bits into bytes, the highest of each first, as the data of a scan: a byte of 255 has a zero behind it. */
export class BitWriter {
  #bytes = new Uint8Array(4096);
  #length = 0;
  /** The bits that do not fill a byte yet; the last one is the lowest. */
  #bits = 0;
  #count = 0;

  /** Appends the lowest bits of a number, at most 16. */
  put(bits: number, count: number): void {
    this.#bits = this.#bits << count | bits & (1 << count) - 1;
    this.#count += count;
    while (this.#count >= 8) {
      this.#count -= 8;
      this.#byte(this.#bits >>> this.#count & 255);
    }
    this.#bits &= (1 << this.#count) - 1;
  }

  /** All bytes; ones fill up the last. */
  finish(): Uint8Array {
    if (this.#count > 0) this.put(255, 8 - this.#count);
    return this.#bytes.subarray(0, this.#length);
  }

  #byte(byte: number): void {
    if (this.#length + 2 > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#bytes.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
    if (byte === 255) this.#bytes[this.#length++] = 0;
  }
}
