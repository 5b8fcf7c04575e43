/**
 * Copies elements that are chosen along each axis by itself.
 *
 * @module
 */

import type { Target } from "../../codegen/target.ts";
import { product } from "../../base/numbers.ts";
import { PhaseBuilder } from "../phase_builder.ts";
import { rowMajorSteps } from "./axes.ts";
import { addElements } from "./elements.ts";
import { constant, type Formula, SAME } from "./formulas.ts";
import { MOST_RUNS, type SourceRun, sourceRuns } from "./source_runs.ts";
import { type MapWork, mapWork } from "./work.ts";

/** What is chosen. */
export interface Choice {
  readonly shape: readonly number[];
  /** For each axis the indices that are taken, in their order; -1 for none. */
  readonly sources: readonly Int32Array[];
  /** What stands where there is none. */
  readonly filling: number;
}

/** Plans a choice; `null` if it has too little order. */
export function planChoice({ shape, sources, filling }: Choice, target: Target): MapWork | null {
  const runs = sources.map(sourceRuns);
  if (product(runs.map(({ length }) => length)) > MOST_RUNS) return null;
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
  return (code) => constant(code, value);
}

function cartesian<T>(lists: readonly (readonly T[])[]): T[][] {
  return lists.reduce<T[][]>(
    (heads, list) => heads.flatMap((head) => list.map((item) => [...head, item])),
    [[]],
  );
}
