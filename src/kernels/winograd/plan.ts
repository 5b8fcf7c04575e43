/**
 * Plans a convolution by Winograd's algorithm.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import { type PlanBody, planBuffers, type Problem } from "../plan.ts";
import { PhaseBuilder } from "../phase_builder.ts";
import { isInputStaged } from "./input.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { isOutputStaged } from "./output.ts";
import {
  addFused,
  addInputs,
  addMultiply,
  addOutputs,
  type AddPhase,
  addProducts,
  type KernelPlan,
} from "./phases.ts";
import { partialBytes } from "./product.ts";
import type { WinogradChoice } from "./shape.ts";
import { addWeights } from "./weight_phase.ts";
import { isWeightStaged } from "./weights.ts";

/** Plans a convolution that {@linkcode allowsWinograd}, kernel by kernel. */
export function planWinograd(problem: Problem, choices: readonly WinogradChoice[]): PlanBody {
  const kernels = kernelPlans(problem, choices);
  const preparation = new PhaseBuilder("transform weights");
  const phases: PhaseBuilder[] = [];
  for (const kernel of kernels) {
    addWeights(preparation, kernel);
    PHASES[kernel.choice.phases].forEach(([name, add], i) => {
      add(phases[i] ??= new PhaseBuilder(name), kernel);
    });
  }
  const last = kernels.at(-1);
  return {
    family: "winograd",
    inputLayout: "as it lies",
    buffers: planBuffers(
      problem,
      {
        padded: (last?.layout.end ?? 0) / FLOAT_BYTES,
        packedWeight: (last?.layout.weightEnd ?? 0) / FLOAT_BYTES,
      },
      last?.scratch.bytes ?? 0,
    ),
    preparation: [preparation.build()],
    phases: phases.map((phase) => phase.build()),
  };
}

/** The phases of a choice. Where kernels have different ones, those that come first go together. */
const PHASES: Readonly<
  Record<WinogradChoice["phases"], readonly (readonly [name: string, add: AddPhase])[]>
> = {
  1: [["convolve", addFused]],
  2: [["transform input", addInputs], ["multiply", addMultiply]],
  3: [["transform input", addInputs], ["products", addProducts], ["transform output", addOutputs]],
};

/** The kernels one behind the other in memory, but for the scratch memory, which they share. */
function kernelPlans(problem: Problem, choices: readonly WinogradChoice[]): KernelPlan[] {
  const kernels: KernelPlan[] = [];
  for (const choice of choices) {
    const last = kernels.at(-1)?.layout;
    const start = { transformed: last?.end ?? 0, weight: last?.weightEnd ?? 0 };
    const layout = layoutOf(problem, choice, start);
    const scratch = scratchOf(layout, choice);
    kernels.push({ geometry: problem.geometry, layout, choice, scratch });
  }
  const bytes = kernels.reduce((most, { scratch }) => Math.max(most, scratch.bytes), 0);
  return kernels.map((kernel) => ({ ...kernel, scratch: { ...kernel.scratch, bytes } }));
}

/**
 * The transformed input if it stays with the thread, the products, and behind them their partial sums, then
 * the stage of the transform of the output. That of the input is where the products will be.
 */
function scratchOf(
  { shape, blockPitch }: Layout,
  { phases, outChannels }: WinogradChoice,
): KernelPlan["scratch"] {
  const products = phases === 1 ? blockPitch : 0;
  const vectorBytes = shape.target.lanes * FLOAT_BYTES;
  const isStaged = isInputStaged(shape) || isOutputStaged(shape) || isWeightStaged(shape);
  const stage = isStaged ? shape.positions * vectorBytes : 0;
  const behind = Math.max(partialBytes(shape), stage);
  if (phases === 3) return { products, bytes: behind };
  // The last vector of a row of tiles may reach into the next, and behind the last row.
  const bytes = products + outChannels * shape.products.channelPitch + vectorBytes + behind;
  return { products, bytes };
}
