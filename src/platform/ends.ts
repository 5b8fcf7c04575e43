/**
 * Calls back when this thread is about to end, by an error that nobody handles or in peace. A page goes on after
 * an error, and is kept for going back to it only where nobody listens for its end.
 */
export function beforeThreadEnds(listener: () => void): void {
  if (typeof globalThis.addEventListener !== "function" || "onpagehide" in globalThis) return;
  for (const event of ["error", "unhandledrejection", "unload"]) {
    globalThis.addEventListener(event, listener);
  }
}
