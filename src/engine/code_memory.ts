/**
 * Memory that machine code runs in.
 *
 * It is a shared WebAssembly memory of its own, as every thread that runs the code can hold one: it is freed
 * when the last of them has ended, whoever ends first and however.
 *
 * @module
 */

import type { NativeCode } from "../platform/native_code.ts";
import { type Block, Heap } from "./heap.ts";
import { PAGE_BYTES as WASM_PAGE_BYTES } from "./shared_memory.ts";

/** Machine code in its place. */
export interface MachineCode {
  readonly address: bigint;
  /** Gives the memory back. Nobody may be running the code. */
  release(): void;
}

/** What the processor protects by itself. */
const PAGE_BYTES = 4096;

// From Linux's <sys/mman.h>.
const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;

/** Code, written first, then made executable, never both at once. */
export class CodeMemory {
  readonly memory: WebAssembly.Memory;
  readonly #native: NativeCode;
  readonly #heap: Heap;
  readonly #start: number;

  /**
   * @param native How to protect it.
   * @param bytes Size, whole WebAssembly pages. Untouched pages cost nothing.
   * @throws {RangeError} If the host has no such memory to give.
   */
  constructor(native: NativeCode, bytes: number) {
    const pages = bytes / WASM_PAGE_BYTES;
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.#native = native;
    this.#heap = new Heap(0, bytes);
    this.#start = native.addressOf(new Uint8Array(this.memory.buffer));
  }

  /**
   * Puts code where it can be executed.
   *
   * @param code Position-independent code.
   * @returns Where it is, or `null` if there is no room or the host does not give executable memory.
   */
  place(code: Uint8Array<ArrayBuffer>): MachineCode | null {
    const block = this.#heap.allocate(Math.ceil(code.length / PAGE_BYTES) * PAGE_BYTES);
    if (block === null) return null;
    new Uint8Array(this.memory.buffer).set(code, block.address);
    const release = () => {
      if (this.#protect(block, PROT_READ | PROT_WRITE)) this.#heap.release(block);
    };
    if (this.#protect(block, PROT_READ | PROT_EXEC)) {
      return { address: BigInt(this.#start + block.address), release };
    }
    release();
    return null;
  }

  /** Whether the host allows it. */
  #protect({ address, bytes }: Block, protection: number): boolean {
    return this.#native.protect(this.#start + address, bytes, protection);
  }
}
