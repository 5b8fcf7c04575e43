import { countThreads, ourName } from "../backends.ts";
import { type Part, ratioToPeer, resultOf, speedup } from "../report/figures.ts";
import type { NetworkResult } from "./compare.ts";

/** A number that a network is judged by. */
export interface NetworkFigure {
  readonly network: string;
  readonly name: string;
  readonly value: number;
  /** A least value, or the largest. */
  readonly goal: { readonly least: number } | { readonly most: number };
}

/** Those of others that run in WebAssembly. */
const WASM_PEERS = ["onnxruntime-web", "@tensorflow/tfjs-backend-wasm"] as const;

/** What our WebAssembly is to reach over the best of them. */
const OVER_WASM = 2.5;

/** The figures of all networks; none that a run cannot tell. */
export function networkFigures(
  networks: readonly NetworkResult[],
  threadCounts: readonly number[],
): readonly NetworkFigure[] {
  return networks.flatMap((network) => [
    ...threadCounts.flatMap((threads) => overNative(network, threads)),
    ...overWasm(network),
    ...withTwoThreads(network),
  ]);
}

/** Whether a figure is as is wanted. */
export function reaches({ value, goal }: NetworkFigure): boolean {
  return "least" in goal ? value >= goal.least : value <= goal.most;
}

function overNative(network: NetworkResult, threads: number): NetworkFigure[] {
  const part = ratioToPeer(network, ourName("native"), "onnxruntime-node", threads);
  const name = `native, ${countThreads(threads)}, over onnxruntime-node`;
  return atLeast(network, name, part, network.goals.overNative);
}

/** The best is the one that we are least ahead of. */
function overWasm(network: NetworkResult): NetworkFigure[] {
  const part = overBestWasm(network);
  const name = "wasm, 1 thread, over the best WebAssembly peer";
  return part === null ? [] : atLeast(network, name, part, OVER_WASM);
}

/** The time of the best WebAssembly peer in proportion to that of ours, one thread each; `null` without one. */
export function overBestWasm(network: NetworkResult): { readonly ratio: number } | null {
  const ratios = WASM_PEERS.flatMap((peer) => {
    const part = ratioToPeer(network, ourName("wasm"), peer, 1);
    return "ratio" in part ? [part.ratio] : [];
  });
  return ratios.length === 0 ? null : { ratio: Math.min(...ratios) };
}

function withTwoThreads(network: NetworkResult): NetworkFigure[] {
  const { twoThreads } = network.goals;
  const ours = resultOf(network, ourName("native"), 2);
  if (twoThreads === undefined || ours === undefined) return [];
  return [
    {
      network: network.name,
      name: "native, 2 threads, milliseconds",
      value: ours.seconds * 1e3,
      goal: { most: twoThreads.mostSeconds * 1e3 },
    },
    ...atLeast(
      network,
      "native, 2 threads over 1",
      speedup(network, "native", 2),
      twoThreads.speedup,
    ),
  ];
}

function atLeast(
  { name: network }: NetworkResult,
  name: string,
  part: Part,
  least: number,
): NetworkFigure[] {
  return "ratio" in part ? [{ network, name, value: part.ratio, goal: { least } }] : [];
}
