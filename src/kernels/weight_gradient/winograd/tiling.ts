/**
 * How the work on a weight's gradient by Winograd's algorithm is cut: by its sizes alone.
 *
 * Of 3x3 layers, milliseconds of the sums of one thread for AVX-512, by the output and the input channels of an engine
 * tile: few read the transformed arrays too often, and the sums of many leave the second-level cache.
 *
 * | layer | 64 x 64 | 32 x 32 | 16 x 64 | 64 x 128 | 128 x 32 |
 * | --- | --- | --- | --- | --- | --- |
 * | 64>64 @56 | 0.49 | 0.48 | 0.54 | - | - |
 * | 64>64 @112 | 2.64 | 2.24 | - | - | - |
 * | 128>128 @28, 4 items | 2.10 | 2.37 | 2.15 | 2.02 | 2.19 |
 * | 256>256 @14 | 0.80 | 0.85 | 0.81 | 0.81 | 0.83 |
 * | 256>256 @14, 8 items | 6.09 | 5.66 | 5.93 | 5.64 | 6.59 |
 * | 512>512 @7, 8 items | 8.92 | 11.4 | 15.5 | 9.73 | 8.38 |
 *
 * @module
 */

import { clamp } from "../../../base/numbers.ts";
import { evenParts } from "../../common/register_tile.ts";
import { LEAST_TILE_WORK } from "../../common/tuning.ts";
import { partElements } from "../collect.ts";
import { countPixels, PIXEL_AXES, productsOf } from "../shape.ts";
import { layParts, pixelBox, type Tiling } from "../tiling.ts";
import type { WinogradGradient } from "./shape.ts";

/** Tiles whose products are summed at once: few, as each is a sum of differences that rounds more. */
const CHUNK_TILES = 64;

/** Engine tiles that balance threads. */
const ENOUGH_TILES = 24;

/** Parts at most, and tiles of the least part. */
const MOST_PARTS = 64;
const LEAST_TILES = 64;

/** How many of these there are at least where there can be, in proportion. */
const FEWEST_TILES = 2 / 3;

/** Output and input channels of an engine tile, and where there would be fewer of these. */
const CHANNELS = 64;
const FEW_CHANNELS = 32;

/** Cuts the work. */
export function winogradTiling(gradient: WinogradGradient): Tiling {
  const { geometry: { groups }, sums, weights, result, positions } = gradient;
  const { pixels, outChannels } = sums;
  const tiles = countPixels(pixels);
  const work = groups * positions * outChannels * productsOf(sums) * tiles;
  const wanted = clamp(Math.floor(work / LEAST_TILE_WORK), 1, ENOUGH_TILES);
  const mostParts = Math.min(MOST_PARTS, Math.ceil(tiles / LEAST_TILES));
  const large = channelBlocks(gradient, CHANNELS);
  const isEnough = large.count * mostParts >= FEWEST_TILES * wanted;
  const blocks = isEnough ? large : channelBlocks(gradient, FEW_CHANNELS);
  const parts = clamp(Math.round(wanted / blocks.count), 1, mostParts);
  const part = parts === 1 ? pixels : pixelBox(pixels, Math.ceil(tiles / parts));
  const isPart = PIXEL_AXES.some((axis) => part[axis] < pixels[axis]);
  const laid = layParts(pixels, part, partElements(weights, result, groups));
  return {
    block: {
      groups: 1,
      outChannels: blocks.outChannels,
      inChannels: blocks.inChannels,
      pixels: part,
    },
    chunk: pixelBox(part, CHUNK_TILES),
    result: isPart ? "part" : "whole",
    parts: laid.parts,
    partElements: isPart ? laid.end : 0,
  };
}

/** Blocks of whole register tiles with about so many channels on either side. */
function channelBlocks({ geometry, sums, kernel: { tile } }: WinogradGradient, channels: number) {
  const sizeOf = (all: number, ofTile: number) => {
    const most = Math.max(1, Math.round(channels / ofTile));
    return evenParts(Math.ceil(all / ofTile), most).size * ofTile;
  };
  const outChannels = Math.min(sums.outChannels, sizeOf(sums.outChannels, tile.outChannels));
  const inBlock = sizeOf(sums.inChannels, tile.products.inChannels);
  const inChannels = evenParts(sums.inChannels, inBlock).size;
  const count = geometry.groups * Math.ceil(sums.outChannels / outChannels) *
    Math.ceil(sums.inChannels / inChannels);
  return { outChannels, inChannels, count };
}
