import { damagedJpeg } from "./frame.ts";
import type { HuffmanCode } from "./huffman.ts";
import { LONGEST_CODE } from "./huffman.ts";

/** Reads bits from bytes, the highest of each first. */
export class BitReader {
  #bytes: Uint8Array = new Uint8Array();
  #at = 0;
  /** The bits that were taken from the bytes but not used; the last one is the lowest. */
  #bits = 0;
  #count = 0;

  /** Goes on with other bytes; what is left of the bits is what filled up the last byte. */
  begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#at = 0;
    this.#bits = 0;
    this.#count = 0;
  }

  /** The next bit. */
  bit(): number {
    return this.take(1);
  }

  /** The next bits, at most 16, as a number. */
  take(count: number): number {
    if (this.#count < count) this.#fill();
    this.#use(count);
    return this.#bits >>> this.#count & (1 << count) - 1;
  }

  /** The number that so many bits stand for: the lower half of all are the negative ones. */
  signed(count: number): number {
    if (count === 0) return 0;
    const value = this.take(count);
    return value >= 1 << count - 1 ? value : value - (1 << count) + 1;
  }

  /** The value of the next code. */
  decode(code: HuffmanCode): number {
    if (this.#count < LONGEST_CODE) this.#fill();
    // Behind the end stand zeros, which no code may need.
    const next = this.#count < LONGEST_CODE
      ? this.#bits << LONGEST_CODE - this.#count
      : this.#bits >>> this.#count - LONGEST_CODE;
    const entry = code[next & 0xffff] ?? 0;
    if (entry === 0) throw damagedJpeg("its picture data have a code that stands for nothing");
    this.#use(entry >> 8);
    return entry & 255;
  }

  #fill(): void {
    while (this.#count <= 24 && this.#at < this.#bytes.length) {
      this.#bits = this.#bits << 8 | (this.#bytes[this.#at++] ?? 0);
      this.#count += 8;
    }
  }

  #use(count: number): void {
    this.#count -= count;
    if (this.#count < 0) throw damagedJpeg("its picture data end before the picture does");
  }
}
