/**
 * Plans the transform of the weights.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { product } from "../../base/numbers.ts";
import { BUFFER, type Problem } from "../plan.ts";
import { evenBlock, type PhaseBuilder } from "../phase_builder.ts";
import type { Layout } from "./layout.ts";
import { panelPitch } from "./product.ts";
import type { KernelTaps, PartKernel } from "./parts.ts";
import { isWeightStaged, weightProgram } from "./weights.ts";

/** About what the transform of a kernel takes for each of its positions. */
const WEIGHT_MICROSECONDS = 0.0006;

/** What an engine tile is to take. */
const WEIGHT_TILE_MICROSECONDS = 15;

/** Adds the tiles that transform the weights of a kernel, term by term. */
export function addWeights(
  phase: PhaseBuilder,
  { geometry: g }: Problem,
  { shape, groupWeights, weightStart }: Layout,
  kernel: PartKernel,
  scratchBytes: number,
): void {
  const { target, tile, height, width } = shape;
  const reduction = shape.inChannels * g.kernel[0];
  const termKernels = shape.groupChannels * g.kernel[0];
  const { channelPitch, kernelPitch, groupPitch } = weightPitches(g);
  const kernelCost = shape.positions * WEIGHT_MICROSECONDS;
  const channels = g.outChannels / g.groups;
  const { positionPitch } = shape.weight;
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
  termTaps(g, kernel.taps).forEach((taps, term) => {
    const start = weightStart + term * termKernels * tile.panel * FLOAT_BYTES;
    phase.add(
      [
        { count: g.groups, block: 1, steps: [groupPitch, groupWeights] },
        {
          count: channels,
          block: Math.min(channels, tile.panel),
          steps: [channelPitch, panelPitch(shape) / tile.panel],
        },
        {
          count: termKernels,
          block: evenBlock(
            termKernels,
            g.groups * Math.ceil(channels / tile.panel),
            g.outChannels * termKernels * kernelCost,
            WEIGHT_TILE_MICROSECONDS,
          ),
          steps: [kernelPitch, tile.panel * FLOAT_BYTES],
        },
      ],
      [
        { buffer: BUFFER.weight, offset: 0 },
        { buffer: BUFFER.packedWeight, offset: start },
        ...isWeightStaged(shape)
          ? [{ buffer: BUFFER.scratch, offset: 0, threadStep: scratchBytes }]
          : [],
      ],
      kernelCost,
      ([, channels = 1, kernels = 1]) => weightProgram({ ...weights, taps }, channels, kernels),
    );
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
