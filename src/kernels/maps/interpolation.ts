/**
 * Elements between two neighbours along an axis.
 *
 * @module
 */

import type { Target } from "../../codegen/target.ts";
import { product } from "../../base/numbers.ts";
import { PhaseBuilder } from "../phase_builder.ts";
import { addElements } from "./elements.ts";
import { BLEND } from "./formulas.ts";
import { MOST_RUNS, sourceRuns } from "./source_runs.ts";
import { type MapWork, mapWork } from "./work.ts";

/** What lies between which elements. */
export interface Interpolation {
  readonly shape: readonly number[];
  readonly axis: number;
  /** For each output the elements that it lies between, and how much of it comes from the second. */
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly share: Float32Array;
}

const [INPUT, OUTPUT, SHARE] = [0, 1, 2];

/** Plans an interpolation; `null` if the places have too little order. */
export function planInterpolation(
  { shape, axis, first, second, share }: Interpolation,
  target: Target,
): MapWork | null {
  // Where both stop at the end, their sum goes on by another step.
  const runs = sourceRuns(first.map((index, i) => index + (second[i] ?? 0)));
  if (runs.length > MOST_RUNS) return null;
  const outer = product(shape.slice(0, axis));
  const inner = product(shape.slice(axis + 1));
  const [size, outputs] = [shape[axis] ?? 1, share.length];
  const phase = new PhaseBuilder("interpolation");
  for (const { start, count, repeats } of runs) {
    const walk = (indices: Int32Array) => {
      const at = indices[start] ?? 0;
      const step = count === 1 ? 0 : (indices[start + repeats] ?? 0) - at;
      return { buffer: INPUT, start: at * inner, steps: [size * inner, step * inner, 0, 1] };
    };
    addElements(phase, {
      name: "interpolation",
      shape: [outer, count, repeats, inner],
      inputs: [
        walk(first),
        walk(second),
        { buffer: SHARE, start, steps: [0, repeats, 1, 0] },
      ],
      output: {
        buffer: OUTPUT,
        start: start * inner,
        steps: [outputs * inner, repeats * inner, inner, 1],
      },
      formula: BLEND,
    }, target);
  }
  const numbers = { name: "shares", bytes: share.byteLength, numbers: share };
  return mapWork([product(shape)], outer * outputs * inner, [phase.build()], [numbers]);
}
