/**
 * Plans the transform of the weights.
 *
 * @module
 */

import { FLOAT_BYTES } from "../codegen/program.ts";
import type { Phase } from "../engine/work.ts";
import { BUFFER, type PlanRequest } from "./plan.ts";
import { evenBlock, PhaseBuilder } from "./tiles.ts";
import type { Layout } from "./winograd_layout.ts";
import { panelPitch } from "./winograd_product.ts";
import { weightProgram } from "./winograd_weights.ts";

/** About what the transform of a kernel takes for each of its positions. */
const WEIGHT_MICROSECONDS = 0.0006;

/** What an engine tile is to take. */
const WEIGHT_TILE_MICROSECONDS = 15;

/** The phase that transforms the weights. */
export function weightPhase({ geometry: g }: PlanRequest, { shape, groupWeights }: Layout): Phase {
  const { target, tile, height, width } = shape;
  const phase = new PhaseBuilder("transform weights");
  const reduction = shape.inChannels * g.kernel[0];
  const channelPitch = reduction * height.taps * width.taps * FLOAT_BYTES;
  const kernelCost = shape.positions * WEIGHT_MICROSECONDS;
  const channels = g.outChannels / g.groups;
  const { positionPitch } = shape.weight;
  phase.add(
    [
      { count: g.groups, block: 1, steps: [channels * channelPitch, groupWeights] },
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
        steps: [height.taps * width.taps * FLOAT_BYTES, tile.panel * FLOAT_BYTES],
      },
    ],
    [{ buffer: BUFFER.weight, offset: 0 }, { buffer: BUFFER.packedWeight, offset: 0 }],
    kernelCost,
    ([, channels = 1, kernels = 1]) =>
      weightProgram({ target, tile, height, width, reduction, positionPitch }, channels, kernels),
  );
  return phase.build();
}
