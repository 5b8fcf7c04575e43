/**
 * Packing of a plan's input: the layout that suits its kernels, and the phase.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Phase } from "../../engine/work.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { isAliased } from "../common/cache.ts";
import {
  channelMajorLayout,
  type PadAxes,
  type PaddedLayout,
  padPhase,
  rowMajorLayout,
} from "./padded.ts";
import { BUFFER, type Problem } from "../plan.ts";

/** The layout of the packed input: rows of all channels together where a sum runs over them. */
export function layoutOf(axes: PadAxes, { inChannels, groups }: Geometry): PaddedLayout {
  return inChannels === groups
    ? channelMajorLayout(axes, inChannels)
    : rowMajorLayout(axes, inChannels);
}

/** The layout of an input that is used as it is. */
export const PLAIN_LAYOUT = "[batch][channel][depth][height][width], as it is";

/** Sums over fewer channels than this fit into a cache however they lie. */
const MANY_CHANNELS = 32;

/** Whether the channels of an input, as they lie, drive each other out of the cache. */
export function competesForCache({ inChannels, groups, input }: Geometry): boolean {
  const pitch = input[0] * input[1] * input[2] * FLOAT_BYTES;
  return inChannels / groups >= MANY_CHANNELS && isAliased(pitch);
}

/** Planes that are smaller than this are fetched well wherever a sum looks next. */
const FAR_PLANE_BYTES = 8 * 1024;

/**
 * Whether a sum over channels goes from one far-away plane to the next: what it needs of each comes
 * late, and is little.
 */
export function isScattered({ inChannels, groups, input }: Geometry): boolean {
  const pitch = input[0] * input[1] * input[2] * FLOAT_BYTES;
  return inChannels / groups >= MANY_CHANNELS && pitch >= FAR_PLANE_BYTES;
}

/** The phase that packs the input of a plan. */
export function padInput({ geometry, target }: Problem, layout: PaddedLayout): Phase {
  const { batch, inChannels, input, paddingMode } = geometry;
  return padPhase(
    layout,
    { batch, channels: inChannels, size: input, mode: paddingMode },
    target.lanes,
    { input: BUFFER.input, padded: BUFFER.padded },
  );
}
