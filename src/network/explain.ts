/**
 * What a network does for inputs of some shapes, step by step, in words and figures.
 *
 * @module
 */

import { type Geometry, multiplyAdds } from "../convolution/geometry.ts";
import { product } from "../base/numbers.ts";
import { type Engine, runtimeOf } from "../engine/engine.ts";
import { explain } from "../execution/explain.ts";
import { planFor } from "../kernels/choose.ts";
import { type Family, type Form, planBytes } from "../kernels/plan.ts";
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
  /**
   * Bytes of shared memory that the kernels of a convolution take besides what it reads and makes, in one piece; 0 for
   * other operators.
   */
  readonly kernelBytes: number;
}

/** What is said of the convolution of a step. */
type ExplainedKernels = Pick<ExplainedStep, "family" | "multiplyAdds" | "kernelBytes">;

/** What is said of a step that is none. */
const NO_KERNELS: ExplainedKernels = { family: null, multiplyAdds: 0, kernelBytes: 0 };

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
  const kernels = step.kind === "convolution" ? explainKernels(engine, step) : NO_KERNELS;
  return { operator, node, shape, ...kernels };
}

function explainKernels(
  engine: Engine,
  { geometry, weights, activation, add }: Convolution,
): ExplainedKernels {
  const form = {
    pass: "forward",
    hasBias: weights.bias !== null,
    epilogue: { ...activation, add: add !== null },
    algorithm: "auto",
  } as const;
  const { family } = explain(engine, geometry, form, {});
  return {
    family,
    multiplyAdds: multiplyAdds(geometry),
    kernelBytes: family === "none" ? 0 : kernelBytes(engine, geometry, form),
  };
}

function kernelBytes(engine: Engine, geometry: Geometry, form: Form): number {
  const { target, threads } = runtimeOf(engine);
  const bytes = planBytes(planFor({ geometry, ...form, target }), threads);
  return Math.max(0, bytes - operandBytes(geometry, form.epilogue.add));
}

/** What the values take that a convolution reads and makes. */
function operandBytes(geometry: Geometry, isAdding: boolean): number {
  const { batch, inChannels, input, outChannels, output } = geometry;
  const outputs = outChannels * product(output) * (isAdding ? 2 : 1);
  return batch * (inChannels * product(input) + outputs) * Float32Array.BYTES_PER_ELEMENT;
}
