/**
 * Blocks of the shared memory: a first-fit free list, kept by the thread that owns the engine.
 *
 * @module
 */

/** A block in use: byte address and size. */
export interface Block {
  readonly address: number;
  readonly bytes: number;
}

/** Every block starts on a cache line. */
const ALIGNMENT = 64;

/** Hands out and takes back blocks of `[start, end)`. */
export class Heap {
  /** Free ranges, ascending and never adjacent. */
  #free: Block[];
  readonly #bytes: number;
  #isRetired = false;

  /**
   * @param start First byte, a multiple of 64.
   * @param end Behind the last byte.
   */
  constructor(start: number, end: number) {
    this.#bytes = end - start;
    this.#free = [{ address: start, bytes: end - start }];
  }

  /** Bytes in all. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes that are free, in however many pieces. */
  get freeBytes(): number {
    return this.#free.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Size of the largest block that can be had. */
  get largestFree(): number {
    return this.#free.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  }

  /** A block of at least `bytes`, or `null` if none is free. */
  allocate(bytes: number): Block | null {
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
    const index = this.#free.findIndex((range) => range.bytes >= size);
    const range = this.#free[index];
    if (range === undefined) return null;
    const rest = { address: range.address + size, bytes: range.bytes - size };
    this.#free.splice(index, 1, ...(rest.bytes > 0 ? [rest] : []));
    return { address: range.address, bytes: size };
  }

  /** From now on blocks that come back are not handed out again. */
  retire(): void {
    this.#isRetired = true;
  }

  /** Takes a block back. */
  release({ address, bytes }: Block): void {
    if (this.#isRetired) return;
    const next = this.#free.findIndex((range) => range.address > address);
    const index = next === -1 ? this.#free.length : next;
    const before = this.#free[index - 1];
    const after = this.#free[index];
    const joinsBefore = before !== undefined && before.address + before.bytes === address;
    const joinsAfter = after !== undefined && address + bytes === after.address;
    const start = joinsBefore ? before.address : address;
    const end = joinsAfter ? after.address + after.bytes : address + bytes;
    const first = joinsBefore ? index - 1 : index;
    const count = (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0);
    this.#free.splice(first, count, { address: start, bytes: end - start });
  }
}
