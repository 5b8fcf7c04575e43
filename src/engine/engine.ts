import { checkChoice, checkInteger, checkOptionNames, describe } from "../base/checks.ts";
import { numberOfCores } from "../platform/cores.ts";
import { canStartThreads } from "../platform/threads.ts";
import { type Backend, compilerFor } from "./backend.ts";
import { Pool } from "./pool.ts";
import { Runtime, type StartPool } from "./runtime.ts";
import { LEAST_MEMORY_BYTES, MOST_MEMORY_BYTES, SharedMemory } from "./shared_memory.ts";

export type { Backend };

/** Options of an {@linkcode Engine}. */
export interface EngineOptions {
  /** Threads that compute, the calling one included. Default: one per core. */
  readonly threads?: number;
  /**
   * Size of the shared memory in bytes, 1 MiB to 2 GiB. Larger work is done in pieces. Default:
   * 1 GiB, of which only what is used is ever touched.
   */
  readonly memory?: number;
  /**
   * `"wasm"`, which needs no permission; `"native"`, machine code for x86-64 Linux, which needs Deno with
   * `--allow-ffi`, Node.js from 26.1 on or Bun; or the faster one of those that the user has allowed, by `--allow-ffi`
   * or Node.js's `--experimental-ffi`. Default: `"auto"`, which asks for nothing.
   */
  readonly backend?: Backend;
}

let runtimeOfEngine: (engine: Engine) => Runtime;

/** An engine that was never closed ends its workers when it is collected. */
const unclosed = new FinalizationRegistry<Runtime>((runtime) => runtime.close());

/**
 * Who computes: the calling thread and a pool of worker threads over one shared memory.
 *
 * Layers use a shared default engine unless they are given one. An engine of one's own bounds threads
 * and memory, and can be closed. Workers never keep the process alive, and no permission is needed.
 *
 * @example One engine for one block
 * ```ts
 * import { Conv2d, Engine, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * using engine = new Engine({ threads: 2 });
 * const layer = new Conv2d(3, 8, 3, { engine });
 * const output = await layer.forward(Tensor.ones([1, 3, 8, 8]));
 * assertEquals(output.shape, [1, 8, 6, 6]);
 * ```
 */
export class Engine implements Disposable {
  static {
    runtimeOfEngine = (engine) => engine.#runtime;
  }

  readonly #runtime: Runtime;

  /**
   * Worker threads are started one by one as work comes up, as starting one takes a while, or when they are
   * waited for, see {@linkcode Engine.ready}.
   *
   * @param options Threads, memory and backend.
   * @throws {TypeError} If an option is unknown or of the wrong kind.
   * @throws {RangeError} If a number is out of range, or the host cannot give that much memory.
   * @throws {Error} If the backend is `"native"` and cannot be had; the message names what is missing.
   */
  constructor(options: EngineOptions = {}) {
    const { threads = numberOfCores(), memory, backend = "auto" } = checkedOptions(options);
    const compiler = compilerFor(backend);
    const shared = memory === undefined ? defaultMemory() : new SharedMemory(memory);
    const workers = canStartThreads() ? threads - 1 : 0;
    this.#runtime = new Runtime(shared, poolStarter(workers), compiler);
    unclosed.register(this, this.#runtime);
  }

  /** Threads that compute, the calling one included; 1 where no worker can be started. */
  get threads(): number {
    return this.#runtime.workers + 1;
  }

  /** The code that runs. */
  get backend(): Exclude<Backend, "auto"> {
    return this.#runtime.target.name === "wasm" ? "wasm" : "native";
  }

  /** Size of the shared memory in bytes. */
  get memory(): number {
    return this.#runtime.memoryBytes;
  }

  /**
   * Resolves when all worker threads are up. Nobody needs to wait for it: until they are, the calling
   * thread does the work. Resolves after five seconds even if some are not.
   */
  get ready(): Promise<void> {
    return allStarted(this.#runtime);
  }

  /**
   * Ends the worker threads as soon as the calls in flight are done. Later calls fail; closing twice
   * does nothing more.
   */
  close(): void {
    this.#runtime.close();
  }

  /** {@linkcode Engine.close}, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * What the engine has.
   *
   * @returns One line such as `Engine(backend="native", threads=2, memory=1073741824)`.
   */
  toString(): string {
    return `Engine(backend=${
      describe(this.backend)
    }, threads=${this.threads}, memory=${this.memory})`;
  }

  /** Shows the engine as {@linkcode Engine.toString} writes it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /** The same for Node.js and what imitates it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** The inside of an engine, for the layers. */
export function runtimeOf(engine: Engine): Runtime {
  return runtimeOfEngine(engine);
}

let shared: Engine | null = null;

/**
 * The engine that layers share unless they are given one of their own: one thread per core, 1 GiB of memory,
 * `backend: "auto"`. It is started on first use.
 *
 * @returns Always the same one. It may be closed when no more layers are to use it.
 *
 * @example
 * ```ts
 * import { defaultEngine } from "@tileconv/conv";
 * import { assert } from "@std/assert";
 *
 * assert(["wasm", "native"].includes(defaultEngine().backend));
 * ```
 */
export function defaultEngine(): Engine {
  shared ??= new Engine();
  return shared;
}

/** Starts the pools of an engine with so many workers. */
function poolStarter(workers: number): StartPool {
  return ({ memory, controlWords }, codeMemory) =>
    new Pool(workers, { memory, codeMemory, control: 0, controlWords });
}

const DEFAULT_MEMORY_BYTES = 2 ** 30;
const MOST_THREADS = 256;

/** As much memory as the host gives, up to 1 GiB. */
function defaultMemory(): SharedMemory {
  for (let bytes = DEFAULT_MEMORY_BYTES; bytes > LEAST_MEMORY_BYTES; bytes /= 2) {
    try {
      return new SharedMemory(bytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return new SharedMemory(LEAST_MEMORY_BYTES);
}

const READY_LIMIT_MS = 5000;

async function allStarted(runtime: Runtime): Promise<void> {
  const limit = performance.now() + READY_LIMIT_MS;
  while (runtime.started < runtime.workers && performance.now() < limit) {
    runtime.startWorker();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const OPTION_NAMES = ["threads", "memory", "backend"] as const;
const BACKENDS = ["auto", "wasm", "native"] as const;

function checkedOptions(options: EngineOptions): EngineOptions {
  checkOptionNames("Engine", options, OPTION_NAMES);
  const { threads, memory, backend } = options;
  if (threads !== undefined) checkWithin("threads", threads, 1, MOST_THREADS);
  if (memory !== undefined) checkWithin("memory", memory, LEAST_MEMORY_BYTES, MOST_MEMORY_BYTES);
  if (backend !== undefined) checkChoice("Engine", "backend", backend, BACKENDS);
  return options;
}

function checkWithin(name: string, value: number, least: number, most: number): void {
  checkInteger("Engine", name, value, least);
  if (value <= most) return;
  throw new RangeError(`Engine: ${name} must be at most ${most}, but is ${value}`);
}
