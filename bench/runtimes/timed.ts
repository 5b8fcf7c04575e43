/**
 * Times layers in whatever runtime it is run, as it is told to by lines of JSON.
 *
 * @module
 */

import { type Engine, Tensor } from "../../mod.ts";
import { openEngine } from "../backends.ts";
import { LAYERS } from "../layers.ts";
import { problemOf, WEIGHT_SEED } from "../problem.ts";
import { type Player, playerOf } from "../turns.ts";

/** What is to be timed: a layer on some threads. */
export interface TimedCall {
  readonly backend: Engine["backend"];
  readonly threads: number;
  /** Name of the layer. */
  readonly layer: string;
}

/** A turn to be taken; none to warm up. */
export interface TimingRequest extends TimedCall {
  readonly turn: { readonly leadIn: number; readonly seconds: number } | null;
}

/**
 * Does what it is asked for until nobody asks any more.
 *
 * @param requests Lines, a {@linkcode TimingRequest} each.
 * @param answer Takes the median seconds of a call, a line each.
 */
export async function answerRequests(
  requests: AsyncIterable<string>,
  answer: (line: string) => void,
): Promise<void> {
  const players = new Map<string, Player>();
  const engines = new Map<string, Engine>();
  for await (const line of requests) {
    const { turn, ...call }: TimingRequest = JSON.parse(line);
    const key = JSON.stringify(call);
    const player = players.get(key) ?? playerOf(await contestantOf(call, engines));
    players.set(key, player);
    if (turn === null) await player.warmUp();
    answer(String(turn === null ? 0 : await player.turn(turn.leadIn, turn.seconds)));
  }
}

/** One call of a layer that is frozen, as in the other benches. */
async function contestantOf(
  { backend, threads, layer: name }: TimedCall,
  engines: Map<string, Engine>,
): Promise<() => unknown> {
  const bench = LAYERS.find((layer) => layer.name === name);
  if (bench === undefined) throw new RangeError(`There is no layer ${name}`);
  const key = `${backend} ${threads}`;
  const engine = engines.get(key) ?? await openEngine(backend, threads);
  engines.set(key, engine);
  const layer = bench.build({ engine, seed: WEIGHT_SEED }).freeze();
  const input = new Tensor(problemOf(bench).input, bench.inputShape);
  return () => layer.forwardSync(input).data;
}
