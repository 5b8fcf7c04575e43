/**
 * What the tiles of a convolution see along an axis, where some of it may be padding.
 *
 * @module
 */

import type { Geometry } from "../geometry.ts";
import { range } from "./numbers.ts";
import type { AxisWindow } from "./pointwise_pack.ts";

/** Consecutive tiles along an axis that see their input in the same way. */
export interface WindowRun {
  /** The first output, and the input position that its tile begins with. */
  readonly output: number;
  readonly input: number;
  /** Outputs of a tile. */
  readonly block: number;
  /** How many tiles there are. */
  tiles: number;
  readonly window: AxisWindow;
}

/**
 * Cuts an axis into tiles.
 *
 * @param g The convolution, padded with zeros if at all.
 * @param axis Which axis.
 * @param block Outputs of a tile.
 * @param pitch Input bytes from one position to the next.
 */
export function windowRuns(
  g: Geometry,
  axis: 0 | 1 | 2,
  block: number,
  pitch: number,
): WindowRun[] {
  const stride = g.stride[axis];
  const taps = range(g.kernel[axis]).map((tap) => tap * g.dilation[axis]);
  const runs: WindowRun[] = [];
  for (let output = 0; output < g.output[axis]; output += block) {
    const outputs = Math.min(block, g.output[axis] - output);
    const origin = output * stride - g.padBegin[axis];
    const span = (outputs - 1) * stride + (taps.at(-1) ?? 0) + 1;
    const skip = Math.max(0, -origin);
    const room = Math.min(span, g.input[axis] - origin);
    const last = runs.at(-1);
    const same = last !== undefined && last.block === outputs && last.window.skip === skip &&
      last.window.room === room && skip === 0;
    if (same) last.tiles++;
    else {
      const window = { stride, taps, skip, room, pitch };
      // What a tile would see in the padding alone is read from nowhere.
      const input = Math.min(origin + skip, g.input[axis] - 1);
      runs.push({ output, input, block: outputs, tiles: 1, window });
    }
  }
  return runs;
}
