/**
 * Threads that run a module of their own, whatever the runtime calls them.
 *
 * @module
 */

import type { Worker as NodeWorker } from "node:worker_threads";
import { nodeModule } from "./node.ts";

/**
 * Whether somebody else can end this thread while it is in the middle of a call: `terminate()` ends a worker
 * between any two of its instructions, and then its arrays are freed.
 */
export function canBeEndedByOthers(): boolean {
  // Workers of node:worker_threads in Deno have the second name only.
  const names = ["WorkerGlobalScope", "DedicatedWorkerGlobalScope"];
  if (names.some((name) => name in globalThis)) return true;
  // Deno's main thread has a window, as a page has. Node.js and Bun have none.
  if ("Window" in globalThis) return false;
  return nodeModule("node:worker_threads")?.isMainThread === false;
}

/**
 * Whether threads can be started that share memory with this one. A page that is not cross-origin isolated can make
 * such memory, but not hand it over; the class of its buffers has no name there.
 */
export function canStartThreads(): boolean {
  if (typeof SharedArrayBuffer === "undefined") return false;
  return typeof Worker !== "undefined" || nodeModule("node:worker_threads") !== null;
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
  if (unref !== null) {
    return startWebWorker(module, workerData, onFailure, { urlOf: dataUrl, unref });
  }
  const node = nodeModule("node:worker_threads");
  if (node !== null) return startNodeWorker(module, workerData, onFailure, node.Worker);
  return startWebWorker(module, workerData, onFailure, PAGE_WORKERS);
}

/** What differs between Web workers. */
interface WebWorkers {
  /** The address of a module's text. */
  readonly urlOf: (text: string) => string;
  /** Has one not keep the process alive. */
  readonly unref: Unref;
}

/**
 * Those of browsers: a page keeps nothing alive. What comes from a `data:` URL is of another origin than anything
 * else there, and no memory is shared with it.
 */
const PAGE_WORKERS: WebWorkers = { urlOf: blobUrl, unref: () => {} };

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

function dataUrl(text: string): string {
  return "data:text/javascript," + encodeURIComponent(text);
}

function blobUrl(text: string): string {
  return URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
}

function startWebWorker(
  module: string,
  workerData: unknown,
  onFailure: () => void,
  { urlOf, unref }: WebWorkers,
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
  const url = urlOf(text);
  const worker = new Worker(url, { type: "module" });
  worker.onerror = (event) => {
    // Otherwise it would be an error of this thread.
    event.preventDefault();
    URL.revokeObjectURL(url);
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
  worker.onmessage = () => {
    URL.revokeObjectURL(url);
    handOver();
  };
  worker.postMessage(isThere);
  unref(worker);
  return { handOver };
}

function startNodeWorker(
  module: string,
  workerData: unknown,
  onFailure: () => void,
  Worker: typeof NodeWorker,
): Thread {
  const text = `import { workerData } from "node:worker_threads";\n${module}`;
  // Without an environment of its own it would copy this one, for which the user would be asked. What Node.js warns
  // of, it says once in each thread: this one's are enough.
  const worker = new Worker(new URL(dataUrl(text)), { workerData, env: {}, stderr: true });
  worker.unref();
  worker.on("error", onFailure);
  worker.on("exit", (code) => {
    if (code !== 0) onFailure();
  });
  return { handOver: () => true };
}
