/**
 * How the work on a weight's gradient is cut into tiles, chunks and parts: by its sizes alone, so that sums are added up in
 * the same order whatever the number of threads.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import { clamp } from "../../base/numbers.ts";
import { evenParts } from "../common/register_tile.ts";
import { LEAST_TILE_WORK } from "../common/tuning.ts";
import { partElements } from "./collect.ts";
import {
  countPixels,
  type GradientKernel,
  type GradientShape,
  type Parts,
  PIXEL_AXES,
  type PixelBox,
  productsOf,
} from "./shape.ts";
import type { GradientBlock, ResultKind } from "./tile.ts";

/** How the work is cut. */
export interface Tiling {
  readonly block: GradientBlock;
  /** Pixels that are summed at once. */
  readonly chunk: PixelBox;
  readonly result: ResultKind;
  /** Parts of the pixels along each axis. */
  readonly parts: Readonly<Record<keyof PixelBox, Parts>>;
  /** Elements of all parts together, 0 if there is one. */
  readonly partElements: number;
}

/**
 * Pixels whose gradient, of a panel of channels, stays in a second-level cache. From 512 to 65,536 there was nothing to
 * choose between; fewer round less.
 */
const CHUNK_PIXELS = 2048;

/** Tiles that balance threads. */
const ENOUGH_TILES = 48;

/** Parts at most: each has sums of its own. */
const MOST_PARTS = 64;

/** Fewer pixels are no part of their own. */
const LEAST_PIXELS = 256;

/** Cuts the work of some groups. */
export function tilingOf(shape: GradientShape, kernel: GradientKernel, groups: number): Tiling {
  const part = partOf(shape, kernel, groups);
  const isPart = PIXEL_AXES.some((axis) => part[axis] < shape.pixels[axis]);
  const { parts, end } = layParts(shape.pixels, part, partElements(shape, kernel, groups));
  return {
    block: blockOf(shape, kernel, groups, part),
    chunk: pixelBox(part, CHUNK_PIXELS),
    result: isPart ? "part" : "whole",
    parts,
    partElements: isPart ? end : 0,
  };
}

/** Register tiles along the output and the input channels of a group. */
function tilesOf({ inChannels, outChannels }: GradientShape, { tile }: GradientKernel) {
  return {
    outTiles: Math.ceil(outChannels / tile.outChannels),
    inTiles: Math.ceil(inChannels / tile.products.inChannels),
  };
}

/** Multiply-adds of a group. */
function workOf(shape: GradientShape, pixels: PixelBox): number {
  return shape.outChannels * productsOf(shape) * countPixels(pixels);
}

/** Pixels of a tile: all, unless there would be too few tiles. */
function partOf(shape: GradientShape, kernel: GradientKernel, groups: number): PixelBox {
  const { pixels } = shape;
  const { outTiles, inTiles } = tilesOf(shape, kernel);
  const wanted = wantedTiles(groups * workOf(shape, pixels));
  const all = countPixels(pixels);
  const most = Math.min(MOST_PARTS, Math.ceil(all / LEAST_PIXELS));
  const parts = clamp(Math.ceil(wanted / (groups * outTiles * inTiles)), 1, most);
  return parts === 1 ? pixels : pixelBox(pixels, Math.ceil(all / parts));
}

function wantedTiles(work: number): number {
  return clamp(Math.floor(work / LEAST_TILE_WORK), 1, ENOUGH_TILES);
}

/** What of the channels a tile takes: input channels first, for which it reads the same gradient. */
function blockOf(
  shape: GradientShape,
  kernel: GradientKernel,
  groups: number,
  pixels: PixelBox,
): GradientBlock {
  const { inChannels, outChannels } = shape;
  const { tile } = kernel;
  const { outTiles, inTiles } = tilesOf(shape, kernel);
  const work = groups * workOf(shape, shape.pixels);
  const ofTile = Math.max(LEAST_TILE_WORK, work / wantedTiles(work));
  const perUnit = workOf(shape, pixels) / outTiles / inTiles;
  const units = Math.max(1, Math.floor(ofTile / perUnit));
  const inUnits = Math.min(units, inTiles);
  const outUnits = clamp(Math.floor(units / inTiles), 1, outTiles);
  return {
    groups: clamp(Math.floor(units / inTiles / outTiles), 1, groups),
    outChannels: Math.min(outChannels, outUnits * tile.outChannels),
    inChannels: evenParts(inChannels, inUnits * tile.products.inChannels).size,
    pixels,
  };
}

/** At most so many pixels, if a pixel is not more: inner axes whole, one cut evenly. */
export function pixelBox({ items, depth, rows, columns }: PixelBox, most: number): PixelBox {
  const part = (count: number, inner: number) =>
    evenParts(count, Math.max(1, Math.floor(most / inner))).size;
  const box = { items: 1, depth: 1, rows: 1, columns };
  if (columns > most) return { ...box, columns: part(columns, 1) };
  if (rows * columns > most) return { ...box, rows: part(rows, columns) };
  if (depth * rows * columns > most) return { ...box, rows, depth: part(depth, rows * columns) };
  return { items: part(items, depth * rows * columns), depth, rows, columns };
}

/** Where the parts lie: from one to the next is a whole number of elements for each pixel. */
export function layParts(
  pixels: PixelBox,
  part: PixelBox,
  elements: number,
): { readonly parts: Tiling["parts"]; readonly end: number } {
  let end = elements;
  const along = (axis: keyof PixelBox): Parts => {
    const pitch = Math.ceil(end / part[axis]) * part[axis];
    const count = Math.ceil(pixels[axis] / part[axis]);
    end = pitch * count;
    return { count, step: pitch * FLOAT_BYTES };
  };
  const columns = along("columns");
  const rows = along("rows");
  const depth = along("depth");
  const items = along("items");
  return { parts: { items, depth, rows, columns }, end };
}
