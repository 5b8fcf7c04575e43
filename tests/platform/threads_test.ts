import { assert, assertEquals } from "@std/assert";
import { canBeEndedByOthers, startThread } from "../../src/platform/threads.ts";

/** Has threads made as where a Web worker cannot be told not to keep the process. */
function withoutWebWorkers(): Disposable {
  const { Worker } = globalThis;
  Reflect.deleteProperty(globalThis, "Worker");
  return {
    [Symbol.dispose]() {
      globalThis.Worker = Worker;
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 10_000) throw new Error("It does not come about");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

function spinUntil(condition: () => boolean): void {
  const limit = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > limit) throw new Error("It does not come about");
  }
}

const NOTE = "Atomics.store(workerData, 0, 1);";

function flag(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4));
}

for (const kind of ["Web workers", "workers of node:worker_threads"]) {
  const prepare = () => kind === "Web workers" ? { [Symbol.dispose]() {} } : withoutWebWorkers();

  Deno.test(`startThread() runs a module with its data on ${kind}`, async () => {
    using _ = prepare();
    const noted = flag();
    startThread(NOTE, noted, () => {});
    await until(() => Atomics.load(noted, 0) === 1);
  });

  Deno.test(`startThread() needs no turn of the event loop once data are handed over, ${kind}`, () => {
    using _ = prepare();
    const noted = flag();
    const thread = startThread(NOTE, noted, () => {});
    spinUntil(() => thread.handOver());
    assert(thread.handOver());
    spinUntil(() => Atomics.load(noted, 0) === 1);
  });

  Deno.test(`startThread() says when a module fails on ${kind}`, async () => {
    using _ = prepare();
    let failures = 0;
    startThread(`throw new Error("on purpose");`, flag(), () => failures++);
    await until(() => failures > 0);
  });

  Deno.test(`startThread() says nothing when a module ends on ${kind}`, async () => {
    using _ = prepare();
    const noted = flag();
    let failures = 0;
    startThread(NOTE, noted, () => failures++);
    await until(() => Atomics.load(noted, 0) === 1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assertEquals(failures, 0);
  });

  Deno.test(`canBeEndedByOthers() tells ${kind} from the main thread`, async () => {
    using _ = prepare();
    assert(!canBeEndedByOthers());
    const noted = flag();
    const url = new URL("../../src/platform/threads.ts", import.meta.url).href;
    const text = `const { canBeEndedByOthers } = await import(${JSON.stringify(url)});
Atomics.store(workerData, 0, canBeEndedByOthers() ? 1 : 2);`;
    startThread(text, noted, () => {});
    await until(() => Atomics.load(noted, 0) !== 0);
    assertEquals(noted[0], 1);
  });
}
