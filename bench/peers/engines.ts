import type { Engine } from "../../mod.ts";
import { type Backend, openEngine } from "../backends.ts";

/** Engines of one backend, one for each number of threads that is asked for. */
export class Engines implements Disposable {
  readonly #backend: Backend;
  readonly #engines = new Map<number, Engine>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** The engine with so many threads. */
  async get(threads: number): Promise<Engine> {
    const known = this.#engines.get(threads);
    if (known !== undefined) return known;
    const engine = await openEngine(this.#backend, threads);
    this.#engines.set(threads, engine);
    return engine;
  }

  /** Ends the threads. */
  [Symbol.dispose](): void {
    for (const engine of this.#engines.values()) engine.close();
  }
}
