/**
 * How asynchronous calls leave the event loop free.
 *
 * @module
 */

import { inNextTurn } from "../platform/turns.ts";

/** How long calls may keep the event loop from other things. */
const SLICE_MS = 4;

/**
 * The time that all calls together may take in one turn of the event loop: many short ones, each
 * awaited before the next, would otherwise keep it out as one long one would.
 */
export class TimeSlice {
  /** When it is over; `null` until the first call of a turn. */
  #end: number | null = null;

  /** Whether calls may go on in this turn. */
  hasTime(): boolean {
    const now = performance.now();
    if (this.#end === null) {
      this.#end = now + SLICE_MS;
      inNextTurn(() => {
        this.#end = null;
      });
    }
    return now < this.#end;
  }
}
