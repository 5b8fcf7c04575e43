/** What ends a process, and what a shell then reports: 128 and the number of the signal. */
const SIGNALS: ReadonlyMap<Deno.Signal, number> = new Map(
  Deno.build.os === "windows"
    ? [["SIGINT", 130]]
    : [["SIGHUP", 129], ["SIGINT", 130], ["SIGTERM", 143]],
);

/** What is to be put right before the process ends, the last first. */
const restores: (() => void)[] = [];

const HANDLERS: readonly (readonly [Deno.Signal, () => void])[] = [...SIGNALS].map((
  [signal, code],
) => [signal, () => {
  for (const restore of restores.toReversed()) restore();
  Deno.exit(code);
}]);

/**
 * Lets Ctrl-C and its like put something right before they end the process.
 *
 * @param restore What is to be put right.
 * @returns Its disposal leaves Ctrl-C as it was.
 */
export function onInterrupt(restore: () => void): Disposable {
  if (restores.length === 0) {
    for (const [signal, handler] of HANDLERS) Deno.addSignalListener(signal, handler);
  }
  restores.push(restore);
  return {
    [Symbol.dispose]: () => {
      restores.splice(restores.lastIndexOf(restore), 1);
      if (restores.length > 0) return;
      for (const [signal, handler] of HANDLERS) Deno.removeSignalListener(signal, handler);
    },
  };
}
