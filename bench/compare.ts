import { median } from "../src/cli/report.ts";
import type { Backend } from "./backends.ts";
import type { Ceiling } from "./ceiling.ts";
import type { BenchLayer, Kind } from "./layers.ts";
import { type Peer, type Prepared, runOnce } from "./peers/peer.ts";
import type { Tileconv } from "./peers/tileconv.ts";
import { type Problem, problemOf } from "./problem.ts";
import { relativeError } from "../src/convolution/formula.ts";
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
  /** The largest difference from the output of our first backend in proportion to its largest value. */
  readonly error: number;
}

/** The ceiling of a backend as it was between the turns of one layer. */
export interface CeilingResult {
  readonly backend: Backend;
  readonly threads: number;
  /** How many floating-point operations a call has. */
  readonly flop: number;
  /** The seconds of a call, turn by turn. */
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
  /** The family of kernels of each backend of ours that took part. */
  readonly families: Readonly<Partial<Record<Backend, string>>>;
  readonly inputShape: readonly number[];
  /** As the formula counts them, whatever a peer really does. */
  readonly flop: number;
  readonly ceilings: readonly CeilingResult[];
  readonly results: readonly Result[];
  readonly refusals: readonly Refusal[];
}

/** Who takes part. */
export interface Field {
  /** Our backends; all others must agree with the first. */
  readonly ours: readonly Tileconv[];
  readonly others: readonly Peer[];
  readonly threadCounts: readonly number[];
  /** One for each backend and number of threads. */
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
    families: await familiesOf(bench, ours),
    inputShape: bench.inputShape,
    flop,
    ceilings: ceilings.map(({ backend, threads, flop }, index) => {
      const { turns, seconds } = timesOf(runners.length + index);
      return { backend, threads, flop, turns, gigaflops: flop / seconds / 1e9 };
    }),
    results: runners.map(({ peer, threads, error }, index) => {
      const { turns, seconds } = timesOf(index);
      return { peer, threads, turns, seconds, gigaflops: flop / seconds / 1e9, error };
    }),
    refusals,
  };
}

async function familiesOf(
  bench: BenchLayer,
  ours: readonly Tileconv[],
): Promise<LayerResult["families"]> {
  const families: Partial<Record<Backend, string>> = {};
  for (const peer of ours) families[peer.backend] = await peer.familyOf(bench);
  return families;
}

/** Prepares every peer that can compute the problem, and compares their outputs. */
async function prepareAll(
  problem: Problem,
  { ours, others, threadCounts }: Field,
  stack: AsyncDisposableStack,
): Promise<{ runners: Runner[]; refusals: Refusal[] }> {
  const runners: Runner[] = [];
  const refusals: Refusal[] = [];
  let expected: Float32Array | null = null;
  const add = async (peer: Peer, threads: number) => {
    const prepared = stack.use(await peer.prepare(problem, threads));
    const output = await runOnce(prepared);
    expected ??= output;
    const error = relativeError(output, expected);
    runners.push({ peer: peer.name, threads, prepared, error });
  };
  // A mistake of ours is no refusal.
  for (const peer of ours) {
    for (const threads of threadCounts) await add(peer, threads);
  }
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
export function round(seconds: number): number {
  return Number(seconds.toPrecision(4));
}
