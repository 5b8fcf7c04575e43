/**
 * Copies elements that are chosen along each axis by itself.
 *
 * @module
 */

import type { ProgramBuilder } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { product } from "../../base/numbers.ts";
import { PhaseBuilder } from "../phase_builder.ts";
import { rowMajorSteps } from "./axes.ts";
import { addElements } from "./elements.ts";
import { type Formula, SAME } from "./formulas.ts";
import { type MapWork, mapWork } from "./work.ts";

/** What is chosen. */
export interface Choice {
  readonly shape: readonly number[];
  /** For each axis the indices that are taken, in their order; -1 for none. */
  readonly sources: readonly Int32Array[];
  /** What stands where there is none. */
  readonly filling: number;
}

/** Elements along an axis that are evenly spaced where they come from, each perhaps several times. */
interface SourceRun {
  readonly start: number;
  /** The first index, `null` for none. */
  readonly first: number | null;
  readonly count: number;
  readonly step: number;
  readonly repeats: number;
}

/** More boxes than this take longer to prepare than to do without. */
const MOST_BOXES = 128;

/** Plans a choice; `null` if it has too little order. */
export function planChoice({ shape, sources, filling }: Choice, target: Target): MapWork | null {
  const runs = sources.map(sourceRuns);
  if (product(runs.map(({ length }) => length)) > MOST_BOXES) return null;
  const outputs = sources.map(({ length }) => length);
  const [from, to] = [rowMajorSteps(shape), rowMajorSteps(outputs)];
  const phase = new PhaseBuilder("choice");
  for (const box of cartesian(runs)) {
    const isThere = box.every(({ first }) => first !== null);
    const outer = (steps: readonly number[], of: (run: SourceRun) => number) =>
      box.reduce((sum, run, axis) => sum + of(run) * (steps[axis] ?? 0), 0);
    const each = (of: (run: SourceRun, axis: number) => number[]) => box.flatMap(of);
    addElements(phase, {
      name: isThere ? "choice" : `filling ${filling}`,
      shape: each(({ count, repeats }) => [count, repeats]),
      inputs: isThere
        ? [{
          buffer: 0,
          start: outer(from, ({ first }) => first ?? 0),
          steps: each(({ step }, axis) => [step * (from[axis] ?? 0), 0]),
        }]
        : [],
      output: {
        buffer: 1,
        start: outer(to, ({ start }) => start),
        steps: each(({ repeats }, axis) => [repeats * (to[axis] ?? 0), to[axis] ?? 0]),
      },
      formula: isThere ? SAME : always(filling),
    }, target);
  }
  return mapWork([product(shape)], product(outputs), [phase.build()]);
}

function always(value: number): Formula {
  return (code: ProgramBuilder) => {
    const register = code.register();
    code.constant(register, value);
    return () => register;
  };
}

function sourceRuns(indices: Int32Array): SourceRun[] {
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

function cartesian<T>(lists: readonly (readonly T[])[]): T[][] {
  return lists.reduce<T[][]>(
    (heads, list) => heads.flatMap((head) => list.map((item) => [...head, item])),
    [[]],
  );
}
