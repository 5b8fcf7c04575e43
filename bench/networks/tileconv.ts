import { Tensor } from "../../mod.ts";
import { decodeOnnx } from "../../src/io/models/onnx/decode.ts";
import { beforeEnlarging } from "../../src/network/before_enlarging.ts";
import { networkOf } from "../../src/network/network.ts";
import { type Backend, ourName } from "../backends.ts";
import { Engines } from "../peers/engines.ts";
import type { Peer } from "../peers/peer.ts";
import type { NetworkProblem } from "./problem.ts";

/** Networks of ours on one backend, with what `upscale` has done to its networks before: others have nothing of that. */
export class TileconvNetworks implements Peer<NetworkProblem>, Disposable {
  readonly name: string;
  readonly mostThreads = Infinity;
  readonly #engines: Engines;

  constructor(backend: Backend) {
    this.name = ourName(backend);
    this.#engines = new Engines(backend);
  }

  async prepare({ model, input, inputShape }: NetworkProblem, threads: number) {
    const engine = await this.#engines.get(threads);
    const network = networkOf(this.name, beforeEnlarging(decodeOnnx(model)), { engine });
    const [{ name } = { name: "" }] = network.outputs;
    const x = new Tensor(input, inputShape);
    return {
      run: () => network.forwardSync(x)[name]?.data ?? new Float32Array(0),
      rowMajor: (values: Float32Array) => values,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  /** Ends the threads. */
  [Symbol.dispose](): void {
    this.#engines[Symbol.dispose]();
  }
}
