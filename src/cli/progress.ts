// @ts-types="./cli_progress.d.ts"
import { Presets, SingleBar } from "cli-progress";
import { stderr } from "node:process";
import { onInterrupt } from "./interrupt.ts";

/** What a bar is drawn on: `process.stderr` is one. */
export interface Terminal {
  /** Whether the cursor can be moved. */
  readonly isTTY: boolean;
  /** Characters in a line. */
  readonly columns: number;
  /** Writes text and sequences that move the cursor. */
  write(text: string): boolean;
}

/** Standard error, if it is a terminal. */
export function consoleTerminal(): Terminal | undefined {
  return Deno.stderr.isTerminal() ? stderr : undefined;
}

/** A bar that shows how much of some work is done. */
export interface Progress extends Disposable {
  /**
   * One more piece is done, or several.
   *
   * @param state What is said of it behind the bar.
   */
  advance(pieces?: number, state?: string): void;
}

/**
 * Shows a bar until it is disposed of; then it is gone. Ctrl-C takes it away too, so that the terminal gets
 * its cursor back.
 *
 * @param what What is counted, such as `layers`.
 * @param total How many there are.
 * @param terminal Where the bar is drawn; without one there is none.
 */
export function startProgress(
  what: string,
  total: number,
  terminal: Terminal | undefined,
): Progress {
  const bar = terminal === undefined ? null : new SingleBar({
    format: `{bar} {value} of {total} ${what}, ${
      total === 1 ? "{duration_formatted} so far" : "{eta_formatted} left"
    }{state}`,
    hideCursor: true,
    clearOnComplete: true,
    // While one piece takes long, the time goes on.
    forceRedraw: true,
    stream: terminal,
  }, Presets.shades_classic);
  const interrupt = onInterrupt(() => bar?.stop());
  bar?.start(total, 0, { state: "" });
  return {
    advance: (pieces = 1, state) =>
      bar?.increment(pieces, state === undefined ? {} : { state: `, ${state}` }),
    [Symbol.dispose]: () => {
      interrupt[Symbol.dispose]();
      bar?.stop();
    },
  };
}
