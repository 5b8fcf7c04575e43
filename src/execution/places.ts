/**
 * Where the steps of a sequence find what others before them have made: in the shared memory as long as there is room,
 * or in arrays.
 *
 * @module
 */

import type { Block } from "../engine/heap.ts";
import type { Runtime } from "../engine/runtime.ts";
import { copyOf } from "../tensor/values.ts";

/** Some elements of a place. */
export interface Slot {
  /** Which place. */
  readonly place: number;
  /** The first element there. */
  readonly offset: number;
  readonly length: number;
}

/** What part of the shared memory places may take: the rest is for what steps make on their way. */
export const MEMORY_SHARE = 0.5;

/** The places of a sequence under way. */
export class Places {
  readonly #runtime: Runtime;
  readonly #lengths: readonly number[];
  readonly #blocks = new Map<number, Block>();
  readonly #arrays = new Map<number, Float32Array>();
  /** Bytes of the blocks. */
  #held = 0;

  /** @param lengths Elements of each place. */
  constructor(runtime: Runtime, lengths: readonly number[]) {
    this.#runtime = runtime;
    this.#lengths = lengths;
  }

  /** Makes a place, unless it is there. */
  open(place: number): void {
    if (this.#blocks.has(place) || this.#arrays.has(place)) return;
    if (!this.#allocate(place)) {
      this.#arrays.set(place, new Float32Array(this.#lengths[place] ?? 0));
    }
  }

  /** Moves a place into the shared memory, unless it is there, or there is no room for it. */
  moveIn(place: number): void {
    const array = this.#arrays.get(place);
    if (array === undefined || !this.#allocate(place)) return;
    this.#arrays.delete(place);
    const { address = 0 } = this.#blocks.get(place) ?? {};
    this.#runtime.floats(address, array.length).set(array);
  }

  /** Takes a block for a place; whether there is room. */
  #allocate(place: number): boolean {
    const bytes = (this.#lengths[place] ?? 0) * Float32Array.BYTES_PER_ELEMENT;
    const runtime = this.#runtime;
    const most = runtime.capacity * MEMORY_SHARE;
    if (this.#held + bytes > most || !runtime.makeRoom(bytes)) return false;
    const block = runtime.allocate(bytes);
    this.#blocks.set(place, block);
    this.#held += block.bytes;
    return true;
  }

  /** Gives a place back: nobody asks for it any more. */
  close(place: number): void {
    this.#arrays.delete(place);
    const block = this.#blocks.get(place);
    if (block === undefined) return;
    this.#blocks.delete(place);
    this.#held -= block.bytes;
    this.#runtime.release(block);
  }

  /** Gives all places back. */
  closeAll(): void {
    for (const place of this.#lengths.keys()) this.close(place);
  }

  /** Moves every place out of the shared memory. */
  moveOut(): void {
    for (const [place, { address }] of this.#blocks) {
      const array = copyOf(this.#runtime.floats(address, this.#lengths[place] ?? 0));
      this.close(place);
      this.#arrays.set(place, array);
    }
  }

  /** Byte address of some elements in the shared memory, `null` if they are not there. */
  addressOf({ place, offset }: Slot): number | null {
    const block = this.#blocks.get(place);
    return block === undefined ? null : block.address + offset * Float32Array.BYTES_PER_ELEMENT;
  }

  /** Some elements where they lie. */
  elements(slot: Slot): Float32Array {
    const address = this.addressOf(slot);
    if (address !== null) return this.#runtime.floats(address, slot.length);
    const array = this.#arrays.get(slot.place) ?? new Float32Array(0);
    return array.subarray(slot.offset, slot.offset + slot.length);
  }
}
