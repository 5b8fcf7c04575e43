/**
 * The gradient of weights by Winograd's algorithm: what its phases share.
 *
 * A tile of the output's gradient takes the part of the kernel, and the taps that of the outputs: of the `m + r - 1`
 * inputs that `m` outputs of `r` taps see, `r` sums over `m` pixels come from as many products. So 4x4 pixels of a 3x3
 * kernel take 36 products in place of 144, whose sums over all tiles and items are taken before they are transformed:
 * that is done once for every pair of channels.
 *
 * | array | layout |
 * | --- | --- |
 * | input | as it lies |
 * | transformed input, as a convolution's | `[item][plane][group][position][input channel][tile]` |
 * | the same of few tiles | `[group][position][input channel][item][plane][tile]` |
 * | packed gradient | `[group][panel][item][pixel][channel of the panel]` |
 * | transformed gradient | `[position][group][panel][item][plane][tile][channel of the panel]` |
 * | sums, in scratch memory | `[position][panel][input channel][depth tap][channel of the panel]` |
 *
 * @module
 */

import { FLOAT_BYTES } from "../../../codegen/program.ts";
import type { Geometry } from "../../../convolution/geometry.ts";
import { product } from "../../../base/numbers.ts";
import { spread } from "../../packing/padded.ts";
import type { Problem } from "../../plan.ts";
import { type Layout, layoutOf } from "../../winograd/layout.ts";
import type { KernelPlan } from "../../winograd/phases.ts";
import { productTile } from "../../winograd/product.ts";
import type { TilePlane, WinogradChoice } from "../../winograd/shape.ts";
import type { AxisTransform } from "../../winograd/transform.ts";
import { channelLanesKernel, panelChannels, panelFinish } from "../channels.ts";
import {
  countPixels,
  type GradientKernel,
  type GradientShape,
  type SumKernel,
  type WeightShape,
} from "../shape.ts";

/** What the phases share. Pitches are in bytes. */
export interface WinogradGradient {
  readonly geometry: Geometry;
  /** The transforms of a tile's pixels to products, and of those to taps. */
  readonly height: AxisTransform;
  readonly width: AxisTransform;
  readonly positions: number;
  /** The convolution whose transformed input it is. */
  readonly input: Omit<KernelPlan, "scratch">;
  /** The sums of a position, as those of a kernel that has its depth alone: pixels are tiles. */
  readonly sums: GradientShape;
  readonly kernel: GradientKernel;
  /** What they become. */
  readonly weights: WeightShape;
  readonly result: SumKernel;
  /** Elements of the packed gradient, behind which lies the transformed one, and of both. */
  readonly packedElements: number;
  readonly gradientElements: number;
  readonly gradient: { readonly positionPitch: number; readonly groupPitch: number };
}

/** @param problem With the geometry of the convolution whose weights they are. */
export function winogradGradient(problem: Problem, plane: TilePlane): WinogradGradient {
  const { geometry: g, target } = problem;
  const choice = choiceOf(problem, plane);
  const tiles = plane.rows * plane.columns;
  const isTogether = areTogether(g, tiles);
  const perItem = layoutOf(problem, choice, { transformed: 0, weight: 0 });
  const layout = isTogether ? tilesTogether(g, perItem, tiles) : perItem;
  const { transformed, positions } = layout.shape;
  const sums: GradientShape = {
    target,
    inChannels: g.inChannels / g.groups,
    outChannels: g.outChannels / g.groups,
    kernel: [g.kernel[0], 1, 1],
    pixels: isTogether
      ? { items: 1, depth: 1, rows: 1, columns: g.batch * g.output[0] * tiles }
      : { items: g.batch, depth: g.output[0], rows: 1, columns: tiles },
    input: {
      itemPitch: layout.itemPitch,
      channelPitch: transformed.channelPitch,
      depthStep: g.stride[0] * layout.planePitch,
      rowStep: 0,
      pixelStep: FLOAT_BYTES,
      depthTap: g.dilation[0] * layout.planePitch,
      rowTap: 0,
      columnTaps: [0],
    },
    columnTaps: [0],
    columnStep: 0,
  };
  const weights: WeightShape = { ...sums, kernel: g.kernel };
  const panel = panelChannels(target, sums.kernel);
  const channels = Math.ceil(sums.outChannels / panel) * panel;
  const groupElements = channels * countPixels(sums.pixels);
  const positionElements = spread(g.groups * groupElements);
  const packedElements = g.groups * channels * g.batch * product(g.output);
  return {
    geometry: g,
    height: exchanged(plane.height),
    width: exchanged(plane.width),
    positions,
    input: { geometry: g, layout, choice },
    sums,
    kernel: channelLanesKernel(sums),
    weights,
    result: { sumChannels: panel, finish: panelFinish(weights, panel) },
    packedElements,
    gradientElements: packedElements + positions * positionElements,
    gradient: {
      positionPitch: positionElements * FLOAT_BYTES,
      groupPitch: groupElements * FLOAT_BYTES,
    },
  };
}

/** Tiles of a plane that are a loop and a cache line of their own. */
const ENOUGH_TILES = 16;

/**
 * Whether the tiles of all items and planes lie together. Where they are few it took 7.7 milliseconds, not 10.4, to
 * compute the gradient of 3x3 512>512 @7 of 8 items for AVX-512; where they are more, the transform of the input
 * writes to more places: 1.3, not 0.7, for 256>256 @14.
 */
function areTogether({ kernel, stride }: Geometry, tiles: number): boolean {
  // A plane of outputs is to see the one of inputs in its place, and no other.
  return tiles < ENOUGH_TILES && kernel[0] === 1 && stride[0] === 1;
}

/** The layout of the transformed input in which all tiles of a channel lie together. */
function tilesTogether({ batch, groups }: Geometry, layout: Layout, tiles: number): Layout {
  const { shape, depth } = layout;
  const bytesOf = (elements: number) => spread(elements) * FLOAT_BYTES;
  const channelPitch = bytesOf(batch * depth * tiles);
  const positionPitch = bytesOf(shape.inChannels * channelPitch / FLOAT_BYTES);
  const groupPitch = shape.positions * positionPitch;
  return {
    ...layout,
    shape: { ...shape, transformed: { channelPitch, positionPitch } },
    groupPitch,
    planePitch: tiles * FLOAT_BYTES,
    itemPitch: depth * tiles * FLOAT_BYTES,
    end: groups * groupPitch,
  };
}

/** A convolution that transforms all tiles of a plane at once. */
function choiceOf({ geometry: g, target }: Problem, plane: TilePlane): WinogradChoice {
  const { kernel, height, width, rows, columns, positions } = plane;
  const outChannels = g.outChannels / g.groups;
  const tile = productTile(target, outChannels, Math.ceil(rows * columns / target.lanes));
  return {
    kernel,
    height,
    width,
    blockRows: rows,
    blockColumns: columns,
    blockParts: 1,
    tile,
    outChannels,
    phases: 2,
    positions,
  };
}

/** Outputs and taps in each other's place; the inputs, and the points, stay as they are. */
function exchanged(transform: AxisTransform): AxisTransform {
  return { ...transform, outputs: transform.taps, taps: transform.outputs };
}
