/**
 * Copies tensors one behind the other along an axis.
 *
 * @module
 */

import type { Target } from "../../codegen/target.ts";
import { product } from "../../base/numbers.ts";
import { PhaseBuilder } from "../phase_builder.ts";
import { rowMajorSteps } from "./axes.ts";
import { addElements } from "./elements.ts";
import { SAME } from "./formulas.ts";
import { type MapWork, mapWork } from "./work.ts";

/** Plans a concatenation of tensors that are equal but for one axis. */
export function planConcatenation(
  shapes: readonly (readonly number[])[],
  axis: number,
  target: Target,
): MapWork {
  const sizes = shapes.map((shape) => shape[axis] ?? 0);
  const whole = shapes[0]?.with(axis, sizes.reduce((a, b) => a + b, 0)) ?? [];
  const steps = rowMajorSteps(whole);
  const phase = new PhaseBuilder("concatenation");
  let start = 0;
  for (const [buffer, shape] of shapes.entries()) {
    addElements(phase, {
      name: "copy",
      shape,
      inputs: [{ buffer, start: 0, steps: rowMajorSteps(shape) }],
      output: { buffer: shapes.length, start, steps },
      formula: SAME,
    }, target);
    start += (shape[axis] ?? 0) * (steps[axis] ?? 0);
  }
  return mapWork(shapes.map(product), product(whole), [phase.build()]);
}
