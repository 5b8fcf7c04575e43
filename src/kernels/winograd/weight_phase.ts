/**
 * Plans the transform of the weights.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { product } from "../../base/numbers.ts";
import { BUFFER } from "../plan.ts";
import { evenBlock, type PhaseBuilder } from "../phase_builder.ts";
import type { KernelTaps } from "./parts.ts";
import type { KernelPlan } from "./phases.ts";
import { channelWeights } from "./product.ts";
import { weightParameters, weightProgram } from "./weights.ts";

/** About what the transform of a kernel takes for each of its positions. */
const WEIGHT_MICROSECONDS = 0.0006;

/** What an engine tile is to take. */
const WEIGHT_TILE_MICROSECONDS = 15;

/** Adds the tiles that transform the weights of a kernel, term by term. */
export function addWeights(
  phase: PhaseBuilder,
  { geometry: g, layout: { shape, groupWeights, weightStart }, choice, scratch }: KernelPlan,
): void {
  const { target, tile, height, width } = shape;
  const { positionPitch } = shape.weight;
  const { channelPitch, kernelPitch, groupPitch } = weightPitches(g);
  const reduction = shape.inChannels * g.kernel[0];
  const weights = {
    target,
    tile,
    height,
    width,
    reduction,
    channelPitch,
    kernelPitch,
    positionPitch,
  };
  const kernels = shape.groupChannels * g.kernel[0];
  const kernelCost = shape.positions * WEIGHT_MICROSECONDS;
  const channels = g.outChannels / g.groups;
  const panelKernel = tile.panel * FLOAT_BYTES;
  termTaps(g, choice.kernel.taps).forEach((taps, term) => {
    phase.addBox({
      parameters: weightParameters(shape),
      axes: {
        groups: { count: g.groups, steps: { weight: groupPitch, result: groupWeights } },
        channels: {
          count: channels,
          block: Math.min(channels, tile.panel),
          steps: { weight: channelPitch, result: channelWeights(shape) },
        },
        kernels: {
          count: kernels,
          block: evenBlock(
            kernels,
            g.groups * Math.ceil(channels / tile.panel),
            g.outChannels * kernels * kernelCost,
            WEIGHT_TILE_MICROSECONDS,
          ),
          steps: { weight: kernelPitch, result: panelKernel },
        },
      },
      bases: {
        weight: { buffer: BUFFER.weight, offset: 0 },
        result: { buffer: BUFFER.packedWeight, offset: weightStart + term * kernels * panelKernel },
        stage: { buffer: BUFFER.scratch, offset: 0, threadStep: scratch.bytes },
      },
      itemCost: kernelCost,
      write: ({ channels, kernels }) => weightProgram({ ...weights, taps }, channels, kernels),
    });
  });
}

/** For each term, where the rows and columns of its taps are in a kernel; `null` for those that it lacks. */
function termTaps(g: Geometry, { height, width }: KernelTaps): (number | null)[][][] {
  const place = (row: number | null, column: number | null) =>
    row === null || column === null ? null : (row * g.kernel[2] + column) * FLOAT_BYTES;
  return height.flatMap((rows) =>
    width.map((columns) => rows.map((row) => columns.map((column) => place(row, column))))
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
