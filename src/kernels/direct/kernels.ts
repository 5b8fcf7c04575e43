/**
 * The kernels that compute rows with pixels or with output channels in the lanes.
 *
 * @module
 */

import { mostOfTiles, type RowKernel, type TileSpace } from "../rows/tiles.ts";
import { channelLanesBlock, pixelLanesBlock } from "./blocks.ts";
import { channelLanesProgram, channelLanesScratchBytes, packedChannels } from "./channels.ts";
import type { LaneUse } from "./lanes.ts";
import { directProgram, directScratchBytes } from "./pixels.ts";

/** The kernel for some outputs whose lanes are used so, and whose weights are packed for it. */
export function rowKernel(space: TileSpace, lanes: LaneUse): RowKernel {
  const { shape } = space;
  const { target, outChannels } = shape;
  const key = JSON.stringify([lanes, shape]);
  switch (lanes) {
    case "pixels": {
      const block = pixelLanesBlock(space);
      return {
        block,
        write: (block) => directProgram(shape, block),
        scratchBytes: mostOfTiles(shape, block, (channels) => directScratchBytes(target, channels)),
        packedChannels: outChannels,
        key,
      };
    }
    case "channels":
      return {
        block: channelLanesBlock(space),
        write: (block) => channelLanesProgram(shape, block),
        scratchBytes: channelLanesScratchBytes(target),
        packedChannels: packedChannels(target, outChannels),
        key,
      };
  }
}
