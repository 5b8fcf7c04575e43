/**
 * What a network does for inputs of some shapes, step by step, in words and figures.
 *
 * @module
 */

import { multiplyAdds } from "../convolution/geometry.ts";
import type { Engine } from "../engine/engine.ts";
import { explain } from "../execution/explain.ts";
import type { Family } from "../kernels/plan.ts";
import type { Convolution, Lowered, NetworkStep } from "./graph/steps.ts";

/** How a network computes inputs of some shapes. */
export interface NetworkExplanation {
  /** What is done, in order. */
  readonly steps: readonly ExplainedStep[];
  /** Multiply-adds of all convolutions, by their definition. */
  readonly multiplyAdds: number;
  /** Bytes of what steps leave for others, as far as it is alive at the same time. */
  readonly bytes: number;
}

/** One step. */
export interface ExplainedStep {
  /** The operators that it does, such as `Conv + Relu`. */
  readonly operator: string;
  /** The name of the first one's node. */
  readonly node: string;
  /** The shape of what it makes. */
  readonly shape: readonly number[];
  /** The kernels of a convolution; `null` for other operators. */
  readonly family: Family | "none" | null;
  /** Multiply-adds of a convolution, by its definition; 0 for other operators. */
  readonly multiplyAdds: number;
}

/** Explains the steps. */
export function explainSteps(
  engine: Engine,
  { steps }: Lowered,
  bytes: number,
): NetworkExplanation {
  const explained = steps.map((step) => explainStep(engine, step));
  const work = explained.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0);
  return { steps: explained, multiplyAdds: work, bytes };
}

function explainStep(engine: Engine, step: NetworkStep): ExplainedStep {
  const { operator, node, shape } = step;
  if (step.kind !== "convolution") {
    return { operator, node, shape, family: null, multiplyAdds: 0 };
  }
  return {
    operator,
    node,
    shape,
    family: familyOf(engine, step),
    multiplyAdds: multiplyAdds(step.geometry),
  };
}

function familyOf(engine: Engine, { geometry, weights, activation, add }: Convolution) {
  const form = {
    pass: "forward",
    hasBias: weights.bias !== null,
    epilogue: { ...activation, add: add !== null },
    algorithm: "auto",
  } as const;
  return explain(engine, geometry, form, {}).family;
}
