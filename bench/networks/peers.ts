/**
 * Who computes networks, by name. The package of each is loaded where it is asked for: a process that measures one has
 * none of the others in its memory.
 *
 * @module
 */

import { BACKENDS, ourName } from "../backends.ts";
import type { Peer } from "../peers/peer.ts";
import type { NetworkProblem } from "./problem.ts";

type NetworkPeer = Peer<NetworkProblem>;

const OTHERS: Readonly<Record<string, () => Promise<NetworkPeer>>> = {
  "onnxruntime-node": async () => {
    const { OnnxNode } = await import("../peers/onnx_node.ts");
    return new OnnxNode((problem) => problem);
  },
  "onnxruntime-web": async () => {
    const { OnnxWeb } = await import("../peers/onnx_web.ts");
    return new OnnxWeb((problem) => problem);
  },
  "@tensorflow/tfjs-backend-wasm": async () => {
    const { TensorFlowNetworks } = await import("./tfjs.ts");
    return new TensorFlowNetworks();
  },
};

/** The names of the other packages. */
export const OTHER_NAMES: readonly string[] = Object.keys(OTHERS);

/**
 * Loads a package of others, or a backend of ours.
 *
 * @throws {RangeError} If there is none of this name.
 */
export async function openPeer(name: string): Promise<NetworkPeer> {
  const backend = BACKENDS.find((backend) => ourName(backend) === name);
  if (backend !== undefined) {
    const { TileconvNetworks } = await import("./tileconv.ts");
    return new TileconvNetworks(backend);
  }
  const open = OTHERS[name];
  if (open === undefined) {
    throw new RangeError(`Nothing that computes networks is called "${name}"`);
  }
  return await open();
}
