/**
 * Timing of several contestants turn by turn, A B C A B C ..., so that whatever else the machine does
 * meets all of them alike.
 *
 * @module
 */

import { median } from "../src/cli/report.ts";

/** Something to be timed: one call, synchronous or not. */
export type Contestant = () => unknown;

/** V8 replaces the code of its baseline compilers within this time, and other runtimes settle too. */
const WARM_UP_SECONDS = 0.3;
const LEAST_WARM_UP_CALLS = 2;

/**
 * Calls that open a turn and are not counted: they bring the contestant's data back into the caches, and
 * the threads of the one before, which spin for a while in case there is more to do, go to sleep. Those of
 * ONNX Runtime were found to keep a core from others for about 20 milliseconds.
 */
const LEAD_IN_SECONDS = 30e-3;

/** A call as long as this is hardly touched by either. */
const LONG_CALL_SECONDS = 60e-3;

/** A turn goes on for so long, or for one call. */
const TURN_SECONDS = 10e-3;

const LEAST_TURNS = 5;

/** Calls a contestant until it runs as fast as it will. */
export async function warmUp(contestant: Contestant): Promise<void> {
  await callFor(contestant, WARM_UP_SECONDS, LEAST_WARM_UP_CALLS);
}

/**
 * Warms all contestants up, then lets them take turns.
 *
 * @param contestants What to time.
 * @param seconds How long the turns go on; each contestant gets at least five.
 * @returns For each contestant the median seconds of a call in each of its turns.
 */
export async function takeTurns(
  contestants: readonly Contestant[],
  seconds: number,
): Promise<readonly (readonly number[])[]> {
  for (const contestant of contestants) await warmUp(contestant);
  const times: number[][] = contestants.map(() => []);
  const begin = performance.now();
  for (let turn = 0; turn < LEAST_TURNS || secondsSince(begin) < seconds; turn++) {
    for (const [index, contestant] of contestants.entries()) {
      const own = times[index];
      if ((own?.at(-1) ?? 0) < LONG_CALL_SECONDS) await callFor(contestant, LEAD_IN_SECONDS, 1);
      own?.push(median(await callFor(contestant, TURN_SECONDS, 1)));
    }
  }
  return times;
}

/** Calls a contestant for some time, but at least so often; returns the seconds of each call. */
async function callFor(
  contestant: Contestant,
  seconds: number,
  leastCalls: number,
): Promise<number[]> {
  const times: number[] = [];
  const begin = performance.now();
  while (times.length < leastCalls || secondsSince(begin) < seconds) {
    const start = performance.now();
    const result = contestant();
    // Waiting for what is there already would cost a synchronous call a turn of the microtask queue.
    if (result instanceof Promise) await result;
    times.push(secondsSince(start));
  }
  return times;
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1e3;
}
