/**
 * Turns of the event loop.
 *
 * @module
 */

type Schedule = (callback: () => void) => void;

/** Found out when it is first needed: in Deno it takes 5 milliseconds to have `setImmediate`. */
let schedule: Schedule | null = null;

/** Calls back when everything else that is due has run. Unlike a timer it comes at once. */
export function inNextTurn(callback: () => void): void {
  schedule ??= "setImmediate" in globalThis ? byImmediates() : byMessages();
  schedule(callback);
}

/** Resolves when everything else that is due has run. */
export function eventLoopTurn(): Promise<void> {
  return new Promise(inNextTurn);
}

function byImmediates(): Schedule {
  const { setImmediate } = globalThis;
  return (callback) => {
    setImmediate(callback);
  };
}

/** Browsers let a timer wait for some milliseconds, but not a message to oneself. */
function byMessages(): Schedule {
  const { port1, port2 } = new MessageChannel();
  const callbacks: (() => void)[] = [];
  port1.onmessage = () => callbacks.shift()?.();
  return (callback) => {
    callbacks.push(callback);
    port2.postMessage(null);
  };
}
