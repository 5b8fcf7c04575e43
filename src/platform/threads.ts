/**
 * Threads that run a module of their own, whatever the runtime calls them.
 *
 * @module
 */

import { isMainThread, Worker as NodeWorker } from "node:worker_threads";

/**
 * Whether somebody else can end this thread while it is in the middle of a call: `terminate()` ends a worker
 * between any two of its instructions, and then its arrays are freed.
 */
export function canBeEndedByOthers(): boolean {
  return "WorkerGlobalScope" in globalThis || !isMainThread;
}

/** A thread that has been started. */
export interface Thread {
  /**
   * Gives it its data if it is there to take them: what is on its way to a thread that never takes it is never
   * freed. Where this thread's event loop goes round, it gets them by itself.
   *
   * @returns Whether it has them.
   */
  handOver(): boolean;
}

/**
 * Starts a thread that does not keep the process alive. It ends with the thread that started it, at the next
 * turn of its event loop.
 *
 * @param module The text of a module in which `workerData` is what it is started with. In a `data:` URL it
 * starts from anywhere (a file, JSR, a compiled program), needs no permission and does not wait for this
 * thread's event loop.
 * @param workerData What it is started with; it must be possible to post it.
 * @param onFailure Called when it has ended by an error.
 * @throws If no thread can be had here.
 */
export function startThread(module: string, workerData: unknown, onFailure: () => void): Thread {
  const unref = webWorkerUnref();
  if (unref === null) return startNodeWorker(module, workerData, onFailure);
  return startWebWorker(module, workerData, onFailure, unref);
}

type Unref = (worker: Worker) => void;

/**
 * How a Web worker is told not to keep the process alive; `null` where that is not possible. Bun has a method
 * for it. Deno has one too, which its own `node:worker_threads` calls with `false`; it is the only method
 * without a name.
 *
 * It is worth it: starting a Web worker keeps this thread for 9 to 13 milliseconds, one of
 * `node:worker_threads` for 28, the first one for 45 to 60.
 */
function webWorkerUnref(): Unref | null {
  if (typeof Worker === "undefined") return null;
  if ("unref" in Worker.prototype) return (worker) => callMethod(worker, "unref");
  const [unnamed, ...others] = Object.getOwnPropertySymbols(Worker.prototype)
    .filter(({ description }) => !description);
  if (unnamed === undefined || others.length > 0) return null;
  return (worker) => callMethod(worker, unnamed, false);
}

function callMethod(object: object, name: string | symbol, ...args: unknown[]): void {
  const method: unknown = Reflect.get(object, name);
  if (typeof method === "function") Reflect.apply(method, object, args);
}

function urlOf(module: string): URL {
  return new URL("data:text/javascript," + encodeURIComponent(module));
}

function startWebWorker(
  module: string,
  workerData: unknown,
  onFailure: () => void,
  unref: Unref,
): Thread {
  const text = `const workerData = await new Promise((resolve) => {
  self.onmessage = ({ data: isThere }) => {
    self.onmessage = ({ data }) => resolve(data);
    Atomics.store(isThere, 0, 1);
    self.postMessage("ready");
  };
});
${module}
self.close();`;
  const worker = new Worker(urlOf(text), { type: "module" });
  worker.onerror = (event) => {
    // Otherwise it would be an error of this thread.
    event.preventDefault();
    onFailure();
  };
  const isThere = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  let isHandedOver = false;
  const handOver = (): boolean => {
    if (isHandedOver || Atomics.load(isThere, 0) === 0) return isHandedOver;
    worker.postMessage(workerData);
    isHandedOver = true;
    return true;
  };
  worker.onmessage = handOver;
  worker.postMessage(isThere);
  unref(worker);
  return { handOver };
}

function startNodeWorker(module: string, workerData: unknown, onFailure: () => void): Thread {
  const text = `import { workerData } from "node:worker_threads";\n${module}`;
  // Without an environment of its own it would copy this one, for which the user would be asked.
  const worker = new NodeWorker(urlOf(text), { workerData, env: {} });
  worker.unref();
  worker.on("error", onFailure);
  worker.on("exit", (code) => {
    if (code !== 0) onFailure();
  });
  return { handOver: () => true };
}
