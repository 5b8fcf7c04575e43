/**
 * Which transposed convolutions have their stride phases listed, with the taps of each.
 *
 * @module
 */

import { product } from "../../base/numbers.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { tapSteps } from "../../convolution/residues.ts";
import type { Problem } from "../plan.ts";

/** From so many stride phases on, and where Winograd's algorithm was asked for, each has too little to do. */
const MANY_PHASES = 64;
const TOO_MANY_PHASES = 1024;

/** More taps of an output than this are not listed. */
const MOST_LISTED_TAPS = 1024;

/** Whether the stride phases of a transposed convolution are few enough for programs of their own. */
export function hasFewPhases(
  { geometry, algorithm }: Pick<Problem, "geometry" | "algorithm">,
): boolean {
  const many = algorithm === "winograd" ? TOO_MANY_PHASES : MANY_PHASES;
  return phasesOf(geometry) < many && tapsOf(geometry) <= MOST_LISTED_TAPS;
}

function phasesOf({ stride, output }: Geometry): number {
  return product(stride.map((stride, axis) => Math.min(stride, output[axis] ?? 1)));
}

/** Taps of an output, at most. */
function tapsOf(g: Geometry): number {
  const axes = [0, 1, 2] as const;
  return product(axes.map((axis) => Math.ceil(g.kernel[axis] / tapSteps(g, axis).kernel)));
}
