/**
 * Timing of several contestants turn by turn, A B C A B C ..., so that whatever else the machine does
 * meets all of them alike.
 *
 * @module
 */

import { median } from "../src/base/numbers.ts";

/** Something to be timed: one call, synchronous or not. */
export type Contestant = () => unknown;

/** V8 replaces the code of its baseline compilers within this time, and other runtimes settle too. */
export const WARM_UP_SECONDS = 0.3;
const LEAST_WARM_UP_CALLS = 2;

/**
 * Calls that open a turn and are not counted: they bring the contestant's data back into the caches, and
 * the threads of the one before, which spin for a while in case there is more to do, go to sleep. Those of
 * ONNX Runtime were found to keep a core from others for about 20 milliseconds.
 */
const LEAD_IN_SECONDS = 30e-3;

/** A call as long as this is hardly touched by either. */
const LONG_CALL_SECONDS = 60e-3;

const PAUSE_SECONDS = 120e-3;

/** A turn goes on for so long, or for one call. */
const TURN_SECONDS = 10e-3;

const LEAST_TURNS = 5;

/** Something that times itself: a process of its own, which being asked for every call would delay. */
export interface Player {
  /** Runs until it is as fast as it will be. */
  warmUp(): Promise<unknown>;
  /**
   * Its turn: first some calls that do not count.
   *
   * @param leadIn The seconds that those go on; 0 for none of them.
   * @param seconds How long the turn goes on then, or for one call.
   * @returns The median seconds of a call.
   */
  turn(leadIn: number, seconds: number): Promise<number>;
}

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
  return await playTurns(contestants.map(playerOf), seconds);
}

/** The same for what times itself. */
export async function playTurns(
  players: readonly Player[],
  seconds: number,
): Promise<readonly (readonly number[])[]> {
  for (const player of players) await player.warmUp();
  const times: number[][] = players.map(() => []);
  const begin = performance.now();
  for (let turn = 0; turn < LEAST_TURNS || secondsSince(begin) < seconds; turn++) {
    for (const [index, player] of players.entries()) {
      const own = times[index];
      const leadIn = (own?.at(-1) ?? 0) < LONG_CALL_SECONDS ? LEAD_IN_SECONDS : 0;
      own?.push(await player.turn(leadIn, TURN_SECONDS));
    }
  }
  return times;
}

/** A contestant that is called and timed here. */
export function playerOf(contestant: Contestant): Player {
  return {
    warmUp: () => warmUp(contestant),
    turn: async (leadIn, seconds) => {
      if (leadIn > 0) await callFor(contestant, leadIn, 1);
      return median(await callFor(contestant, seconds, 1));
    },
  };
}

/**
 * Something that waits before each of its turns until nobody's threads spin any more: those of ONNX Runtime were found
 * to do so for more than 30 and less than 120 milliseconds on some processors, where they keep a core from whoever is
 * next with two threads.
 */
export function rested(player: Player): Player {
  return {
    warmUp: () => player.warmUp(),
    turn: async (leadIn, seconds) => {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_SECONDS * 1e3));
      return await player.turn(leadIn, seconds);
    },
  };
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
