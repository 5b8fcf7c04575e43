/**
 * How the work on a weight's gradient by Winograd's algorithm is cut: by its sizes alone.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../../codegen/program.ts";
import { clamp, product } from "../../../base/numbers.ts";
import { evenParts } from "../../common/register_tile.ts";
import { LEAST_TILE_WORK } from "../../common/tuning.ts";
import { partElements } from "../collect.ts";
import { countPixels, PIXEL_AXES, productsOf } from "../shape.ts";
import { layParts, pixelBox, type Tiling } from "../tiling.ts";
import type { WinogradGradient } from "./shape.ts";

/** Tiles whose products are summed at once: few, as each is a sum of differences that rounds more. */
const CHUNK_TILES = 256;

/** Engine tiles that balance threads. */
const ENOUGH_TILES = 48;

/** Parts at most, and tiles of the least part. */
const MOST_PARTS = 64;
const LEAST_TILES = 64;

/** What the sums of an engine tile may take of a second-level cache. */
const SCRATCH_BYTES = 768 * 1024;

/** Cuts the work. */
export function winogradTiling(gradient: WinogradGradient): Tiling {
  const { geometry: { groups }, sums, kernel: { tile }, weights, result, positions } = gradient;
  const { pixels, inChannels, outChannels } = sums;
  const outTiles = Math.ceil(outChannels / tile.outChannels);
  const inTiles = Math.ceil(inChannels / tile.products.inChannels);
  const tiles = countPixels(pixels);
  const work = groups * positions * outChannels * productsOf(sums) * tiles;
  const wanted = clamp(Math.floor(work / LEAST_TILE_WORK), 1, ENOUGH_TILES);
  const all = groups * outTiles * inTiles;
  const mostParts = Math.min(MOST_PARTS, Math.ceil(tiles / LEAST_TILES));
  const parts = clamp(Math.ceil(wanted / all), 1, mostParts);
  const part = parts === 1 ? pixels : pixelBox(pixels, Math.ceil(tiles / parts));
  const isPart = PIXEL_AXES.some((axis) => part[axis] < pixels[axis]);
  const laid = layParts(pixels, part, partElements(weights, result, groups));
  const unitSums = result.sumChannels * tile.products.inChannels *
    (positions * sums.kernel[0] + product(weights.kernel));
  const fitting = Math.floor(SCRATCH_BYTES / (unitSums * FLOAT_BYTES));
  const units = clamp(Math.floor(all * parts / wanted), 1, Math.max(1, fitting));
  // As many channels on either side read least.
  const even = Math.sqrt(units * tile.products.inChannels / tile.outChannels);
  const outUnits = evenParts(outTiles, clamp(Math.round(even), 1, Math.min(units, outTiles))).size;
  const inUnits = clamp(Math.floor(units / outUnits), 1, inTiles);
  return {
    block: {
      groups: 1,
      outChannels: Math.min(outChannels, outUnits * tile.outChannels),
      inChannels: evenParts(inChannels, inUnits * tile.products.inChannels).size,
      pixels: part,
    },
    chunk: pixelBox(part, CHUNK_TILES),
    result: isPart ? "part" : "whole",
    parts: laid.parts,
    partElements: isPart ? laid.end : 0,
  };
}
