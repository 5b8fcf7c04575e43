/**
 * The worker threads of an engine.
 *
 * @module
 */

import { startThread, type Thread } from "../platform/threads.ts";
import {
  claimTiles,
  machineCodeLoader,
  runUnit,
  serveTiles,
  type TileFunctions,
  type WorkerStart,
} from "../../workers/tiles.ts";
import { openNativeCode } from "./native.ts";

/** The functions of a worker, as text. */
type FunctionTexts = Readonly<Record<keyof TileFunctions, string>>;

const FUNCTIONS: FunctionTexts = {
  claimTiles: String(claimTiles),
  runUnit: String(runUnit),
  openNativeCode: String(openNativeCode),
  machineCodeLoader: String(machineCodeLoader),
};

/**
 * The module that each worker runs, as text, with everything in it.
 *
 * @param replaced Other functions than the real ones; tests have workers fail.
 */
export function workerSource(replaced: Partial<FunctionTexts> = {}): string {
  const entries = Object.entries({ ...FUNCTIONS, ...replaced });
  const members = entries.map(([name, text]) => `  ${name}: ${text},\n`);
  return `await (${serveTiles})(workerData, {\n${members.join("")}});`;
}

/** A worker that dies is replaced, but not for ever. */
const MOST_REPLACEMENTS = 16;

/**
 * Starting a worker keeps the calling thread for some 10 milliseconds, and takes a core for more. So one is
 * started when there is any work, and each further one when so much has come up again.
 */
const WORK_PER_WORKER_MICROSECONDS = 50_000;

/** Keeps a number of workers running until it is closed. They never keep the process alive. */
export class Pool {
  readonly #start: Omit<WorkerStart, "thread">;
  readonly #source: string;
  readonly #count: number;
  /** Thread numbers of those that run, or will. */
  readonly #workers = new Set<number>();
  /** Those of them that have not been seen to have their data. */
  readonly #waiting = new Set<Thread>();
  /** Thread number of the next worker to be started for the first time. */
  #next = 1;
  #work = 0;
  #replacements = 0;
  #open = true;

  /**
   * @param count Workers to have; thread numbers count from 1, the calling thread being 0.
   * @param start What each is started with.
   * @param source The module each runs.
   */
  constructor(count: number, start: Omit<WorkerStart, "thread">, source: string = workerSource()) {
    this.#start = start;
    this.#source = source;
    this.#count = count;
  }

  /** Starts one more worker, if not all have been started. */
  startNext(): void {
    if (this.#open && this.#next <= this.#count) this.#spawn(this.#next++);
  }

  /** Notes work that has come up. */
  expect(microseconds: number): void {
    this.#work += microseconds;
  }

  /** Whether the work so far deserves one more worker. */
  get deservesMore(): boolean {
    const isDeserved = this.#work > (this.#next - 1) * WORK_PER_WORKER_MICROSECONDS;
    return isDeserved && this.#open && this.#next <= this.#count;
  }

  /** Starts one more worker if it is deserved; whether it did. */
  startDeserved(): boolean {
    if (!this.deservesMore) return false;
    this.startNext();
    return true;
  }

  /** Lets workers that are there begin, although this thread's event loop does not go round. */
  handOver(): void {
    for (const worker of this.#waiting) if (worker.handOver()) this.#waiting.delete(worker);
  }

  /** Threads that can ever be at work at once, the calling one included. */
  get threads(): number {
    return this.#count + 1;
  }

  /** Workers that run, or will. */
  get size(): number {
    return this.#workers.size + (this.#open ? this.#count + 1 - this.#next : 0);
  }

  /**
   * Lets go of the workers, which are about to be told to end. One that hangs cannot be helped: Deno
   * does not stop a worker that is running, not even with `terminate()`.
   */
  close(): void {
    this.#open = false;
    this.#workers.clear();
    this.#waiting.clear();
  }

  #spawn(thread: number): void {
    try {
      const start = { ...this.#start, thread };
      const worker = startThread(this.#source, start, () => {
        this.#waiting.delete(worker);
        this.#replace(thread);
      });
      this.#workers.add(thread);
      this.#waiting.add(worker);
    } catch {
      // No worker can be had here: the calling thread does the work.
    }
  }

  #replace(thread: number): void {
    if (!this.#open) return;
    this.#workers.delete(thread);
    if (this.#replacements++ < MOST_REPLACEMENTS) this.#spawn(thread);
  }
}
