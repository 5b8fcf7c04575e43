/**
 * Workers of the user's own, each with an engine, while the main thread computes, too. One is terminated in the
 * middle of a call.
 *
 * @module
 */

import process from "node:process";
import { readFileSync } from "node:fs";
import { Worker as NodeWorker } from "node:worker_threads";
import { compute, type Order } from "./compute.ts";
import { areEqual } from "./numbers.ts";

/** A worker, of whichever kind. */
interface UserWorker {
  ask(order: Order): Promise<readonly Float32Array[]>;
  terminate(): void;
}

/** Beside this module, which bundlers give another ending. */
function besides(name: string): URL {
  const ending = import.meta.url.slice(import.meta.url.lastIndexOf("."));
  return new URL(`./${name}${ending}`, import.meta.url);
}

function startWebWorker(): UserWorker {
  const worker = new Worker(besides("web_worker"), { type: "module" });
  return {
    ask(order) {
      return new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = reject;
        worker.postMessage(order);
      });
    },
    terminate: () => worker.terminate(),
  };
}

function startNodeWorker(): UserWorker {
  const worker = new NodeWorker(besides("node_worker"));
  return {
    ask(order) {
      return new Promise((resolve, reject) => {
        worker.once("message", resolve);
        worker.once("error", reject);
        worker.postMessage(order);
      });
    },
    terminate: () => void worker.terminate(),
  };
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function threads(): number {
  return Number(/Threads:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}

const start = process.argv[2] === "web" ? startWebWorker : startNodeWorker;
const ORDERS: readonly Order[] = [0, 1, 2]
  .map((index) => ({ first: 20 * index, count: 20, times: 5 }));
/** Takes so long that it never comes to its end. */
const ENDLESS: Order = { first: 0, count: 20, times: 1e6 };
const expected = await Promise.all(ORDERS.map((order) => compute({ ...order, times: 1 })));

function isRight(index: number, outputs: readonly Float32Array[]): boolean {
  const others = expected[index] ?? [];
  return outputs.length === others.length && outputs.every((output, at) => {
    const other = others[at];
    return other !== undefined && areEqual(output, other);
  });
}

const before = threads();
const [first, second] = [start(), start()];
const asked = [first.ask, second.ask, compute];
for (let round = 0; round < 3; round++) {
  const victim = start();
  // Then it is up, and its code is there.
  await victim.ask({ ...ENDLESS, times: 1 });
  victim.ask(ENDLESS).catch(() => {});
  const computing = ORDERS.map(async (order, index) => {
    return isRight(index, await asked[index]?.(order) ?? []);
  });
  await pause(40 + 7 * round);
  victim.terminate();
  console.log((await Promise.all(computing)).join());
}
first.terminate();
second.terminate();
// The engines of this thread, which are not closed, have one thread each.
const most = before + 3;
for (let tries = 0; tries < 600 && threads() > most; tries++) await pause(50);
console.log(Math.max(0, threads() - most), "threads too many");
