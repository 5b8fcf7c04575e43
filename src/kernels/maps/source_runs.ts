/**
 * Order in what is chosen along an axis.
 *
 * @module
 */

/** Elements along an axis that are evenly spaced where they come from, each perhaps several times. */
export interface SourceRun {
  readonly start: number;
  /** The first index, `null` for none. */
  readonly first: number | null;
  readonly count: number;
  readonly step: number;
  readonly repeats: number;
}

/** More of them take longer to prepare than to do without. */
export const MOST_RUNS = 128;

/** Cuts the indices of an axis into runs. */
export function sourceRuns(indices: Int32Array): SourceRun[] {
  const runs: SourceRun[] = [];
  for (let start = 0; start < indices.length;) {
    const run = runAt(indices, start);
    runs.push(run);
    start += run.count * run.repeats;
  }
  return runs;
}

function runAt(indices: Int32Array, start: number): SourceRun {
  const first = indices[start] ?? -1;
  const repeats = repeatsAt(indices, start);
  if (first < 0) return { start, first: null, count: repeats, step: 0, repeats: 1 };
  const next = indices[start + repeats] ?? -1;
  const step = next - first;
  let count = 1;
  const isNext = (at: number) =>
    next >= 0 && indices[at] === first + count * step && repeatsAt(indices, at) === repeats;
  while (isNext(start + count * repeats)) count++;
  return { start, first, count, step: count === 1 ? 0 : step, repeats };
}

/** How often an index comes one after the other. */
function repeatsAt(indices: Int32Array, start: number): number {
  let end = start + 1;
  while (end < indices.length && indices[end] === indices[start]) end++;
  return end - start;
}
