/**
 * Every layer on one thread and on all, on each backend, as `deno bench` times it. The layers are
 * frozen, and have run until V8 had its fastest code for them.
 *
 * @module
 */

import { Engine, Tensor } from "../mod.ts";
import { availableBackends, countThreads } from "./backends.ts";
import { type BenchLayer, LAYERS } from "./layers.ts";
import { INPUT_SEED, WEIGHT_SEED } from "./problem.ts";
import { warmUp } from "./turns.ts";

const cores = navigator.hardwareConcurrency;
const engines = availableBackends().flatMap((backend) =>
  [...new Set([1, cores])].map((threads) => ({
    backend,
    threads,
    engine: new Engine({ backend, threads }),
  }))
);
await Promise.all(engines.map(({ engine }) => engine.ready));

for (const bench of LAYERS) {
  for (const [index, { backend, threads, engine }] of engines.entries()) {
    let call: (() => Float32Array) | null = null;
    Deno.bench({
      // The layer is in the name too: `deno bench --filter` looks at nothing else.
      name: `${bench.name}, ${backend}, ${countThreads(threads)}`,
      group: `${bench.kind}: ${bench.name}`,
      baseline: index === 0,
      fn: async (context) => {
        call ??= await prepare(bench, engine);
        context.start();
        call();
        context.end();
      },
    });
  }
}

async function prepare(
  { inputShape, build }: BenchLayer,
  engine: Engine,
): Promise<() => Float32Array> {
  const layer = build({ engine, seed: WEIGHT_SEED }).freeze();
  const input = Tensor.randn(inputShape, { seed: INPUT_SEED });
  const call = () => layer.forwardSync(input).data;
  await warmUp(call);
  return call;
}
