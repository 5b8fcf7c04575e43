/**
 * Runs one phase at a time on the calling thread and the workers.
 *
 * @module
 */

import { claimTiles, runUnit, type TileJob } from "../../workers/tiles.ts";
import { FLOAT_BYTES } from "../codegen/program.ts";
import type { CodeCache } from "./code_cache.ts";
import type { Block } from "./heap.ts";
import { encodeJob, unitsOf } from "./job.ts";
import { CONTROL, type SharedMemory } from "./shared_memory.ts";
import { type EarlyTransfer, Emptying, type Transfer } from "./transfer.ts";
import type { Phase } from "./work.ts";

/** A phase and where its buffers are. */
export interface PhaseRun {
  readonly phase: Phase;
  /** Byte address of each of the work's buffers. */
  readonly bases: readonly number[];
  /** Fills a buffer while the phase runs; done when the phase has begun. */
  readonly filling?: Transfer | null;
  /** Empties a buffer while the phase runs, if that is worth it; done when it is complete. */
  readonly emptying?: EarlyTransfer | null;
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

/** Elements that are copied at a time: few enough for others not to wait long, many enough to go fast. */
const PART_ELEMENTS = 8192;

/** As the end of what has been filled: all there is. */
const EVERYTHING = 2 ** 31 - 1;

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
  #emptying: Emptying | null;
  #longestUnitMs = 0;
  #lastDone = 0;
  #lastLook = performance.now();
  #waitedMs = 0;
  #lostThread = false;

  constructor(
    shared: SharedMemory,
    job: TileJob,
    units: number,
    description: Block,
    { phase, emptying = null }: PhaseRun,
  ) {
    this.#shared = shared;
    this.#job = job;
    this.#units = units;
    this.#description = description;
    this.#emptying = emptying && Emptying.of(emptying, phase, (unit) => this.#isDone(unit));
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
    claimTiles(this.#job, CALLING_THREAD, run, () => {
      this.#emptying?.advance();
      return mayGoOn();
    });
  }

  /** Whether some units have not been claimed by anyone. */
  get hasUnclaimed(): boolean {
    return (Atomics.load(this.#shared.control, CONTROL.claim) & 0xffff) < this.#units;
  }

  isComplete(): boolean {
    if (!this.#isComputed()) return false;
    this.#emptying?.finish();
    return true;
  }

  /** Whether every unit is done. Takes over those of a thread that got lost. */
  #isComputed(): boolean {
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
    for (let spin = 0; spin < SPINS; spin++) {
      if (this.isComplete()) return;
      this.#emptying?.advance();
    }
    while (!this.isComplete()) {
      const done = Atomics.load(this.#shared.control, CONTROL.done);
      if ((done & 0xffff) >= this.#units) return;
      Atomics.wait(this.#shared.control, CONTROL.done, done, SLEEP_MS);
    }
  }

  giveUp(): void {
    this.#lostThread = true;
  }

  /** Gets ready to empty the buffer, now that others are at work. */
  open(): void {
    this.#emptying?.open();
  }

  /** Has the units done, whatever comes of them, and leaves. */
  abandon(): void {
    this.#emptying = null;
    this.complete();
    this.release();
  }

  release(): void {
    Atomics.store(this.#shared.control, CONTROL.readable, 0);
    this.#shared.heap.release(this.#description);
  }

  /** Computes what is not done, claimed or not. A unit may be computed twice: it gives the same. */
  #takeOver(): void {
    this.#lostThread = true;
    for (let unit = 0; unit < this.#units; unit++) {
      if (!this.#isDone(unit)) runUnit(this.#job, unit, CALLING_THREAD);
    }
  }

  #isDone(unit: number): boolean {
    const state = Atomics.load(this.#shared.control, CONTROL.states + unit);
    return state >>> 16 === (this.#job.generation & 0xffff) && (state & 1) === 1;
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
   * Publishes a phase to the workers where there are any and there is something to share. A buffer that
   * is to be filled has been when this returns.
   *
   * @returns The phase, or `null` if it was so small that it is done already.
   */
  begin(run: PhaseRun, workers: number): RunningPhase | null {
    const { phase, bases, filling = null } = run;
    const { control } = this.#shared;
    const functions = this.#code.functions(phase);
    const units = unitsOf(phase);
    const isShared = workers > 0 && units > 1 && phase.cost > LEAST_SHARED_MICROSECONDS;
    const location = isShared ? this.#code.publish(phase) : null;
    // Nobody else waits for a buffer that this thread fills before it begins.
    const awaited = location === null ? null : filling?.buffer ?? null;
    const words = encodeJob(phase, bases, location ?? { id: 0, address: 0, bytes: 0 }, awaited);
    const job: TileJob = { control, generation: this.#nextGeneration(), words, functions };
    const description = location === null ? null : this.#shared.heap.allocate(words.byteLength);
    if (description === null) {
      Atomics.store(control, CONTROL.filled, EVERYTHING);
      filling?.copy(0, filling.length);
      if (units > 1) return new LocalPhase(job, units);
      if (units === 1) runUnit(job, 0, CALLING_THREAD);
      return null;
    }
    const published = new PublishedPhase(this.#shared, job, units, description, run);
    this.#publish(job, units, description, filling === null ? EVERYTHING : 0);
    try {
      if (filling !== null) this.#fill(filling, bases);
      published.open();
    } catch (error) {
      // Nobody may go on waiting for what will not come, nor use memory that is given back.
      Atomics.store(control, CONTROL.filled, EVERYTHING);
      published.abandon();
      throw error;
    }
    return published;
  }

  #publish(
    { generation, words }: TileJob,
    units: number,
    description: Block,
    filled: number,
  ): void {
    const { control } = this.#shared;
    // The low bits of a generation come again: what is left from long ago must not look like this job's.
    control.fill(0, CONTROL.states, CONTROL.states + units);
    const address = description.address / words.BYTES_PER_ELEMENT;
    this.#shared.words.set(words, address);
    Atomics.store(control, CONTROL.address, address);
    Atomics.store(control, CONTROL.length, words.length);
    Atomics.store(control, CONTROL.filled, filled);
    Atomics.store(control, CONTROL.done, generation << 16);
    Atomics.store(control, CONTROL.claim, generation << 16);
    Atomics.store(control, CONTROL.readable, generation);
    Atomics.store(control, CONTROL.generation, generation);
    Atomics.notify(control, CONTROL.generation);
  }

  /** Fills a buffer part by part, and says each time how far it is. */
  #fill(filling: Transfer, bases: readonly number[]): void {
    const { control } = this.#shared;
    const { buffer, length } = filling;
    const start = (bases[buffer] ?? 0) / FLOAT_BYTES;
    for (let from = 0; from < length; from += PART_ELEMENTS) {
      const to = Math.min(from + PART_ELEMENTS, length);
      filling.copy(from, to);
      Atomics.store(control, CONTROL.filled, start + to);
    }
    // Vectors may reach beyond the last element.
    Atomics.store(control, CONTROL.filled, EVERYTHING);
    Atomics.notify(control, CONTROL.filled);
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
