/**
 * Runs one phase at a time on the calling thread and the workers.
 *
 * @module
 */

import { claimTiles, runUnit, type TileJob } from "../../workers/tiles.ts";
import { FLOAT_BYTES } from "../codegen/program.ts";
import { sleepOn } from "../platform/waiting.ts";
import type { CodeCache } from "./code_cache.ts";
import type { Block } from "./heap.ts";
import { encodeJob, unitsOf } from "./job.ts";
import { CONTROL, type SharedMemory } from "./shared_memory.ts";
import { Copying, type EarlyCopy, Emptying, type Filling } from "./transfer.ts";
import type { Phase } from "./work.ts";

/** A phase and where its buffers are. */
export interface PhaseRun {
  readonly phase: Phase;
  /** Byte address of each of the work's buffers. */
  readonly bases: readonly number[];
  /** Threads that have memory of their own in the buffers, the calling one included; all if it is not said. */
  readonly threads?: number;
  /** Fills a buffer while the phase runs. */
  readonly filling?: Filling | null;
  /** Empties a buffer while the phase runs, if that is worth it; done when it is complete. */
  readonly emptying?: EarlyCopy | null;
}

/** What a task has the calling thread do by itself: step by step, so that the event loop can go round meanwhile. */
export interface StepsRun {
  readonly steps: Iterable<void>;
}

const CALLING_THREAD = 0;

/** More threads than there can be. */
const ALL_THREADS = 2 ** 15;

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

/** As the end of what has been filled: all there is. */
const EVERYTHING = 2 ** 31 - 1;

/** A step of a task that has begun. */
export interface RunningStep {
  /** Whether a worker had to be given up, and may still write into the buffers one day. */
  readonly lostThread: boolean;
  /** Does what there is to do for this thread, as long as `mayGoOn` allows. */
  help(mayGoOn: () => boolean): void;
  /** Whether everything is done. */
  isComplete(): boolean;
  /** Blocks until everything is done; `between` is called now and then. */
  complete(between: () => void): void;
  /** Ends the step unfinished, after an error: blocks until nobody is at work in it any more. */
  abandon(): void;
  /** Gives back what the step needed beyond its buffers. */
  release(): void;
}

function goingOn(between: () => void): () => boolean {
  return () => {
    between();
    return true;
  };
}

/** Work between two phases. */
class LocalSteps implements RunningStep {
  readonly lostThread = false;
  readonly #steps: Iterator<void>;
  #isDone = false;

  constructor(steps: Iterable<void>) {
    this.#steps = steps[Symbol.iterator]();
  }

  help(mayGoOn: () => boolean): void {
    while (!this.#isDone && mayGoOn()) this.#isDone = this.#steps.next().done === true;
  }

  isComplete(): boolean {
    return this.#isDone;
  }

  complete(between: () => void): void {
    this.help(goingOn(between));
  }

  abandon(): void {}

  release(): void {}
}

/** A phase of which the workers know nothing. */
class LocalPhase implements RunningStep {
  readonly lostThread = false;
  readonly #job: TileJob;
  readonly #units: number;
  readonly #filling: Copying | null;
  #nextUnit = 0;

  constructor(job: TileJob, units: number, filling: Copying | null) {
    this.#job = job;
    this.#units = units;
    this.#filling = filling;
  }

  help(mayGoOn: () => boolean): void {
    while (!this.isComplete() && mayGoOn()) {
      if (this.#filling?.isDone === false) this.#filling.advance();
      else runUnit(this.#job, this.#nextUnit++, CALLING_THREAD);
    }
  }

  isComplete(): boolean {
    return this.#nextUnit >= this.#units;
  }

  complete(between: () => void): void {
    this.help(goingOn(between));
  }

  abandon(): void {}

  release(): void {}
}

/** A phase that has been published to the workers. */
class PublishedPhase implements RunningStep {
  readonly #shared: SharedMemory;
  readonly #job: TileJob;
  readonly #units: number;
  readonly #description: Block;
  readonly #filling: Copying | null;
  readonly #emptying: Emptying | null;
  #longestUnitMs = 0;
  #lastDone = 0;
  #lastLook = performance.now();
  #waitedMs = 0;
  #lostThread = false;
  /** The unit that this thread is at. */
  #ownUnit = -1;

  constructor(
    shared: SharedMemory,
    job: TileJob,
    units: number,
    description: Block,
    filling: Copying | null,
    { phase, emptying = null }: PhaseRun,
  ) {
    this.#shared = shared;
    this.#job = job;
    this.#units = units;
    this.#description = description;
    this.#filling = filling;
    this.#emptying = emptying &&
      Emptying.of(emptying, phase, (unit) => this.#lostThread || this.#isDone(unit));
  }

  get lostThread(): boolean {
    return this.#lostThread;
  }

  help(mayGoOn: () => boolean): void {
    while (this.#isFilling()) {
      if (!mayGoOn()) return;
      this.#filling?.advance();
    }
    this.#emptying?.open();
    claimTiles(this.#job, CALLING_THREAD, (job, unit) => this.#run(job, unit), () => {
      while (mayGoOn()) if (!this.#emptying?.advance()) return true;
      return false;
    });
    while (this.#isComputed() && this.#emptying?.isDone === false && mayGoOn()) {
      this.#emptying.advance();
    }
  }

  /** Whether some units have not been claimed by anyone. */
  get hasUnclaimed(): boolean {
    return (Atomics.load(this.#shared.control, CONTROL.claim) & 0xffff) < this.#units;
  }

  isComplete(): boolean {
    // The buffer is filled to its end although nobody may wait for it in this phase: the next one reads it.
    return !this.#isFilling() && this.#isComputed() && (this.#emptying?.isDone ?? true);
  }

  complete(between: () => void): void {
    const goOn = goingOn(between);
    this.help(goOn);
    for (let spin = 0; spin < SPINS && !this.isComplete(); spin++) this.#emptying?.advance();
    while (!this.#isComputed()) {
      const done = Atomics.load(this.#shared.control, CONTROL.done);
      if ((done & 0xffff) >= this.#units) break;
      sleepOn(this.#shared.control, CONTROL.done, done, SLEEP_MS);
    }
    this.help(goOn);
  }

  abandon(): void {
    const { control } = this.#shared;
    // Nobody may go on waiting for what will not come.
    Atomics.store(control, CONTROL.filled, EVERYTHING);
    Atomics.notify(control, CONTROL.filled);
    // What has not been claimed never will be.
    const claimed = Atomics.exchange(control, CONTROL.claim, this.#job.generation << 16 | 0xffff) &
      0xffff;
    const limit = performance.now() + LEAST_STALL_MS;
    for (let unit = 0; unit < Math.min(claimed, this.#units); unit++) {
      while (unit !== this.#ownUnit && !this.#isDone(unit)) {
        if (performance.now() > limit) {
          this.#lostThread = true;
          return;
        }
      }
    }
  }

  release(): void {
    // A read-modify-write, as a worker's is that looks whether what it has read was still there: whichever of the two
    // comes second knows what the other one did before. After a mere store some processors, such as those of arm64,
    // may let others see what is written to that memory next before they see this.
    Atomics.exchange(this.#shared.control, CONTROL.readable, 0);
    this.#shared.heap.release(this.#description);
  }

  #isFilling(): boolean {
    return this.#filling?.isDone === false;
  }

  #run(job: TileJob, unit: number): void {
    const start = performance.now();
    this.#ownUnit = unit;
    runUnit(job, unit, CALLING_THREAD);
    this.#ownUnit = -1;
    this.#longestUnitMs = Math.max(this.#longestUnitMs, performance.now() - start);
  }

  /** Whether every unit is done. Takes over those of a thread that got lost. */
  #isComputed(): boolean {
    const done = Atomics.load(this.#shared.control, CONTROL.done) & 0xffff;
    if (done >= this.#units || this.#lostThread) return true;
    const now = performance.now();
    this.#waitedMs += Math.min(MOST_LOOK_MS, now - this.#lastLook);
    this.#lastLook = now;
    if (done !== this.#lastDone || this.hasUnclaimed || this.#isFilling()) {
      this.#lastDone = done;
      this.#waitedMs = 0;
      return false;
    }
    if (this.#waitedMs < Math.max(LEAST_STALL_MS, STALL_UNITS * this.#longestUnitMs)) return false;
    this.#takeOver();
    return true;
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

  /** Begins a step; a phase is published to the workers where there are any and there is something to share. */
  begin(run: PhaseRun | StepsRun, workers: number): RunningStep {
    return "steps" in run ? new LocalSteps(run.steps) : this.#beginPhase(run, workers);
  }

  #beginPhase(run: PhaseRun, workers: number): RunningStep {
    const { phase, bases, filling = null, threads = ALL_THREADS } = run;
    const { control } = this.#shared;
    const functions = this.#code.functions(phase);
    const units = unitsOf(phase);
    const isShared = Math.min(workers, threads - 1) > 0 && units > 1 &&
      phase.cost > LEAST_SHARED_MICROSECONDS;
    const location = isShared ? this.#code.publish(phase) : null;
    // Nobody else waits for a buffer that this thread fills before it begins.
    const awaited = location === null ? null : filling?.buffer ?? null;
    const module = location ?? { id: 0, address: 0, bytes: 0 };
    const words = encodeJob(phase, bases, module, threads, awaited);
    const job: TileJob = { control, generation: this.#nextGeneration(), words, functions };
    const description = location === null ? null : this.#shared.heap.allocate(words.byteLength);
    const copying = filling && this.#copyingOf(filling, bases);
    if (description === null) {
      Atomics.store(control, CONTROL.filled, EVERYTHING);
      // What may change once this thread is left must be read before.
      if (filling?.isLive === true) copying?.finish();
      return new LocalPhase(job, units, copying);
    }
    const published = new PublishedPhase(this.#shared, job, units, description, copying, run);
    this.#publish(job, units, description, filling === null ? EVERYTHING : 0);
    try {
      if (filling?.isLive === true) copying?.finish();
    } catch (error) {
      published.abandon();
      published.release();
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
  #copyingOf(filling: Filling, bases: readonly number[]): Copying {
    const { control } = this.#shared;
    const start = (bases[filling.buffer] ?? 0) / FLOAT_BYTES;
    return new Copying(filling, (copied) => {
      // Vectors may reach beyond the last element.
      const isAll = copied === filling.length;
      Atomics.store(control, CONTROL.filled, isAll ? EVERYTHING : start + copied);
      if (isAll) Atomics.notify(control, CONTROL.filled);
    });
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
