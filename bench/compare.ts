import { median } from "../src/cli/report.ts";
import { type Ceiling, CEILING_FLOP } from "./ceiling.ts";
import type { BenchLayer, Kind } from "./layers.ts";
import { type Peer, type Prepared, runOnce } from "./peers/peer.ts";
import type { Tileconv } from "./peers/tileconv.ts";
import { type Problem, problemOf } from "./problem.ts";
import { relativeError } from "../src/kernels/reference.ts";
import { takeTurns } from "./turns.ts";

/** How fast one peer is with one number of threads. */
export interface Result {
  readonly peer: string;
  readonly threads: number;
  /** The seconds of a call, turn by turn. */
  readonly turns: readonly number[];
  /** Their median. */
  readonly seconds: number;
  readonly gigaflops: number;
  /** The largest difference from our output in proportion to our largest output. */
  readonly error: number;
}

/** The ceiling as it was between the turns of one layer. */
export interface CeilingResult {
  readonly threads: number;
  /** The seconds that its operations took, turn by turn. */
  readonly turns: readonly number[];
  readonly gigaflops: number;
}

/** A peer that cannot compute a layer. */
export interface Refusal {
  readonly peer: string;
  readonly reason: string;
}

/** One row of the tables. */
export interface LayerResult {
  readonly name: string;
  readonly kind: Kind;
  /** The family of our kernels. */
  readonly family: string;
  readonly inputShape: readonly number[];
  /** As the formula counts them, whatever a peer really does. */
  readonly flop: number;
  readonly ceilings: readonly CeilingResult[];
  readonly results: readonly Result[];
  readonly refusals: readonly Refusal[];
}

/** Who takes part. */
export interface Field {
  /** The others must agree with it. */
  readonly ours: Tileconv;
  readonly others: readonly Peer[];
  /** One for each number of threads. */
  readonly ceilings: readonly Ceiling[];
}

interface Runner {
  readonly peer: string;
  readonly threads: number;
  readonly prepared: Prepared;
  readonly error: number;
}

/**
 * Times a layer on every peer with every number of threads, and the ceilings, turn by turn.
 *
 * @param bench The layer.
 * @param field Who takes part.
 * @param seconds How long the turns go on.
 */
export async function compareLayer(
  bench: BenchLayer,
  field: Field,
  seconds: number,
): Promise<LayerResult> {
  const problem = problemOf(bench);
  const { flop } = problem;
  const { ours, ceilings } = field;
  await using stack = new AsyncDisposableStack();
  const { runners, refusals } = await prepareAll(problem, field, stack);
  const times = await takeTurns([
    ...runners.map(({ prepared }) => () => prepared.run()),
    ...ceilings.map((ceiling) => () => ceiling.run()),
  ], seconds);
  const timesOf = (index: number) => {
    const turns = (times[index] ?? []).map(round);
    return { turns, seconds: median(turns) };
  };
  return {
    name: bench.name,
    kind: bench.kind,
    family: await ours.familyOf(bench),
    inputShape: bench.inputShape,
    flop,
    ceilings: ceilings.map(({ threads }, index) => {
      const { turns, seconds } = timesOf(runners.length + index);
      return { threads, turns, gigaflops: CEILING_FLOP / seconds / 1e9 };
    }),
    results: runners.map(({ peer, threads, error }, index) => {
      const { turns, seconds } = timesOf(index);
      return { peer, threads, turns, seconds, gigaflops: flop / seconds / 1e9, error };
    }),
    refusals,
  };
}

/** Prepares every peer that can compute the problem, and compares their outputs. */
async function prepareAll(
  problem: Problem,
  { ours, others, ceilings }: Field,
  stack: AsyncDisposableStack,
): Promise<{ runners: Runner[]; refusals: Refusal[] }> {
  const threadCounts = ceilings.map(({ threads }) => threads);
  const runners: Runner[] = [];
  const refusals: Refusal[] = [];
  const expected: Float32Array[] = [];
  const add = async (peer: Peer, threads: number) => {
    const prepared = stack.use(await peer.prepare(problem, threads));
    const output = await runOnce(prepared);
    if (peer === ours) expected.push(output);
    const error = relativeError(output, expected[0] ?? output);
    runners.push({ peer: peer.name, threads, prepared, error });
  };
  // A mistake of ours is no refusal.
  for (const threads of threadCounts) await add(ours, threads);
  for (const peer of others) {
    try {
      for (const threads of threadCounts) {
        if (threads <= peer.mostThreads) await add(peer, threads);
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      refusals.push({ peer: peer.name, reason });
    }
  }
  return { runners, refusals };
}

/** Keeps what a clock can tell, and the JSON small. */
function round(seconds: number): number {
  return Number(seconds.toPrecision(4));
}
