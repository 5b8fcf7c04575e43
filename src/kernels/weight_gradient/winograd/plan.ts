/**
 * Plans the gradient of weights by Winograd's algorithm.
 *
 * @module
 */

import { product } from "../../../base/numbers.ts";
import { PhaseBuilder } from "../../phase_builder.ts";
import { FLOAT_BYTES } from "../../../codegen/program.ts";
import { type PlanBody, planBuffers, type Problem } from "../../plan.ts";
import { isInputStaged } from "../../winograd/input.ts";
import { addInputs } from "../../winograd/phases.ts";
import type { TilePlane } from "../../winograd/shape.ts";
import { collectPhase } from "../collect.ts";
import { panelPhase } from "../panels.ts";
import { PIXEL_AXES } from "../shape.ts";
import { addGradients, gradientStageBytes } from "./gradient.ts";
import { winogradGradient } from "./shape.ts";
import { addSums, sumBytes } from "./sums.ts";
import { winogradTiling } from "./tiling.ts";

/**
 * Plans it with some tiles.
 *
 * @param problem What is to be computed.
 * @param geometry The convolution whose weights they are.
 */
export function planWinogradGradient(
  problem: Problem,
  geometry: Problem["geometry"],
  plane: TilePlane,
): PlanBody {
  const { target } = problem;
  const gradient = winogradGradient({ ...problem, geometry }, plane);
  const { input, sums, weights, result } = gradient;
  const tiling = winogradTiling(gradient);
  const inputStage = isInputStaged(input.layout.shape)
    ? gradient.positions * target.lanes * FLOAT_BYTES
    : 0;
  const bytes = Math.max(inputStage, gradientStageBytes(gradient), sumBytes(gradient, tiling));
  const inputs = new PhaseBuilder("transform input");
  addInputs(inputs, { ...input, scratch: { products: 0, bytes } });
  const gradients = new PhaseBuilder("transform gradient");
  addGradients(gradients, gradient, bytes);
  const all = new PhaseBuilder("weight gradient");
  addSums(all, gradient, tiling, bytes);
  const phases = [
    inputs.build(),
    panelPhase(target, {
      items: geometry.batch,
      groups: geometry.groups,
      channels: sums.outChannels,
      pixels: product(geometry.output),
      panel: result.sumChannels,
    }),
    gradients.build(),
    all.build(),
  ];
  if (tiling.result === "part") {
    const parts = PIXEL_AXES.map((axis) => tiling.parts[axis]);
    phases.push(collectPhase(weights, result, geometry.groups, parts));
  }
  return {
    family: "weight-gradient",
    inputLayout: "as it lies",
    buffers: planBuffers(problem, {
      padded: input.layout.end / FLOAT_BYTES,
      packedWeight: gradient.gradientElements,
      partialSums: tiling.partElements,
    }, bytes),
    preparation: [],
    phases,
  };
}
