import { type Engine, Tensor } from "../../mod.ts";
import { type Backend, openEngine, ourName } from "../backends.ts";
import type { BenchLayer } from "../layers.ts";
import { type Problem, WEIGHT_SEED } from "../problem.ts";
import type { Peer } from "./peer.ts";

/** These layers on one backend, frozen, as the weights of the others are baked in. */
export class Tileconv implements Peer, Disposable {
  readonly name: string;
  readonly backend: Backend;
  readonly mostThreads = Infinity;
  readonly #engines = new Map<number, Engine>();

  constructor(backend: Backend) {
    this.name = ourName(backend);
    this.backend = backend;
  }

  async prepare({ bench, input }: Problem, threads: number) {
    const engine = await this.#engine(threads);
    const layer = bench.build({ engine, seed: WEIGHT_SEED }).freeze();
    const x = new Tensor(input, bench.inputShape);
    return {
      run: () => layer.forwardSync(x).data,
      rowMajor: (values: Float32Array) => values,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  /** The family of kernels that computes a layer. */
  async familyOf({ build, inputShape }: BenchLayer): Promise<string> {
    return build({ engine: await this.#engine(1) }).explain(inputShape).family;
  }

  /** Ends the threads. */
  [Symbol.dispose](): void {
    for (const engine of this.#engines.values()) engine.close();
  }

  async #engine(threads: number): Promise<Engine> {
    const known = this.#engines.get(threads);
    if (known !== undefined) return known;
    const engine = await openEngine(this.backend, threads);
    this.#engines.set(threads, engine);
    return engine;
  }
}
