/**
 * Blocks that outlive a call: copies of weights that will not change, and what has been made of weights.
 *
 * @module
 */

import type { Block, Heap } from "./heap.ts";

/** The blocks of one owner, by purpose. It knows nothing of the owner, so that this may be collected. */
type Blocks = Map<string, Block>;

/** Blocks by owner and purpose; an owner that is collected gives its blocks back. */
export class Residents {
  readonly #heap: Heap;
  readonly #all = new Set<Blocks>();
  readonly #owned = new WeakMap<object, Blocks>();
  readonly #registry = new FinalizationRegistry<Blocks>((blocks) => this.#drop(blocks));

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** The block kept for an owner under a name. */
  get(owner: object, name: string): Block | undefined {
    return this.#owned.get(owner)?.get(name);
  }

  /** The same, no longer kept: it is the caller's. */
  take(owner: object, name: string): Block | undefined {
    const block = this.get(owner, name);
    this.#owned.get(owner)?.delete(name);
    return block;
  }

  /** Keeps a block, which is released when the owner is collected or the memory is needed. */
  keep(owner: object, name: string, block: Block): void {
    let blocks = this.#owned.get(owner);
    if (blocks === undefined) {
      blocks = new Map();
      this.#owned.set(owner, blocks);
      this.#registry.register(owner, blocks);
    }
    blocks.set(name, block);
    this.#all.add(blocks);
  }

  /** Gives every block back. */
  evict(): void {
    for (const blocks of this.#all) this.#drop(blocks);
  }

  #drop(blocks: Blocks): void {
    for (const block of blocks.values()) this.#heap.release(block);
    blocks.clear();
    this.#all.delete(blocks);
  }
}
