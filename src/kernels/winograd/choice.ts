/**
 * The cheapest way to compute a convolution by Winograd's algorithm.
 *
 * Inputs of a tile along height and width, milliseconds of one thread, the chosen ones last: fewer are better
 * where the tiles then fill the output and the vectors, and where weights are used by few tiles.
 *
 * | convolution | AVX-512 | WebAssembly |
 * | --- | --- | --- |
 * | 3x3 512>512 @7 | 6x6 1.96, 4x4 1.79 | 6x6 4.12, 4x4 3.80, 6x4 2.91 |
 * | 3x3 1024>1024 in 32 groups @7 | 6x6 0.25 | 6x6 0.43, 4x4 0.42, 6x4 0.35 |
 * | 3x3 256>256 @10 | 6x6 0.74, 4x4 0.68, 6x4 0.53 | 6x6 1.36, 4x4 1.29, 6x5 1.10 |
 * | transposed 4x4 stride 2 512>256 @8 | 6x6 2.54, 4x4 3.11, 3x3 1.98 | 6x6 6.22, 4x4 5.90, 5x3 3.79 |
 * | transposed 4x4 stride 2 256>128 @16 | 6x6 2.13, 4x4 2.04, 5x3 1.54 | 6x6 4.76, 4x4 4.14, 5x5 3.13 |
 * | transposed 4x4 stride 2 128>64 @32 | 6x6 1.86, 4x4 1.80, 5x5 1.44 | 6x6 3.93, 4x4 4.14, 5x5 2.99 |
 * | 3x3 stride 2 128>128 @56 | 6x6 2.70, 5x5 2.52 | 6x6 5.54, 5x5 4.91 |
 * | 2x2 64>64 @56 | 6x6 0.61, 6x5 0.53 | 6x6 1.09 |
 *
 * @module
 */

import type { Target } from "../../codegen/target.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { product } from "../../base/numbers.ts";
import { axisUses } from "./applies.ts";
import { planeCost, remoteCost } from "./cost.ts";
import { type AxisUses, type PartKernel, partKernels } from "./parts.ts";
import type { TilePlane } from "./shape.ts";
import { tilePlane } from "./tiling.ts";
import { TILE_INPUTS } from "./transform.ts";

/** How a convolution is computed by Winograd's algorithm, and what that takes. */
export interface WinogradWay {
  /** The tiles of each of its kernels. */
  readonly planes: readonly TilePlane[];
  /** In multiply-adds of the products of vectors, for an output plane of a group. */
  readonly cost: number;
}

/** The cheapest way to compute a convolution by Winograd's algorithm; `null` if there is none. */
export function cheapestWay(g: Geometry, target: Target): WinogradWay | null {
  const ways = axisUses(g).flatMap((uses) => {
    const planes = tilePlanes(g, uses, target);
    if (planes === null) return [];
    const cost = planes.reduce((sum, plane) => sum + planeCost(g, plane, target), 0);
    return { planes, cost: cost + remoteCost(g, planes, target) };
  });
  const [first, ...others] = ways;
  if (first === undefined) return null;
  return others.reduce((best, way) => way.cost < best.cost ? way : best, first);
}

/** The cheapest tiles for each kernel; `null` if no input meets some outputs at all. */
function tilePlanes(g: Geometry, uses: AxisUses, target: Target): readonly TilePlane[] | null {
  const kernels = partKernels(g, uses);
  if (kernels.some((kernel) => tapsOf(kernel) === 0)) return null;
  return kernels.map((kernel) => cheapestPlane(g, kernel, target));
}

/** Taps of all terms. */
function tapsOf({ taps }: PartKernel): number {
  return product([taps.height, taps.width].map((terms) => terms.flat().length));
}

function cheapestPlane(g: Geometry, kernel: PartKernel, target: Target): TilePlane {
  const planes = TILE_INPUTS.flatMap((height) =>
    TILE_INPUTS.flatMap((width) => tilePlane(kernel, height, width) ?? [])
  );
  const costs = planes.map((plane) => planeCost(g, plane, target));
  const cheapest = planes[costs.indexOf(Math.min(...costs))];
  if (cheapest === undefined) throw new RangeError("No transform is for so many taps");
  return cheapest;
}
