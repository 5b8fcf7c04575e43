/**
 * An engine's inside: shared memory, workers, code, and the tasks that take turns on them.
 *
 * @module
 */

import type { Program } from "../codegen/program.ts";
import type { Target } from "../codegen/target.ts";
import { beforeThreadEnds } from "../platform/ends.ts";
import { eventLoopTurn } from "../platform/turns.ts";
import { CodeCache } from "./code_cache.ts";
import type { Compiler, Workbench } from "./compiler.ts";
import { Dispatcher, type PhaseRun, type RunningStep, type StepsRun } from "./dispatcher.ts";
import type { Block } from "./heap.ts";
import type { Pool } from "./pool.ts";
import { Residents } from "./residents.ts";
import { Results } from "./results.ts";
import { CONTROL, PAGE_BYTES, SharedMemory } from "./shared_memory.ts";
import { TimeSlice } from "./time_slice.ts";
import type { Phase } from "./work.ts";

/** A computation: yields each phase to be run and what else takes long, returns the result. */
export type Task<T> = Generator<PhaseRun | StepsRun, T, void>;

/**
 * Starts the workers; tests start others.
 *
 * @param codeMemory What machine code lies in, for them to hold.
 */
export type StartPool = (shared: SharedMemory, codeMemory: WebAssembly.Memory | null) => Pool;

/** Everything that one shared memory holds; replaced as a whole when a thread got lost in it. */
interface Workshop {
  readonly shared: SharedMemory;
  readonly workbench: Workbench;
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
  /** The asynchronous task whose steps are being run; a synchronous call finishes it before its own. */
  #active: ActiveTurn | null = null;
  /** Whether this thread is at work on a task. */
  #isWorking = false;
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

  /** Threads that can ever be at work at once, the calling one included. */
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

  /** Gets ready for {@linkcode Runtime.makeRoom} bit by bit. */
  *makingRoom(bytes: number): Iterable<void> {
    const { shared: { heap }, residents, results } = this.#workshop;
    if (heap.largestFree >= bytes) return;
    residents.evict();
    yield* results.evicting(() => heap.largestFree < bytes);
  }

  /** Size of the largest block that can be had as it is. */
  get largestFree(): number {
    return this.#workshop.shared.heap.largestFree;
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
    return this.#workshop.workbench.addressOf(array);
  }

  /** Whether the programs reach arrays outside of the shared memory. */
  get reachesArrays(): boolean {
    return this.#workshop.workbench.reachesArrays;
  }

  /** Whether a thread got lost in the task under way: it may come back one day, and read and write. */
  get lostThread(): boolean {
    return this.#workshop.lostThread;
  }

  /** Whether the code of some phases is there. */
  hasCode(phases: readonly Phase[]): boolean {
    return phases.every((phase) => this.#workshop.code.has(phase));
  }

  /** Makes the code of a phase bit by bit. */
  compiling(phase: Phase): Iterable<void> {
    return this.#workshop.code.compiling(phase);
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
    this.assertOpen();
    this.#recover();
    const { turn: active } = this.#active ?? {};
    if (active !== undefined) this.#work(active, () => active.finish());
    const turn = this.#turn(task);
    this.#work(turn, () => turn.finish());
    return turn.result();
  }

  /**
   * Runs a task after those submitted before it, in slices that leave the event loop free. If there are none,
   * the first slice is over when the call returns.
   *
   * @throws What the task throws, and an `Error` if the engine is closed.
   */
  run<T>(task: Task<T>): Promise<T> {
    return this.#enqueue(task, this.#queued === 0 ? null : this.#queue);
  }

  /**
   * The same, but the first slice is not taken before the event loop has gone round.
   *
   * @throws What the task throws, and an `Error` if the engine is closed.
   */
  runLater<T>(task: Task<T>): Promise<T> {
    return this.#enqueue(task, this.#queued === 0 ? eventLoopTurn() : this.#queue);
  }

  /** Runs a task after something, or at once. */
  #enqueue<T>(task: Task<T>, before: Promise<void> | null): Promise<T> {
    this.assertOpen();
    this.#recover();
    this.#queued++;
    let over = () => {};
    this.#queue = new Promise((resolve) => {
      over = resolve;
    });
    const end = () => {
      this.#active = null;
      this.#queued--;
      this.#endIfClosed();
      over();
    };
    const take = async () => {
      if (before !== null) await before;
      let turn: Turn<T>;
      try {
        turn = this.#turn(task);
      } catch (error) {
        end();
        throw error;
      }
      const active = { turn, end };
      this.#active = active;
      await this.#proceed(turn);
      // Unless it has been given up.
      if (this.#active === active) end();
      return turn.result();
    };
    return take();
  }

  /** Ends the workers as soon as nothing is in flight. */
  close(): void {
    if (this.#closed) return;
    this.#recover();
    this.#closed = true;
    this.#endIfClosed();
  }

  /**
   * Leaves the memory in which a thread got lost, if one did. To be called where a task holds nothing.
   *
   * @throws {RangeError} If the host has no more memory to give.
   */
  renew(): void {
    if (this.#workshop.lostThread) this.#moveOut();
  }

  #turn<T>(task: Task<T>): Turn<T> {
    this.renew();
    return new Turn(task, () => this.#workshop);
  }

  /** Works in slices, between which the event loop goes round. */
  async #proceed(turn: Turn<unknown>): Promise<void> {
    this.#work(turn, () => turn.work(() => this.#slice.hasTime()));
    while (!turn.over) {
      await eventLoopTurn();
      if (this.#workshop.pool.startDeserved()) await eventLoopTurn();
      // Somebody else may have been ended while working at it: what was begun then is not done.
      this.#recover();
      if (!turn.over) this.#work(turn, () => turn.work(() => this.#slice.hasTime()));
    }
    // Short calls get their workers, too, but do not wait for them.
    const { pool } = this.#workshop;
    if (pool.deservesMore) eventLoopTurn().then(() => pool.startDeserved());
  }

  /** Works at a task, and notes that this thread is at it. */
  #work(turn: Turn<unknown>, work: () => void): void {
    this.#isWorking = true;
    atWork = turn;
    try {
      work();
    } finally {
      this.#isWorking = false;
      atWork = null;
    }
  }

  /**
   * Looks whether this thread was ended in the middle of its work, as by the time limit of a script: no
   * `finally` is run then. Others may still compute, and the memory is in no order.
   */
  #recover(): void {
    if (!this.#isWorking) return;
    this.#isWorking = false;
    loseThread(this.#workshop);
    atWork?.giveUp();
    this.#active?.end();
  }

  #endIfClosed(): void {
    if (!this.#closed || this.#queued > 0) return;
    leaveWorkshop(this.#workshop);
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

  /** @throws An `Error` if the engine is closed. */
  assertOpen(): void {
    if (this.#closed) throw new Error("Engine: it has been closed");
  }
}

function openWorkshop(
  shared: SharedMemory,
  startPool: StartPool,
  compiler: Compiler,
): Workshop {
  const workbench = compiler.open(shared);
  const code = new CodeCache(shared, workbench);
  return {
    shared,
    workbench,
    code,
    pool: startPool(shared, workbench.codeMemory),
    residents: new Residents(shared.heap),
    results: new Results(shared),
    dispatcher: new Dispatcher(shared, code),
    lostThread: false,
  };
}

/** An asynchronous task's turn, and what is to be done when it is over. */
interface ActiveTurn {
  readonly turn: Turn<unknown>;
  readonly end: () => void;
}

/** Notes that a thread may still be at work in the memory: nothing in it is used again for anything else. */
function loseThread(workshop: Workshop): void {
  workshop.lostThread = true;
  workshop.shared.heap.retire();
  workshop.code.retire();
}

/** Ends the workers, with nothing in flight. A thread that got lost may still run the code. */
function leaveWorkshop({ pool, dispatcher, code, lostThread }: Workshop): void {
  pool.close();
  dispatcher.end();
  if (!lostThread) code.release();
}

/** The task that this thread is at, in whichever runtime; still there if the thread was ended in its middle. */
let atWork: Turn<unknown> | null = null;

/**
 * After an error that nobody handles the thread is about to end, and its arrays to be freed. If it was ended in
 * the middle of its work, as by the time limit of a script, others may still be at work in them.
 */
function leaveWork(): void {
  atWork?.abandon();
  atWork = null;
}

beforeThreadEnds(leaveWork);

/** A task on its way through its phases. */
class Turn<T> {
  readonly #task: Task<T>;
  readonly #workshop: () => Workshop;
  #step: RunningStep | null = null;
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
   * the task comes to its first step in any case.
   */
  work(mayGoOn: () => boolean): void {
    do {
      if (!this.#isStepComplete((step) => step.help(mayGoOn))) return;
      this.#next();
    } while (!this.over && mayGoOn());
  }

  /** Works and waits until the task is over. */
  finish(): void {
    while (this.#workshop().pool.startDeserved());
    const handOver = () => this.#workshop().pool.handOver();
    while (!this.over) {
      if (this.#isStepComplete((step) => step.complete(handOver))) this.#next();
    }
  }

  /** Waits until nobody is at work on it any more, without an end. */
  abandon(): void {
    this.#step?.abandon();
  }

  /** Ends the turn with an error, its task in the middle of a step that nobody can go on with. */
  giveUp(): void {
    this.#outcome ??= {
      error: new Error(
        "The call was ended in the middle of its work, as by the time limit of a script",
      ),
    };
  }

  /** What the task returned; throws what it threw. */
  result(): T {
    if (this.#outcome === null) throw new Error("The task is not over");
    if ("error" in this.#outcome) throw this.#outcome.error;
    return this.#outcome.value;
  }

  /** Advances the current step; whether it is complete, as no step is. */
  #isStepComplete(advance: (step: RunningStep) => void): boolean {
    if (this.#step === null) return true;
    try {
      advance(this.#step);
      return this.#step.isComplete();
    } catch (error) {
      this.#step.abandon();
      this.#fail(error);
      return false;
    }
  }

  /** Leaves a step that is complete and begins the next one. */
  #next(): void {
    this.#leaveStep();
    try {
      const { done, value } = this.#task.next();
      if (done) this.#outcome = { value };
      else this.#begin(value);
    } catch (error) {
      this.#fail(error);
    }
  }

  #leaveStep(): void {
    if (this.#step === null) return;
    if (this.#step.lostThread) loseThread(this.#workshop());
    this.#step.release();
    this.#step = null;
  }

  /** Ends the task with an error, after its own clean-up. */
  #fail(error: unknown): void {
    this.#leaveStep();
    try {
      this.#task.throw(error);
    } catch {
      // The task throws the error again once it has cleaned up.
    }
    this.#outcome = { error };
  }

  #begin(run: PhaseRun | StepsRun): void {
    const { dispatcher, pool, lostThread } = this.#workshop();
    if ("phase" in run) pool.expect(run.phase.cost);
    // After a thread got lost, this one works alone until the task can move to other memory.
    this.#step = dispatcher.begin(run, lostThread ? 0 : pool.size);
  }
}
