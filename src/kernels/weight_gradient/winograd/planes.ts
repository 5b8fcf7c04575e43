/**
 * Which gradients of weights can be computed by Winograd's algorithm, and with which tiles.
 *
 * @module
 */

import type { Geometry } from "../../../convolution/geometry.ts";
import { MOST_TERMS } from "../../winograd/applies.ts";
import { partKernels } from "../../winograd/parts.ts";
import type { TilePlane } from "../../winograd/shape.ts";
import { tilePlane } from "../../winograd/tiling.ts";
import { MOST_TAPS, TILE_INPUTS } from "../../winograd/transform.ts";

/**
 * The tiles that a weight's gradient can be computed with, none if there are none: outputs side by side have to see
 * inputs side by side, and more than one tap.
 */
export function gradientPlanes(g: Geometry): TilePlane[] {
  const axes = [1, 2] as const;
  const isSeen = axes.every((axis) =>
    g.kernel[axis] === 1 ||
    g.kernel[axis] <= MOST_TAPS && g.stride[axis] === 1 && g.dilation[axis] === 1
  );
  if (!isSeen || axes.every((axis) => g.kernel[axis] === 1) || g.kernel[0] > MOST_TERMS) return [];
  const [kernel] = partKernels(g, { height: "transformed", width: "transformed" });
  if (kernel === undefined) return [];
  const inputsOf = (axis: 1 | 2) => g.kernel[axis] === 1 ? TILE_INPUTS.slice(0, 1) : TILE_INPUTS;
  return inputsOf(1).flatMap((height) =>
    inputsOf(2).flatMap((width) => tilePlane(kernel, height, width) ?? [])
  );
}
