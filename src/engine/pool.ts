/**
 * The worker threads of an engine.
 *
 * @module
 */

import { Worker } from "node:worker_threads";
import {
  claimTiles,
  machineCodeLoader,
  runUnit,
  serveTiles,
  type WorkerStart,
} from "../../workers/tiles.ts";

/**
 * The module that each worker runs, as text. A `data:` URL with everything in it starts from
 * anywhere (a file, JSR, a compiled program), needs no permission and does not wait for the calling
 * thread's event loop.
 */
export const WORKER_SOURCE = `import { workerData } from "node:worker_threads";
(${serveTiles})(workerData, {
  claimTiles: ${claimTiles},
  runUnit: ${runUnit},
  machineCodeLoader: ${machineCodeLoader},
});
`;

/** A worker that dies is replaced, but not for ever. */
const MOST_REPLACEMENTS = 16;

/**
 * Starting a worker keeps the calling thread for 40 to 70 milliseconds. So one is started at once, and
 * each further one when so much work has come up again.
 */
const WORK_PER_WORKER_MICROSECONDS = 50_000;

/** Keeps a number of workers running until it is closed. They never keep the process alive. */
export class Pool {
  readonly #start: Omit<WorkerStart, "thread">;
  readonly #source: string;
  readonly #count: number;
  readonly #workers = new Map<number, Worker>();
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
  constructor(count: number, start: Omit<WorkerStart, "thread">, source: string = WORKER_SOURCE) {
    this.#start = start;
    this.#source = source;
    this.#count = count;
    this.startNext();
  }

  /** Starts one more worker, if not all have been started. */
  startNext(): void {
    if (this.#open && this.#next <= this.#count) this.#spawn(this.#next++);
  }

  /** Starts as many more workers as some work that has come up deserves. */
  startFor(microseconds: number): void {
    this.#work += microseconds;
    while (this.#next <= this.#count && this.#work >= this.#next * WORK_PER_WORKER_MICROSECONDS) {
      this.startNext();
    }
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
  }

  #spawn(thread: number): void {
    const url = new URL("data:text/javascript," + encodeURIComponent(this.#source));
    try {
      // Without an environment of its own it would copy this one, for which the user would be asked.
      const worker = new Worker(url, { workerData: { ...this.#start, thread }, env: {} });
      worker.unref();
      worker.on("error", () => this.#replace(thread, worker));
      worker.on("exit", () => this.#replace(thread, worker));
      this.#workers.set(thread, worker);
    } catch {
      // No worker can be had here: the calling thread does the work.
    }
  }

  #replace(thread: number, worker: Worker): void {
    if (!this.#open || this.#workers.get(thread) !== worker) return;
    this.#workers.delete(thread);
    if (this.#replacements++ < MOST_REPLACEMENTS) this.#spawn(thread);
  }
}
