/**
 * Waiting for another thread.
 *
 * @module
 */

/** Whether this thread has been seen not to be allowed to sleep. */
let mustStayAwake = false;

/**
 * Sleeps while a word of shared memory has a value, until another thread notifies it. Where that is forbidden, as
 * on a page's main thread, it returns at once: who calls it looks again, and again.
 *
 * @param words Lies in shared memory.
 * @param index Which word.
 * @param value What it is when there is something to wait for.
 * @param mostMs How long to sleep at most.
 */
export function sleepOn(words: Int32Array, index: number, value: number, mostMs: number): void {
  if (mustStayAwake) return;
  try {
    Atomics.wait(words, index, value, mostMs);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    mustStayAwake = true;
  }
}
