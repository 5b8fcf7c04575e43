import { removeUnfinished } from "../io/files.ts";

/** What a shell reports for a process that ended by Ctrl-C. */
const INTERRUPTED = 130;

/** What is to be put right before the process ends, the last first. */
const restores: (() => void)[] = [];

/**
 * Lets Ctrl-C end the process with no unfinished file left behind.
 *
 * @param restore What else is to be put right.
 * @returns Its disposal leaves Ctrl-C as it was.
 */
export function onInterrupt(restore: () => void): Disposable {
  if (restores.length === 0) Deno.addSignalListener("SIGINT", interrupt);
  restores.push(restore);
  return {
    [Symbol.dispose]: () => {
      restores.splice(restores.lastIndexOf(restore), 1);
      if (restores.length === 0) Deno.removeSignalListener("SIGINT", interrupt);
    },
  };
}

function interrupt(): void {
  for (const restore of restores.toReversed()) restore();
  removeUnfinished();
  Deno.exit(INTERRUPTED);
}
