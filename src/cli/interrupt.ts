import { removeUnfinished } from "../io/files.ts";

/** What a shell reports for a process that ended by Ctrl-C. */
const INTERRUPTED = 130;

/**
 * Lets Ctrl-C end the process with no unfinished file left behind.
 *
 * @param restore What else is to be put right.
 * @returns Its disposal leaves Ctrl-C as it was.
 */
export function onInterrupt(restore: () => void): Disposable {
  const interrupt = () => {
    restore();
    removeUnfinished();
    Deno.exit(INTERRUPTED);
  };
  Deno.addSignalListener("SIGINT", interrupt);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGINT", interrupt) };
}
