import { compilerFor } from "../../src/engine/backend.ts";
import { Pool, workerSource } from "../../src/engine/pool.ts";
import { Runtime } from "../../src/engine/runtime.ts";
import { CONTROL, SharedMemory } from "../../src/engine/shared_memory.ts";
import { claimTiles, runUnit } from "../../workers/tiles.ts";

const MEMORY_BYTES = 2 ** 24;

/** A word of the control block that nothing is kept in. */
export const SPARE_WORD = 9;

/**
 * A runtime whose workers run given modules: those of the first pool the first one, those of the pool
 * that replaces it the second, and so on; the last one stays.
 */
export function runtimeWith(
  workers: number,
  sources: readonly string[],
  seen: (pool: Pool, shared: SharedMemory) => void = () => {},
): Runtime {
  let pools = 0;
  const startPool = (shared: SharedMemory, codeMemory: WebAssembly.Memory | null) => {
    const { memory, controlWords } = shared;
    const source = sources[Math.min(pools++, sources.length - 1)];
    const pool = new Pool(workers, { memory, codeMemory, control: 0, controlWords }, source);
    seen(pool, shared);
    return pool;
  };
  return new Runtime(new SharedMemory(MEMORY_BYTES), startPool, compilerFor("auto"));
}

/**
 * A worker that claims units as it should, but then runs `body` with `job`, `unit` and `thread`.
 *
 * @param body It may call `end()`, `realRunUnit` and what else there is.
 * @param afterJob What it does when a job has no more units for it.
 */
export function sourceRunning(body: string, afterJob = ""): string {
  return `const words = new Int32Array(workerData.memory.buffer);
const end = () => { throw new Error("on purpose"); };
const realRunUnit = ${runUnit};
const realClaimTiles = ${claimTiles};
${
    workerSource({
      runUnit: `(job, unit, thread) => { ${body} }`,
      claimTiles: `(...all) => { realClaimTiles(...all); ${afterJob} }`,
    })
  }`;
}

/**
 * For ever, as far as the runtime can know: until the memory has been left, lest the worker keep a core
 * from the tests after it. Nobody can stop a worker that is running.
 */
export const FOR_EVER = `while (Atomics.load(words, ${CONTROL.end}) === 0)`;

/** Waits until the workers are up, so that they have a part in what follows. */
export async function started(runtime: Runtime, count: number): Promise<void> {
  for (let tries = 0; runtime.started < count; tries++) {
    if (tries > 10_000) throw new Error("The workers do not start");
    runtime.startWorker();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
