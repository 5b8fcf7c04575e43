/**
 * The kernels that compute rows with pixels or with output channels in the lanes.
 *
 * @module
 */

import type { RowShape } from "../rows/shape.ts";
import type { RowKernel, TileSpace } from "../rows/tiles.ts";
import { channelLanesBlock, pixelLanesBlock } from "./blocks.ts";
import { channelLanesProgram, channelLanesScratchBytes, packedChannels } from "./channels.ts";
import type { LaneUse } from "./lanes.ts";
import { directProgram, directScratchBytes } from "./pixels.ts";

/** The kernel for some outputs whose lanes are used so, and whose weights are packed for it. */
export function rowKernel(space: TileSpace, lanes: LaneUse): RowKernel {
  const { shape } = space;
  const { target, outChannels } = shape;
  const common = {
    scratchBytes: rowScratchBytes(shape, lanes),
    key: JSON.stringify([lanes, shape]),
  };
  switch (lanes) {
    case "pixels":
      return {
        ...common,
        block: pixelLanesBlock(space),
        write: (block) => directProgram(shape, block),
        packedChannels: outChannels,
      };
    case "channels":
      return {
        ...common,
        block: channelLanesBlock(space),
        write: (block) => channelLanesProgram(shape, block),
        packedChannels: packedChannels(target, outChannels),
      };
  }
}

/** Scratch memory that a tile needs, in bytes. */
export function rowScratchBytes(
  shape: Pick<RowShape, "target" | "outChannels">,
  lanes: LaneUse,
): number {
  return lanes === "channels" ? channelLanesScratchBytes(shape.target) : directScratchBytes(shape);
}
