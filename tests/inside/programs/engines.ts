/**
 * Opens engines, uses each once, and closes it: right after a call, while one is in flight, or without ever having
 * come back to the event loop. Prints how many threads and MiB there are more than after the first of them.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import process from "node:process";
import { Engine, type Tensor } from "../../../mod.ts";
import { areEqual, INPUT, wholeNumberLayer, wholeNumbers } from "./numbers.ts";

const [count = 0, threads = 1] = process.argv.slice(2).map(Number);
const input = wholeNumbers(INPUT, 1);

const WAYS: readonly ((engine: Engine) => Promise<Tensor>)[] = [
  async (engine) => {
    await engine.ready;
    const output = await wholeNumberLayer(engine).forward(input);
    engine.close();
    return output;
  },
  (engine) => {
    const call = wholeNumberLayer(engine).forward(input);
    engine.close();
    return call;
  },
  (engine) => {
    const output = wholeNumberLayer(engine).forwardSync(input);
    engine.close();
    return Promise.resolve(output);
  },
];

/** Opens engines, and closes them. */
async function openAndClose(count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const output = await WAYS[index % WAYS.length]?.(new Engine({ threads }));
    if (!areEqual(output?.data ?? new Float32Array(), expected)) console.log("Other values");
  }
}

function numberOf(name: string): number {
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
}

/** What the process has: threads, and MiB that are neither free nor set aside by the collector of garbage. */
function holdings(): { readonly threads: number; readonly memory: number } {
  const { heapTotal, heapUsed } = process.memoryUsage();
  const free = (heapTotal - heapUsed) / 2 ** 20;
  return { threads: numberOf("Threads"), memory: numberOf("VmRSS") / 2 ** 10 - free };
}

/** The least of what it has in the next seconds, as what is no longer used is given back one day. */
async function leastHoldings(
  most: number,
  isEnough: (now: ReturnType<typeof holdings>) => boolean,
) {
  let least = holdings();
  for (let tries = 0; tries < most; tries++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { threads, memory } = holdings();
    least = {
      threads: Math.min(least.threads, threads),
      memory: Math.min(least.memory, memory),
    };
    if (isEnough(least)) break;
  }
  return least;
}

function collectGarbage(): void {
  const { gc, Bun } = globalThis as unknown as { gc?(): void; Bun?: { gc(now: boolean): void } };
  gc?.();
  Bun?.gc(true);
}

const WARM_UP = 50;
/** MiB, as the allocator of a process keeps some of what is free. */
const MOST_MEMORY = 64;
/** A runtime starts helpers of its own when it likes. */
const MOST_THREADS = 8;

const own = new Engine({ threads: 1 });
const expected = wholeNumberLayer(own).forwardSync(input).data;
await openAndClose(WARM_UP);
const before = await leastHoldings(30, () => false);
await openAndClose(count);
const after = await leastHoldings(
  200,
  ({ threads, memory }) =>
    threads <= before.threads + MOST_THREADS && memory <= before.memory + MOST_MEMORY,
);
const [more, memory] = [after.threads - before.threads, after.memory - before.memory];
console.error(
  `${before.threads} threads, ${before.memory} MiB; then ${after.threads}, ${after.memory}`,
);
console.log(
  more <= MOST_THREADS ? "no more threads," : `${more} more threads,`,
  memory <= MOST_MEMORY ? "no more memory" : `${memory} MiB more`,
);
