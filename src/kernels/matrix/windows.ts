/**
 * What the tiles of a convolution see along an axis, where some of it may be padding.
 *
 * @module
 */

import type { Geometry } from "../../convolution/geometry.ts";
import { least, range } from "../../base/numbers.ts";
import type { AxisWindow } from "./pixels.ts";

/** Consecutive tiles along an axis that see their input in the same way. */
export interface WindowRun {
  /** The first output, and the input position that its tile begins with. */
  readonly output: number;
  readonly input: number;
  /** Input positions from one tile to the next. */
  readonly step: number;
  /** Outputs of a tile. */
  readonly block: number;
  /** How many tiles there are. */
  readonly tiles: number;
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
  for (let output = 0; output < g.output[axis];) {
    const outputs = Math.min(block, g.output[axis] - output);
    const positions: TilePositions = {
      origin: output * stride - g.padBegin[axis],
      extent: (outputs - 1) * stride,
      size: g.input[axis],
    };
    const whole = wholeTaps(taps, positions);
    const step = outputs * stride;
    const most = Math.floor((g.output[axis] - output) / outputs);
    const run = whole === null
      ? { ...partialRun(taps, positions), step }
      : wholeRun(taps, whole, positions, { step, most });
    const { input, tiles } = run;
    const window = { ...run.window, stride, pitch };
    runs.push({ output, input, step: run.step, block: outputs, tiles, window });
    output += tiles * outputs;
  }
  return runs;
}

/** Where the first tap of a tile sees its outputs, and how many positions the axis has. */
interface TilePositions {
  readonly origin: number;
  /** From the first output's position to the last's. */
  readonly extent: number;
  readonly size: number;
}

/** A run but for where it is, and for what all windows of an axis share. */
interface Run extends Pick<WindowRun, "input" | "step" | "tiles"> {
  readonly window: Pick<AxisWindow, "taps" | "skip" | "room">;
}

/** A tile some of whose taps see both the input and the padding: it is like no other. */
function partialRun(
  taps: readonly number[],
  { origin, extent, size }: TilePositions,
): Omit<Run, "step"> {
  const skip = Math.max(0, -origin);
  const room = Math.min(extent + (taps.at(-1) ?? 0) + 1, size - origin);
  return { input: origin + skip, tiles: 1, window: { taps, skip, room } };
}

/** How a tap sees a tile's outputs. */
interface WholeTap {
  readonly isSeeing: boolean;
  /** By how many positions the tile may move on with no change. */
  readonly left: number;
}

/** Each tap of a tile, `null` where one of them sees both the input and the padding. */
function wholeTaps(
  taps: readonly number[],
  { origin, extent, size }: TilePositions,
): WholeTap[] | null {
  const whole: WholeTap[] = [];
  for (const tap of taps) {
    const first = origin + tap;
    const last = first + extent;
    if (first >= size) whole.push({ isSeeing: false, left: Infinity });
    else if (last < 0) whole.push({ isSeeing: false, left: -1 - last });
    else if (first >= 0 && last < size) whole.push({ isSeeing: true, left: size - 1 - last });
    else return null;
  }
  return whole;
}

/** All tiles from one on of which the same taps see the input, and the others the padding. */
function wholeRun(
  taps: readonly number[],
  whole: readonly WholeTap[],
  { origin, extent }: TilePositions,
  { step, most }: { readonly step: number; readonly most: number },
): Run {
  const tiles = Math.min(most, 1 + Math.floor(least(whole.map(({ left }) => left)) / step));
  const seeing = taps.filter((_, i) => whole[i]?.isSeeing);
  const [first = 0] = seeing;
  const window = {
    taps: taps.map((tap, i) => whole[i]?.isSeeing ? tap - first : null),
    skip: 0,
    room: extent + (seeing.at(-1) ?? 0) - first + 1,
  };
  // What is seen in the padding alone is read from nowhere.
  return seeing.length === 0
    ? { input: 0, step: 0, tiles, window: { ...window, room: 0 } }
    : { input: origin + first, step, tiles, window };
}
