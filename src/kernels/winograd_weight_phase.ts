/**
 * Plans the transform of the weights.
 *
 * @module
 */

import { FLOAT_BYTES } from "../codegen/program.ts";
import type { Phase } from "../engine/work.ts";
import { BUFFER, type PlanRequest } from "./plan.ts";
import { PhaseBuilder } from "./tiles.ts";
import type { Layout } from "./winograd_layout.ts";
import { panelPitch } from "./winograd_product.ts";
import { weightProgram } from "./winograd_weights.ts";

/** About what the transform of a kernel takes for each of its positions. */
const WEIGHT_MICROSECONDS = 0.0006;

/** Weights that one tile of the preparation transforms. */
const WEIGHT_TILE_BYTES = 64 * 1024;

/** The phase that transforms the weights. */
export function weightPhase({ geometry: g }: PlanRequest, { shape, groupWeights }: Layout): Phase {
  const { target, tile, height, width } = shape;
  const phase = new PhaseBuilder("transform weights");
  const reduction = shape.inChannels * g.kernel[0];
  const channelPitch = reduction * height.taps * width.taps * FLOAT_BYTES;
  const channels = g.outChannels / g.groups;
  const panels = Math.floor(WEIGHT_TILE_BYTES / (tile.panel * channelPitch));
  const { positionPitch } = shape.weight;
  phase.add(
    [
      { count: g.groups, block: 1, steps: [channels * channelPitch, groupWeights] },
      {
        count: channels,
        block: Math.min(channels, Math.max(1, panels) * tile.panel),
        steps: [channelPitch, panelPitch(shape) / tile.panel],
      },
    ],
    [{ buffer: BUFFER.weight, offset: 0 }, { buffer: BUFFER.packedWeight, offset: 0 }],
    reduction * shape.positions * WEIGHT_MICROSECONDS,
    ([, channels = 1]) =>
      weightProgram({ target, tile, height, width, reduction, positionPitch }, channels),
  );
  return phase.build();
}
