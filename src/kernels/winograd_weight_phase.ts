/**
 * Plans the transform of the weights.
 *
 * @module
 */

import { FLOAT_BYTES } from "../codegen/program.ts";
import type { Geometry } from "../geometry.ts";
import { product } from "./numbers.ts";
import { BUFFER, type PlanRequest } from "./plan.ts";
import { evenBlock, type PhaseBuilder } from "./tiles.ts";
import type { Layout } from "./winograd_layout.ts";
import { panelPitch } from "./winograd_product.ts";
import type { PartKernel } from "./winograd_parts.ts";
import { weightProgram } from "./winograd_weights.ts";

/** About what the transform of a kernel takes for each of its positions. */
const WEIGHT_MICROSECONDS = 0.0006;

/** What an engine tile is to take. */
const WEIGHT_TILE_MICROSECONDS = 15;

/** Adds the tiles that transform the weights of a kernel. */
export function addWeights(
  phase: PhaseBuilder,
  { geometry: g }: PlanRequest,
  { shape, groupWeights, weightStart }: Layout,
  kernel: PartKernel,
): void {
  const { target, tile, height, width } = shape;
  const reduction = shape.inChannels * g.kernel[0];
  const { channelPitch, kernelPitch, groupPitch } = weightPitches(g);
  const kernelCost = shape.positions * WEIGHT_MICROSECONDS;
  const channels = g.outChannels / g.groups;
  const { positionPitch } = shape.weight;
  const taps = kernel.heightTaps.map((row) =>
    kernel.widthTaps.map((column) => (row * g.kernel[2] + column) * FLOAT_BYTES)
  );
  const weights = { target, tile, height, width, reduction, channelPitch, kernelPitch, taps };
  phase.add(
    [
      { count: g.groups, block: 1, steps: [groupPitch, groupWeights] },
      {
        count: channels,
        block: Math.min(channels, tile.panel),
        steps: [channelPitch, panelPitch(shape) / tile.panel],
      },
      {
        count: reduction,
        block: evenBlock(
          reduction,
          g.groups * Math.ceil(channels / tile.panel),
          g.outChannels * reduction * kernelCost,
          WEIGHT_TILE_MICROSECONDS,
        ),
        steps: [kernelPitch, tile.panel * FLOAT_BYTES],
      },
    ],
    [{ buffer: BUFFER.weight, offset: 0 }, { buffer: BUFFER.packedWeight, offset: weightStart }],
    kernelCost,
    ([, channels = 1, kernels = 1]) =>
      weightProgram({ ...weights, positionPitch }, channels, kernels),
  );
}

/** Weights as `torch.nn` has them, in bytes: kernels are those of a depth tap. */
function weightPitches(
  g: Geometry,
): Readonly<Record<"channelPitch" | "kernelPitch" | "groupPitch", number>> {
  const kernel = product(g.kernel) * FLOAT_BYTES;
  const inChannels = g.inChannels / g.groups;
  const outChannels = g.outChannels / g.groups;
  const groupPitch = outChannels * inChannels * kernel;
  return g.transposed
    ? { channelPitch: kernel, kernelPitch: outChannels * kernel, groupPitch }
    : { channelPitch: inChannels * kernel, kernelPitch: kernel / g.kernel[0], groupPitch };
}
