import { median } from "../src/base/numbers.ts";
import type { Backend } from "./backends.ts";
import type { Ceiling } from "./ceiling.ts";
import type { BenchLayer, Kind } from "./layers.ts";
import { type Peer, type Prepared, runOnce } from "./peers/peer.ts";
import type { Tileconv } from "./peers/tileconv.ts";
import { type Problem, problemOf } from "./problem.ts";
import { relativeError } from "../src/convolution/formula.ts";
import { type Contestant, takeTurns } from "./turns.ts";

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

/** A peer that cannot compute a problem. */
export interface Refusal {
  readonly peer: string;
  readonly reason: string;
}

/** One row of the tables. */
export interface Row extends Comparison {
  readonly name: string;
  readonly inputShape: readonly number[];
  /** As the formula counts them, whatever a peer really does. */
  readonly flop: number;
}

/** What came of comparing those that compute a problem. */
export interface Comparison {
  readonly ceilings: readonly CeilingResult[];
  readonly results: readonly Result[];
  readonly refusals: readonly Refusal[];
}

/** The row of a layer. */
export interface LayerResult extends Row {
  readonly kind: Kind;
  /** The family of kernels of each backend of ours that took part. */
  readonly families: Readonly<Partial<Record<Backend, string>>>;
}

/** Who takes part. */
export interface Field<Given> {
  /** Our backends; all others must agree with the first. */
  readonly ours: readonly Peer<Given>[];
  readonly others: readonly Peer<Given>[];
  readonly threadCounts: readonly number[];
  /** One for each backend and number of threads. */
  readonly ceilings: readonly Ceiling[];
}

/** Who takes part where layers are compared. */
export interface LayerField extends Field<Problem> {
  readonly ours: readonly Tileconv[];
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
  field: LayerField,
  seconds: number,
): Promise<LayerResult> {
  const problem = problemOf(bench);
  return {
    name: bench.name,
    kind: bench.kind,
    families: await familiesOf(bench, field.ours),
    inputShape: bench.inputShape,
    flop: problem.flop,
    ...await compare(problem, field, (contestants) => takeTurns(contestants, seconds)),
  };
}

/**
 * Times a problem on every peer with every number of threads, and the ceilings.
 *
 * @param problem What is computed.
 * @param field Who takes part.
 * @param time Gives the seconds of a call in each turn of each contestant.
 */
export async function compare<Given extends { readonly flop: number }>(
  problem: Given,
  field: Field<Given>,
  time: (contestants: readonly Contestant[]) => Promise<readonly (readonly number[])[]>,
): Promise<Comparison> {
  const { flop } = problem;
  const { ceilings } = field;
  await using stack = new AsyncDisposableStack();
  const { runners, refusals } = await prepareAll(problem, field, stack);
  const times = await time([
    ...runners.map(({ prepared }) => () => prepared.run()),
    ...ceilings.map((ceiling) => () => ceiling.run()),
  ]);
  const timesOf = (index: number) => {
    const turns = (times[index] ?? []).map(round);
    return { turns, seconds: median(turns) };
  };
  return {
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
async function prepareAll<Given>(
  problem: Given,
  { ours, others, threadCounts }: Field<Given>,
  stack: AsyncDisposableStack,
): Promise<{ runners: Runner[]; refusals: Refusal[] }> {
  const runners: Runner[] = [];
  const refusals: Refusal[] = [];
  let expected: Float32Array | null = null;
  const add = async (peer: Peer<Given>, threads: number) => {
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
