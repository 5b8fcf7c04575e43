/**
 * Runs one phase at a time on the calling thread and the workers.
 *
 * @module
 */

import { claimTiles, runUnit, type TileJob } from "../../workers/tiles.ts";
import type { CodeCache } from "./code_cache.ts";
import type { Block } from "./heap.ts";
import { encodeJob, unitsOf } from "./job.ts";
import { CONTROL, type SharedMemory } from "./shared_memory.ts";
import type { Phase } from "./work.ts";

/** A phase and where its buffers are. */
export interface PhaseRun {
  readonly phase: Phase;
  /** Byte address of each of the work's buffers. */
  readonly bases: readonly number[];
}

const CALLING_THREAD = 0;

/**
 * A thread that holds a unit for this long without any progress elsewhere counts as lost. It is far
 * more than a unit takes on a busy machine; being wrong costs time only.
 */
const LEAST_STALL_MS = 500;
const STALL_UNITS = 20;

/**
 * Between two looks no more than this counts as waiting: while this thread was away, the whole
 * process may have been suspended.
 */
const MOST_LOOK_MS = 50;

/** Polls before the calling thread goes to sleep: about the time that waking up takes. */
const SPINS = 2000;
const SLEEP_MS = 20;

/** Work that takes this long is worth waking somebody for. */
const LEAST_SHARED_MICROSECONDS = 40;

/** A phase that has begun. */
export interface RunningPhase {
  /** Whether a worker had to be given up, and may still write into the buffers one day. */
  readonly lostThread: boolean;
  /** Runs units on this thread while there are any and `mayGoOn` allows. */
  help(mayGoOn: () => boolean): void;
  /** Whether every unit is done. */
  isComplete(): boolean;
  /** Blocks until every unit is done. */
  complete(): void;
  /** Leaves the phase unfinished, with whoever is at work in it. */
  giveUp(): void;
  /** Gives back what the phase needed beyond its buffers. */
  release(): void;
}

/** A phase of which the workers know nothing. */
class LocalPhase implements RunningPhase {
  readonly lostThread = false;
  readonly #job: TileJob;
  readonly #units: number;
  #nextUnit = 0;

  constructor(job: TileJob, units: number) {
    this.#job = job;
    this.#units = units;
  }

  help(mayGoOn: () => boolean): void {
    while (!this.isComplete() && mayGoOn()) runUnit(this.#job, this.#nextUnit++, CALLING_THREAD);
  }

  isComplete(): boolean {
    return this.#nextUnit >= this.#units;
  }

  complete(): void {
    this.help(() => true);
  }

  giveUp(): void {}

  release(): void {}
}

/** A phase that has been published to the workers. */
class PublishedPhase implements RunningPhase {
  readonly #shared: SharedMemory;
  readonly #job: TileJob;
  readonly #units: number;
  readonly #description: Block;
  #longestUnitMs = 0;
  #lastDone = 0;
  #lastLook = performance.now();
  #waitedMs = 0;
  #lostThread = false;

  constructor(shared: SharedMemory, job: TileJob, units: number, description: Block) {
    this.#shared = shared;
    this.#job = job;
    this.#units = units;
    this.#description = description;
  }

  get lostThread(): boolean {
    return this.#lostThread;
  }

  help(mayGoOn: () => boolean): void {
    const run = (job: TileJob, unit: number) => {
      const start = performance.now();
      runUnit(job, unit, CALLING_THREAD);
      this.#longestUnitMs = Math.max(this.#longestUnitMs, performance.now() - start);
    };
    claimTiles(this.#shared.control, this.#job, CALLING_THREAD, run, mayGoOn);
  }

  /** Whether some units have not been claimed by anyone. */
  get hasUnclaimed(): boolean {
    return (Atomics.load(this.#shared.control, CONTROL.claim) & 0xffff) < this.#units;
  }

  /** Takes over the units of a thread that got lost. */
  isComplete(): boolean {
    const done = Atomics.load(this.#shared.control, CONTROL.done) & 0xffff;
    if (done >= this.#units || this.#lostThread) return true;
    const now = performance.now();
    this.#waitedMs += Math.min(MOST_LOOK_MS, now - this.#lastLook);
    this.#lastLook = now;
    if (done !== this.#lastDone || this.hasUnclaimed) {
      this.#lastDone = done;
      this.#waitedMs = 0;
      return false;
    }
    if (this.#waitedMs < Math.max(LEAST_STALL_MS, STALL_UNITS * this.#longestUnitMs)) return false;
    this.#takeOver();
    return true;
  }

  complete(): void {
    this.help(() => true);
    for (let spin = 0; spin < SPINS; spin++) if (this.isComplete()) return;
    while (!this.isComplete()) {
      const done = Atomics.load(this.#shared.control, CONTROL.done);
      if ((done & 0xffff) >= this.#units) return;
      Atomics.wait(this.#shared.control, CONTROL.done, done, SLEEP_MS);
    }
  }

  giveUp(): void {
    this.#lostThread = true;
  }

  release(): void {
    Atomics.store(this.#shared.control, CONTROL.readable, 0);
    this.#shared.heap.release(this.#description);
  }

  /** Computes what is not done, claimed or not. A unit may be computed twice: it gives the same. */
  #takeOver(): void {
    this.#lostThread = true;
    const generation = this.#job.generation & 0xffff;
    for (let unit = 0; unit < this.#units; unit++) {
      const state = Atomics.load(this.#shared.control, CONTROL.states + unit);
      const done = state >>> 16 === generation && (state & 1) === 1;
      if (!done) runUnit(this.#job, unit, CALLING_THREAD);
    }
  }
}

/** Publishes phases, one after the other, over one shared memory. */
export class Dispatcher {
  readonly #shared: SharedMemory;
  readonly #code: CodeCache;
  #generation = 0;

  constructor(shared: SharedMemory, code: CodeCache) {
    this.#shared = shared;
    this.#code = code;
  }

  /**
   * Publishes a phase to the workers where there are any and there is something to share.
   *
   * @returns The phase, or `null` if it was so small that it is done already.
   */
  begin({ phase, bases }: PhaseRun, workers: number): RunningPhase | null {
    const functions = this.#code.functions(phase);
    const units = unitsOf(phase);
    const isShared = workers > 0 && units > 1 && phase.cost > LEAST_SHARED_MICROSECONDS;
    const location = isShared ? this.#code.publish(phase) : null;
    const words = encodeJob(phase, bases, location ?? { id: 0, address: 0, bytes: 0 });
    const job: TileJob = { generation: this.#nextGeneration(), words, functions };
    if (units <= 1) {
      if (units === 1) runUnit(job, 0, CALLING_THREAD);
      return null;
    }
    const description = location === null ? null : this.#shared.heap.allocate(words.byteLength);
    if (description === null) return new LocalPhase(job, units);
    const { control } = this.#shared;
    const address = description.address / words.BYTES_PER_ELEMENT;
    this.#shared.words.set(words, address);
    Atomics.store(control, CONTROL.address, address);
    Atomics.store(control, CONTROL.length, words.length);
    Atomics.store(control, CONTROL.done, job.generation << 16);
    Atomics.store(control, CONTROL.claim, job.generation << 16);
    Atomics.store(control, CONTROL.readable, job.generation);
    Atomics.store(control, CONTROL.generation, job.generation);
    Atomics.notify(control, CONTROL.generation);
    return new PublishedPhase(this.#shared, job, units, description);
  }

  /** Tells the workers to end. */
  end(): void {
    const { control } = this.#shared;
    Atomics.store(control, CONTROL.end, 1);
    Atomics.store(control, CONTROL.generation, this.#nextGeneration());
    Atomics.notify(control, CONTROL.generation);
  }

  /** Generations are positive and differ from the one before in their low 16 bits. */
  #nextGeneration(): number {
    this.#generation = this.#generation % 0x7fffffff + 1;
    return this.#generation;
  }
}
