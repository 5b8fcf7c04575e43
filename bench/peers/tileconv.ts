import { Tensor } from "../../mod.ts";
import { type Backend, ourName } from "../backends.ts";
import type { BenchLayer } from "../layers.ts";
import { type Problem, WEIGHT_SEED } from "../problem.ts";
import { Engines } from "./engines.ts";
import type { Peer } from "./peer.ts";

/** These layers on one backend, frozen, as the weights of the others are baked in. */
export class Tileconv implements Peer, Disposable {
  readonly name: string;
  readonly backend: Backend;
  readonly mostThreads = Infinity;
  readonly #engines: Engines;

  constructor(backend: Backend) {
    this.name = ourName(backend);
    this.backend = backend;
    this.#engines = new Engines(backend);
  }

  async prepare({ bench, input }: Problem, threads: number) {
    const engine = await this.#engines.get(threads);
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
    return build({ engine: await this.#engines.get(1) }).explain(inputShape).family;
  }

  /** Ends the threads. */
  [Symbol.dispose](): void {
    this.#engines[Symbol.dispose]();
  }
}
