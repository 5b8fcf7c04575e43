import { Tensor } from "../../mod.ts";
import type { BenchLayer } from "../layers.ts";
import { type Problem, problemOf } from "../problem.ts";

/** A layer to be trained: its values, and the gradient of its output. */
export interface TrainingProblem extends Problem {
  readonly bias: Float32Array;
  readonly outputShape: readonly number[];
  readonly gradient: Float32Array;
}

const GRADIENT_SEED = 3;

/** Draws the values of a layer that is to be trained. */
export function trainingProblemOf(bench: BenchLayer): TrainingProblem {
  const problem = problemOf(bench);
  const outputShape = bench.build({}).outputShape(bench.inputShape);
  return {
    ...problem,
    bias: problem.bias ?? new Float32Array(problem.geometry.outChannels),
    outputShape,
    gradient: Tensor.randn(outputShape, { seed: GRADIENT_SEED }).data,
  };
}

/** What comes of a step: an output and the gradients of the operands. */
export const VALUES = ["output", "input", "weight", "bias"] as const;

/** The values of each of {@linkcode VALUES}. */
export type StepValues = Readonly<Record<(typeof VALUES)[number], Float32Array>>;
