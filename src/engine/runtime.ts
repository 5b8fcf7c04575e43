/**
 * An engine's inside: shared memory, workers, code, and the tasks that take turns on them.
 *
 * @module
 */

import type { Program } from "../codegen/program.ts";
import type { Target } from "../codegen/target.ts";
import { CodeCache } from "./code_cache.ts";
import type { Compiler } from "./compiler.ts";
import { Dispatcher, type PhaseRun, type RunningPhase } from "./dispatcher.ts";
import type { Block } from "./heap.ts";
import type { Pool } from "./pool.ts";
import { Residents } from "./residents.ts";
import { Results } from "./results.ts";
import { CONTROL, PAGE_BYTES, SharedMemory } from "./shared_memory.ts";
import { eventLoopTurn, TimeSlice } from "./time_slice.ts";

/** A computation: yields each phase to be run, returns the result. */
export type Task<T> = Generator<PhaseRun, T, void>;

/** Starts the workers; tests start others. */
export type StartPool = (shared: SharedMemory) => Pool;

/** Everything that one shared memory holds; replaced as a whole when a thread got lost in it. */
interface Workshop {
  readonly shared: SharedMemory;
  readonly pool: Pool;
  readonly code: CodeCache;
  readonly residents: Residents;
  readonly results: Results;
  readonly dispatcher: Dispatcher;
  /** Whether a worker had to be given up, which may still write into the memory one day. */
  lostThread: boolean;
}

/** Runs tasks, one at a time, on the calling thread and the workers. */
export class Runtime {
  readonly #startPool: StartPool;
  readonly #compiler: Compiler;
  readonly #slice = new TimeSlice();
  #workshop: Workshop;
  /** The task whose phases are being run; a synchronous call finishes it before its own. */
  #active: Turn<unknown> | null = null;
  /** Resolves when the last asynchronous task in the queue is over. */
  #queue: Promise<void> = Promise.resolve();
  #queued = 0;
  #closed = false;

  constructor(shared: SharedMemory, startPool: StartPool, compiler: Compiler) {
    this.#startPool = startPool;
    this.#compiler = compiler;
    this.#workshop = openWorkshop(shared, startPool, compiler);
  }

  /** Worker threads that run, or will. */
  get workers(): number {
    return this.#workshop.pool.size;
  }

  /** Threads that a task's buffers must provide for. */
  get threads(): number {
    return this.#workshop.pool.threads;
  }

  /** What programs are written for. */
  get target(): Target {
    return this.#compiler.target;
  }

  /** The code of one program by itself, as the engine would run it. */
  encode(program: Program): Uint8Array<ArrayBuffer> {
    return this.#compiler.encode(program, this.#workshop.shared.pages);
  }

  /** Size of the shared memory in bytes. */
  get memoryBytes(): number {
    return this.#workshop.shared.pages * PAGE_BYTES;
  }

  /** Most bytes that a task can hope for. */
  get capacity(): number {
    return this.#workshop.shared.heap.bytes;
  }

  /** Blocks that outlive a call. */
  get residents(): Residents {
    return this.#workshop.residents;
  }

  /** Results that nobody has read yet. */
  get results(): Results {
    return this.#workshop.results;
  }

  /** The memory that tasks run in. */
  get shared(): SharedMemory {
    return this.#workshop.shared;
  }

  /** Whether a task submitted now starts before the call returns. */
  get idle(): boolean {
    return this.#queued === 0;
  }

  /** Starts one more worker, if not all have been started. */
  startWorker(): void {
    this.#workshop.pool.startNext();
  }

  /** Worker threads that have started. */
  get started(): number {
    return Atomics.load(this.#workshop.shared.control, CONTROL.started);
  }

  /**
   * Takes a block of the shared memory, at the cost of what is kept there if need be.
   *
   * @throws {RangeError} If the memory is too small.
   */
  allocate(bytes: number): Block {
    if (this.#workshop.lostThread) this.#moveOutIfUnused();
    const { heap } = this.#workshop.shared;
    const block = this.makeRoom(bytes) ? heap.allocate(bytes) : null;
    if (block !== null) return block;
    throw new RangeError(
      `Engine: ${bytes} bytes of shared memory are needed in one piece, ` +
        `but of ${this.memoryBytes} at most ${heap.largestFree} are free`,
    );
  }

  /**
   * Sees to it that so many bytes are free in one piece, at the cost of what is kept there if need be.
   *
   * @returns Whether they are.
   */
  makeRoom(bytes: number): boolean {
    const { shared: { heap }, residents, results, code } = this.#workshop;
    for (const kept of [residents, results, code]) {
      if (heap.largestFree >= bytes) return true;
      kept.evict();
    }
    return heap.largestFree >= bytes;
  }

  /** Gives a block back. */
  release(block: Block): void {
    this.#workshop.shared.heap.release(block);
  }

  /**
   * Where the programs find an array outside of the shared memory; `null` if they do not reach there.
   * Nobody may free it while they run, see {@linkcode Runtime.lostThread}.
   */
  addressOf(array: Float32Array): number | null {
    return this.#compiler.addressOf(array, this.#workshop.shared.memory);
  }

  /** Whether the programs reach arrays outside of the shared memory. */
  get reachesArrays(): boolean {
    return this.#compiler.reachesArrays;
  }

  /** Whether a thread got lost in the task under way: it may come back one day, and read and write. */
  get lostThread(): boolean {
    return this.#workshop.lostThread;
  }

  /** The float32 elements of the shared memory from a byte address on. */
  floats(address: number, length: number): Float32Array {
    return this.#workshop.shared.floats(address, length);
  }

  /**
   * Runs a task and blocks until it is done. A task that is under way is finished first.
   *
   * @throws What the task throws, and an `Error` if the engine is closed.
   */
  runSync<T>(task: Task<T>): T {
    this.#assertOpen();
    this.#active?.finish();
    const turn = this.#turn(task);
    turn.finish();
    return turn.result();
  }

  /**
   * Runs a task after those submitted before it, in slices that leave the event loop free.
   *
   * @throws What the task throws, and an `Error` if the engine is closed.
   */
  run<T>(task: Task<T>): Promise<T> {
    this.#assertOpen();
    const before = this.#queue;
    const first = this.#queued++ === 0;
    const over = Promise.withResolvers<void>();
    this.#queue = over.promise;
    const take = async () => {
      if (!first) await before;
      try {
        const turn = this.#turn(task);
        this.#active = turn;
        await this.#proceed(turn);
        return turn.result();
      } finally {
        this.#active = null;
        this.#queued--;
        this.#endIfClosed();
        over.resolve();
      }
    };
    return take();
  }

  /** Ends the workers as soon as nothing is in flight. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endIfClosed();
  }

  #turn<T>(task: Task<T>): Turn<T> {
    if (this.#workshop.lostThread) this.#moveOut();
    return new Turn(task, () => this.#workshop);
  }

  /** Works in slices, between which the event loop goes round. */
  async #proceed(turn: Turn<unknown>): Promise<void> {
    while (!turn.over) {
      turn.work(() => this.#slice.hasTime());
      if (!turn.over) await eventLoopTurn();
    }
  }

  #endIfClosed(): void {
    if (!this.#closed || this.#queued > 0) return;
    leaveWorkshop(this.#workshop);
  }

  /** Moves out inside a task, as soon as it holds nothing. */
  #moveOutIfUnused(): void {
    const { shared: { heap }, residents, results, code } = this.#workshop;
    residents.evict();
    results.evict();
    code.evict();
    if (heap.freeBytes === heap.bytes) this.#moveOut();
  }

  /**
   * Leaves the memory to the thread that got lost in it, which nobody can stop and which may come back
   * one day, and goes on with other workers in a new one.
   *
   * @throws {RangeError} If the host has no more memory to give.
   */
  #moveOut(): void {
    const fresh = new SharedMemory(this.memoryBytes);
    leaveWorkshop(this.#workshop);
    this.#workshop = openWorkshop(fresh, this.#startPool, this.#compiler);
  }

  #assertOpen(): void {
    if (this.#closed) throw new Error("Engine: it has been closed");
  }
}

function openWorkshop(
  shared: SharedMemory,
  startPool: StartPool,
  compiler: Compiler,
): Workshop {
  const code = new CodeCache(shared, compiler);
  return {
    shared,
    code,
    pool: startPool(shared),
    residents: new Residents(shared.heap),
    results: new Results(shared),
    dispatcher: new Dispatcher(shared, code),
    lostThread: false,
  };
}

/** Ends the workers, with nothing in flight. A thread that got lost may still run the code. */
function leaveWorkshop({ pool, dispatcher, code, lostThread }: Workshop): void {
  pool.close();
  dispatcher.end();
  if (!lostThread) code.release();
}

/** A task on its way through its phases. */
class Turn<T> {
  readonly #task: Task<T>;
  readonly #workshop: () => Workshop;
  #phase: RunningPhase | null = null;
  #outcome: { readonly value: T } | { readonly error: unknown } | null = null;

  /**
   * @param task What is to be done.
   * @param workshop Where, at the time: it changes when a thread gets lost.
   */
  constructor(task: Task<T>, workshop: () => Workshop) {
    this.#task = task;
    this.#workshop = workshop;
  }

  get over(): boolean {
    return this.#outcome !== null;
  }

  /**
   * Works until the task is over, others hold all that is left, or `mayGoOn` says no. The first time
   * the task comes to its first phase in any case.
   */
  work(mayGoOn: () => boolean): void {
    do {
      if (!this.#isPhaseComplete((phase) => phase.help(mayGoOn))) return;
      this.#next();
    } while (!this.over && mayGoOn());
  }

  /** Works and waits until the task is over. */
  finish(): void {
    while (!this.over) {
      if (this.#isPhaseComplete((phase) => phase.complete())) this.#next();
    }
  }

  /** What the task returned; throws what it threw. */
  result(): T {
    if (this.#outcome === null) throw new Error("The task is not over");
    if ("error" in this.#outcome) throw this.#outcome.error;
    return this.#outcome.value;
  }

  /** Advances the current phase; whether it is complete, as no phase is. */
  #isPhaseComplete(advance: (phase: RunningPhase) => void): boolean {
    if (this.#phase === null) return true;
    try {
      advance(this.#phase);
      return this.#phase.isComplete();
    } catch (error) {
      this.#phase.giveUp();
      this.#fail(error);
      return false;
    }
  }

  /** Leaves a phase that is complete and begins the next one. */
  #next(): void {
    this.#leavePhase();
    try {
      const { done, value } = this.#task.next();
      if (done) this.#outcome = { value };
      else this.#begin(value);
    } catch (error) {
      this.#fail(error);
    }
  }

  #leavePhase(): void {
    if (this.#phase === null) return;
    if (this.#phase.lostThread) this.#workshop().lostThread = true;
    this.#phase.release();
    this.#phase = null;
  }

  /** Ends the task with an error, after its own clean-up. */
  #fail(error: unknown): void {
    this.#leavePhase();
    try {
      this.#task.throw(error);
    } catch {
      // The task throws the error again once it has cleaned up.
    }
    this.#outcome = { error };
  }

  #begin(run: PhaseRun): void {
    const { dispatcher, pool, lostThread } = this.#workshop();
    pool.startFor(run.phase.cost);
    // After a thread got lost, this one works alone until the task can move to other memory.
    this.#phase = dispatcher.begin(run, lostThread ? 0 : pool.size);
  }
}
