/**
 * The memory that the calling thread and the workers share: a control block, then the heap.
 *
 * @module
 */

import { Heap } from "./heap.ts";
import { MOST_UNITS } from "./job.ts";

/** Bytes of a WebAssembly page. */
export const PAGE_BYTES = 64 * 1024;

/** Pointers are signed 32-bit numbers. */
export const MOST_MEMORY_BYTES = 2 ** 31 - PAGE_BYTES;

/** Less would not hold the control block and the code of a few kernels. */
export const LEAST_MEMORY_BYTES = 2 ** 20;

const WORD_BYTES = 4;
const CONTROL_WORDS = 16 + MOST_UNITS;

/** Words of the control block; `workers/tiles.ts` explains them. */
export const CONTROL = {
  generation: 0,
  claim: 1,
  done: 2,
  address: 3,
  length: 4,
  started: 5,
  end: 6,
  readable: 7,
  filled: 8,
  states: 16,
} as const;

/** One shared WebAssembly memory of fixed size. Untouched pages cost nothing. */
export class SharedMemory {
  readonly memory: WebAssembly.Memory;
  readonly pages: number;
  readonly words: Int32Array;
  readonly control: Int32Array;
  readonly controlWords: number = CONTROL_WORDS;
  readonly heap: Heap;

  /**
   * @param bytes Size, rounded up to whole pages.
   * @throws {RangeError} If the host has no such memory to give.
   */
  constructor(bytes: number) {
    this.pages = Math.ceil(bytes / PAGE_BYTES);
    this.memory = new WebAssembly.Memory({
      initial: this.pages,
      maximum: this.pages,
      shared: true,
    });
    this.words = new Int32Array(this.memory.buffer);
    this.control = this.words.subarray(0, CONTROL_WORDS);
    this.heap = new Heap(CONTROL_WORDS * WORD_BYTES, this.pages * PAGE_BYTES);
  }

  /** The float32 elements from a byte address on. */
  floats(address: number, length: number): Float32Array<ArrayBufferLike> {
    return new Float32Array(this.memory.buffer, address, length);
  }
}
