// @ts-types="./cli_progress.d.ts"
import { Presets, SingleBar } from "cli-progress";

/** A bar that shows how much of some work is done. */
export interface Progress extends Disposable {
  /** One more piece is done. */
  advance(): void;
}

/** What a shell reports for a process that ended by Ctrl-C. */
const INTERRUPTED = 130;

/**
 * Shows a bar on standard error if that is a terminal, and nothing otherwise. It is gone when disposed;
 * Ctrl-C takes it away too, so that the terminal gets its cursor back.
 *
 * @param what What is counted, such as `configurations`.
 * @param total How many there are.
 */
export function startProgress(what: string, total: number): Progress {
  if (!Deno.stderr.isTerminal()) return { advance: () => {}, [Symbol.dispose]: () => {} };
  const bar = new SingleBar({
    format: `{bar} {value} of {total} ${what}, {eta_formatted} left`,
    hideCursor: true,
    clearOnComplete: true,
  }, Presets.shades_classic);
  const interrupt = () => {
    bar.stop();
    Deno.exit(INTERRUPTED);
  };
  Deno.addSignalListener("SIGINT", interrupt);
  bar.start(total, 0);
  return {
    advance: () => bar.increment(),
    [Symbol.dispose]: () => {
      Deno.removeSignalListener("SIGINT", interrupt);
      bar.stop();
    },
  };
}
