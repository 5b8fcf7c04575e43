/**
 * Blocks that outlive a call: copies of weights that will not change, and what has been made of weights.
 *
 * @module
 */

import type { Block, Heap } from "./heap.ts";

/** Blocks by owner and purpose; an owner that is collected gives its blocks back. */
export class Residents {
  readonly #heap: Heap;
  readonly #owners = new Map<WeakRef<object>, Map<string, Block>>();
  readonly #references = new WeakMap<object, WeakRef<object>>();
  readonly #registry = new FinalizationRegistry<WeakRef<object>>((owner) => this.#drop(owner));

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** The block kept for an owner under a name. */
  get(owner: object, name: string): Block | undefined {
    const reference = this.#references.get(owner);
    return reference && this.#owners.get(reference)?.get(name);
  }

  /** The same, no longer kept: it is the caller's. */
  take(owner: object, name: string): Block | undefined {
    const block = this.get(owner, name);
    const reference = this.#references.get(owner);
    if (reference !== undefined) this.#owners.get(reference)?.delete(name);
    return block;
  }

  /** Keeps a block, which is released when the owner is collected or the memory is needed. */
  keep(owner: object, name: string, block: Block): void {
    let reference = this.#references.get(owner);
    if (reference === undefined) {
      reference = new WeakRef(owner);
      this.#references.set(owner, reference);
      this.#registry.register(owner, reference);
    }
    const blocks = this.#owners.get(reference) ?? new Map<string, Block>();
    blocks.set(name, block);
    this.#owners.set(reference, blocks);
  }

  /** Gives every block back. */
  evict(): void {
    for (const reference of [...this.#owners.keys()]) this.#drop(reference);
  }

  #drop(reference: WeakRef<object>): void {
    for (const block of this.#owners.get(reference)?.values() ?? []) this.#heap.release(block);
    this.#owners.delete(reference);
  }
}
