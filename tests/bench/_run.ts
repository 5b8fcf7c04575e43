import { type Backend, ourName } from "../../bench/backends.ts";
import type { LayerResult, Result } from "../../bench/compare.ts";
import type { Kind } from "../../bench/layers.ts";

/** The milliseconds of a call, by peer and number of threads. */
export type Times = Readonly<Record<string, Readonly<Record<number, number>>>>;

/** The operations of every layer, and of a call of every ceiling. */
export const FLOP = 100e6;

/** The milliseconds of a call of a ceiling, by backend. */
export const CEILING_MS: Readonly<Record<Backend, number>> = { native: 1, wasm: 4 };

/** What a run would have found out about a layer with direct kernels whose calls took so long. */
export function layerResult(name: string, kind: Kind, times: Times): LayerResult {
  const backends = (["native", "wasm"] as const).filter((backend) => ourName(backend) in times);
  return {
    name,
    kind,
    families: Object.fromEntries(backends.map((backend) => [backend, "direct"])),
    inputShape: [1, 1, 1, 1],
    flop: FLOP,
    ceilings: backends.map((backend) => {
      const seconds = CEILING_MS[backend] / 1e3;
      return { backend, threads: 1, flop: FLOP, turns: [seconds], gigaflops: FLOP / seconds / 1e9 };
    }),
    results: Object.entries(times).flatMap(([peer, calls]) =>
      Object.entries(calls).map(([threads, milliseconds]): Result => {
        const seconds = milliseconds / 1e3;
        const gigaflops = FLOP / seconds / 1e9;
        return { peer, threads: Number(threads), turns: [seconds], seconds, gigaflops, error: 0 };
      })
    ),
    refusals: [],
  };
}
