/**
 * Taps of a kernel that see nothing but padding add nothing: with a large dilation of a small plane those are most.
 *
 * @module
 */

import { clamp, range } from "../../base/numbers.ts";
import type { Geometry, Triple } from "../../convolution/geometry.ts";
import type { ConvolutionWeights, TapRange } from "./weights.ts";

/** A convolution and its weights. */
export interface WeightedConvolution {
  readonly geometry: Geometry;
  readonly weights: ConvolutionWeights;
}

/** The same convolution with the taps alone that any output sees the input through. */
export function withSeenTaps({ geometry: g, weights }: WeightedConvolution): WeightedConvolution {
  if (g.transposed || g.paddingMode !== "zeros") return { geometry: g, weights };
  const ranges = range(3).map((axis) => seenTaps(g, axis));
  if (ranges.every(({ count }, axis) => count === g.kernel[axis])) return { geometry: g, weights };
  const each = (of: (taps: TapRange, axis: number) => number): Triple => {
    const [depth = 1, height = 1, width = 1] = ranges.map(of);
    return [depth, height, width];
  };
  const at = (sizes: Triple, axis: number) => sizes[axis] ?? 0;
  const geometry = {
    ...g,
    kernel: each(({ count }) => count),
    padBegin: each(({ first }, axis) => at(g.padBegin, axis) - first * at(g.dilation, axis)),
    padEnd: each(({ first, count }, axis) =>
      at(g.padEnd, axis) - (at(g.kernel, axis) - first - count) * at(g.dilation, axis)
    ),
  };
  return { geometry, weights: weights.cropped(ranges.slice(3 - g.rank)) };
}

/** The taps along an axis that are left: from either end go as many as see padding alone, and lie in it. */
function seenTaps(g: Geometry, axis: number): TapRange {
  const [input = 1, outputs = 1, taps = 1] = [g.input[axis], g.output[axis], g.kernel[axis]];
  const [stride = 1, dilation = 1] = [g.stride[axis], g.dilation[axis]];
  const [begin = 0, end = 0] = [g.padBegin[axis], g.padEnd[axis]];
  const reach = (outputs - 1) * stride;
  // The first tap whose last position is behind the begin, and the last one whose first is before the end.
  const first = Math.ceil((begin - reach) / dilation);
  const last = Math.floor((input - 1 + begin) / dilation);
  const from = clamp(first, 0, Math.min(taps - 1, Math.floor(begin / dilation)));
  const most = taps - 1 - Math.floor(end / dilation);
  const to = clamp(last, Math.max(from, most), taps - 1);
  return { first: from, count: to - from + 1 };
}
