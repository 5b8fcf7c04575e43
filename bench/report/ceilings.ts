import { median } from "../../src/base/numbers.ts";
import { type Backend, type BackendTarget, countThreads, describeTarget } from "../backends.ts";
import type { CeilingResult } from "../compare.ts";

/** A row of any table: the ceilings as they were between its turns. */
interface Row {
  readonly ceilings: readonly CeilingResult[];
}

/** What a row of the tables is about. */
export type RowKind = "layer" | "network";

/** Says which code and how many threads a table is about, and what the machine could do meanwhile. */
export function formatHeading(
  rows: readonly Row[],
  target: BackendTarget,
  threads: number,
  what: RowKind = "layer",
): string {
  const ceilings = ceilingsOf(rows, target.backend, threads);
  const [middle, low, high] = [median(ceilings), Math.min(...ceilings), Math.max(...ceilings)]
    .map((gigaflops) => gigaflops.toFixed(1));
  return `${describeTarget(target)}, ${countThreads(threads)}; ceiling ${middle} GFLOP/s ` +
    `(${low} to ${high} from ${what} to ${what})`;
}

/** The ceilings of a backend between the turns of all layers, in GFLOP/s. */
function ceilingsOf(rows: readonly Row[], backend: Backend, threads: number): readonly number[] {
  return rows.flatMap(({ ceilings }) =>
    ceilings
      .filter((ceiling) => ceiling.backend === backend && ceiling.threads === threads)
      .map(({ gigaflops }) => gigaflops)
  );
}

/** The ceiling is the machine's, not the layer's: on an idle machine it hardly moves. */
const MOST_SPREAD = 1.25;

/** What is to be said where the machine had other work; nothing where it had none. */
export function formatDisturbance(
  rows: readonly Row[],
  backends: readonly BackendTarget[],
  threadCounts: readonly number[],
  what: RowKind = "layer",
): string[] {
  const spreads = backends.flatMap(({ backend }) =>
    threadCounts.flatMap((threads) => {
      const ceilings = ceilingsOf(rows, backend, threads);
      return ceilings.length === 0 ? [] : [Math.max(...ceilings) / Math.min(...ceilings)];
    })
  );
  const spread = Math.max(...spreads);
  if (spread <= MOST_SPREAD) return [];
  return [
    `The machine had other work: its ceiling changed by a factor of ${
      spread.toFixed(1)
    } from ${what} to ` +
    `${what}. Ratios between peers are more reliable than times, and shares of the ceiling (which is ` +
    "timed in short turns) less; several threads find no free cores. Repeat the run on an idle machine.",
  ];
}
