/**
 * Results that stay in the shared memory until somebody reads them: a layer that takes one as its input
 * finds it where its kernels need it.
 *
 * @module
 */

import { ArrayValues, copyOf, type Values } from "../tensor/values.ts";
import type { Block } from "./heap.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { Copying } from "./transfer.ts";

/** A block with several users, given back when the last of them is done with it. */
class Lease {
  readonly block: Block;
  readonly shared: SharedMemory;
  readonly #onDisowned: (lease: Lease) => void;
  #users = 1;
  #owned = true;

  constructor(shared: SharedMemory, block: Block, onDisowned: (lease: Lease) => void) {
    this.shared = shared;
    this.block = block;
    this.#onDisowned = onDisowned;
  }

  /** One more user. */
  take(): void {
    this.#users++;
  }

  /** One user less. */
  giveBack(): void {
    if (--this.#users === 0) this.shared.heap.release(this.block);
  }

  /** The owner is done with it, whoever notices it first. */
  disown(): void {
    if (!this.#owned) return;
    this.#owned = false;
    this.#onDisowned(this);
    this.giveBack();
  }
}

/** Elements that a task reads in the shared memory. */
export interface Loan {
  /** Byte address of the first. */
  readonly address: number;
  /** To be called once, when they have been read. */
  giveBack(): void;
}

/** What becomes of the results of one origin, such as a layer: the next one's fate is likely the last one's. */
interface Habit {
  /** Whether the last result has been read. */
  isRead: boolean;
}

/**
 * Where the elements of a result are: in the shared memory, in an array, or in both until they are read.
 * It knows nothing of who uses the result, so that this may be collected while it is still listed.
 */
class Place {
  readonly #length: number;
  readonly #habit: Habit;
  #lease: Lease | null;
  /** In an array, which the user may have by now, and may have transferred. */
  #values: ArrayValues | null;

  constructor(lease: Lease, length: number, habit: Habit, copy: Float32Array | null) {
    this.#lease = lease;
    this.#length = length;
    this.#habit = habit;
    this.#values = copy && new ArrayValues(copy);
  }

  get length(): number {
    return this.#lease === null ? this.#values?.length ?? 0 : this.#length;
  }

  /** The elements in an array, to which they move now unless they have. */
  get values(): ArrayValues {
    this.#habit.isRead = true;
    return this.moveOut();
  }

  /** Leaves the shared memory for an array. */
  moveOut(): ArrayValues {
    const values = this.#values ?? new ArrayValues(this.copy());
    this.#values = values;
    this.#lease?.disown();
    this.#lease = null;
    return values;
  }

  /** The same bit by bit; whoever reads it meanwhile ends it. */
  *movingOut(): Iterable<void> {
    const lease = this.#lease;
    if (lease === null) return;
    if (this.#values === null) {
      const source = this.#view(lease);
      const data = new Float32Array(this.#length);
      const copy = (from: number, to: number) => data.set(source.subarray(from, to), from);
      for (const copying = new Copying({ length: this.#length, copy }); !copying.isDone;) {
        yield copying.advance();
        if (this.#lease !== lease) return;
      }
      this.#values = new ArrayValues(data);
    }
    this.moveOut();
  }

  liesIn(buffer: ArrayBufferLike): boolean {
    return this.#values?.liesIn(buffer) ?? false;
  }

  copy(): Float32Array {
    if (this.#lease !== null) return copyOf(this.#view(this.#lease));
    return this.#values?.copy() ?? new Float32Array(0);
  }

  #view({ block, shared }: Lease): Float32Array {
    return shared.floats(block.address, this.#length);
  }

  borrow(shared: SharedMemory): Loan | null {
    const lease = this.#lease;
    if (lease === null || lease.shared !== shared) return null;
    lease.take();
    return { address: lease.block.address, giveBack: () => lease.giveBack() };
  }
}

/** Elements in the shared memory, which move to an array when they are read. */
export class SharedResult implements Values {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  get length(): number {
    return this.#place.length;
  }

  /** The elements in an array of their own: from now on they may be written. */
  get data(): Float32Array {
    return this.#place.values.data;
  }

  get elements(): Float32Array {
    return this.#place.values.elements;
  }

  liesIn(buffer: ArrayBufferLike): boolean {
    return this.#place.liesIn(buffer);
  }

  copy(): Float32Array {
    return this.#place.copy();
  }

  /**
   * The elements where they lie, whatever happens to the result meanwhile; `null` if they are not in
   * that memory.
   */
  borrow(shared: SharedMemory): Loan | null {
    return this.#place.borrow(shared);
  }
}

/** Share of the memory that results may hold, before the oldest have to leave. */
const RESULTS_SHARE = 1 / 16;

/** The results that lie in one shared memory. */
export class Results {
  readonly #shared: SharedMemory;
  /**
   * Oldest first. A weak reference to the result itself would keep it, and its array, until the event loop
   * goes round: synchronous calls in a loop would fill the memory with what nobody needs.
   */
  readonly #places = new Map<Lease, Place>();
  readonly #registry = new FinalizationRegistry<Lease>((lease) => lease.disown());
  readonly #habits = new WeakMap<object, Habit>();
  /** Bytes that they hold. */
  #held = 0;

  constructor(shared: SharedMemory) {
    this.#shared = shared;
  }

  /** Whether the last result of an origin has been read, and not been used where it was; `null` if there is none. */
  areReadFrom(origin: object): boolean | null {
    return this.#habits.get(origin)?.isRead ?? null;
  }

  /** Whether a result of some bytes may stay in the shared memory. */
  hasRoomFor(bytes: number): boolean {
    return bytes <= this.#mostBytes;
  }

  /**
   * Makes a result of a block, which is given back when the result has been read or collected.
   *
   * @param origin What it is a result of.
   * @param copy Its elements in an array, if it has been copied to one already.
   */
  keep(
    block: Block,
    length: number,
    origin: object,
    copy: Float32Array | null = null,
  ): SharedResult {
    const habit = this.#habits.get(origin) ?? { isRead: false };
    habit.isRead = false;
    this.#habits.set(origin, habit);
    const lease = new Lease(this.#shared, block, () => {
      this.#places.delete(lease);
      this.#held -= block.bytes;
    });
    const place = new Place(lease, length, habit, copy);
    const result = new SharedResult(place);
    this.#places.set(lease, place);
    this.#held += block.bytes;
    this.#registry.register(result, lease);
    this.#makeRoom(this.#mostBytes);
    return result;
  }

  get #mostBytes(): number {
    return this.#shared.heap.bytes * RESULTS_SHARE;
  }

  /** Moves every result out of the shared memory. */
  evict(): void {
    this.#makeRoom(0);
  }

  /** Moves the oldest results out bit by bit until one of some bytes can be kept. */
  makingRoomFor(bytes: number): Iterable<void> {
    return this.evicting(() => this.#held + bytes > this.#mostBytes);
  }

  /** Moves results out bit by bit, the oldest first, as long as it is needed. */
  *evicting(isNeeded: () => boolean): Iterable<void> {
    for (const place of this.#places.values()) {
      if (!isNeeded()) return;
      yield* place.movingOut();
    }
  }

  /** Moves the oldest results out until the others hold no more than some bytes. */
  #makeRoom(bytes: number): void {
    for (const place of this.#places.values()) {
      if (this.#held <= bytes) return;
      place.moveOut();
    }
  }
}
