/**
 * Pictures filtered strip by strip: what the layers compute as float32 never exists for the whole picture.
 *
 * @module
 */

import type { Lines, PngShape } from "../../io/pictures/png_chunks.ts";
import type { Raster } from "../../io/pictures/raster.ts";
import { readRows, scanlines } from "../../io/pictures/raster.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { PictureFilter } from "./filters.ts";
import { applyFilter, layerOutputs, outputShapes } from "./filters.ts";
import { divideByAlpha, hasAlpha, multiplyByAlpha } from "./transparency.ts";

/** Rows that are filtered together, and those of them that no cut edge reaches. */
export interface Window {
  /** The first of the rows. */
  readonly first: number;
  readonly from: number;
  /** The row behind the last one. */
  readonly to: number;
}

/**
 * Cuts a picture into windows that overlap. All have the same size, so that code is generated once, and
 * all lie inside the picture, so that the layers themselves repeat its border.
 *
 * @param height The rows of the picture.
 * @param rows Those of a window: all, or more than twice the reach.
 * @param reach How many rows above and below a row count for it.
 */
export function* windowsOf(height: number, rows: number, reach: number): Generator<Window> {
  for (let from = 0; from < height;) {
    const first = Math.min(Math.max(from - reach, 0), height - rows);
    const end = first + rows;
    const to = end === height ? height : end - reach;
    yield { first, from, to };
    from = to;
  }
}

/** What a strip takes, about: larger ones are not faster. */
const STRIP_BYTES = 32 * 2 ** 20;

/** How a picture is cut. */
export interface StripPlan {
  /** The rows of a window. */
  readonly windowRows: number;
  /** What a window and the lines made of it take. */
  readonly bytes: number;
}

/**
 * Decides how many rows are filtered together: as many as {@linkcode STRIP_BYTES} hold, more where most of
 * them would be computed twice.
 *
 * @param filter The filter.
 * @param picture The picture's size.
 */
export function planStrips(filter: PictureFilter, picture: PngShape): StripPlan {
  const rowBytes = windowBytes(filter, picture, 1);
  const rows = Math.max(Math.floor(STRIP_BYTES / rowBytes), 4 * filter.reach + 1);
  const windowRows = Math.min(rows, picture.height);
  return { windowRows, bytes: windowBytes(filter, picture, windowRows) };
}

function windowBytes(
  { layers, scale }: PictureFilter,
  { width, channels, bitDepth }: PngShape,
  rows: number,
): number {
  const shapes = outputShapes(layers, [channels, rows, width]);
  const inputs = channels * rows * width;
  const outputs = inputs * scale ** 2;
  // The last layer's output twice: once more as it is finished.
  const floats = [[inputs], ...shapes, shapes.at(-1) ?? []]
    .reduce((sum, shape) => sum + shape.reduce((product, size) => product * size, 1), 0);
  // Some lines are compressed while the next are made; they may compress badly.
  return floats * Float32Array.BYTES_PER_ELEMENT + 3 * outputs * bitDepth / 8;
}

/** A part of the filtered picture. */
export interface Strip {
  /** Its lines as they are in a PNG file. */
  readonly lines: Lines;
  /** The rows of the picture that it was made of, without those of its neighbours. */
  readonly sourceRows: number;
  /** The time that the filter took. */
  readonly seconds: number;
}

/**
 * Filters a picture from top to bottom. Colours are weighted by alpha while they are filtered.
 *
 * @param raster The picture.
 * @param filter The filter, for all channels of the picture.
 * @param windowRows How many rows are filtered together.
 */
export async function* filterStrips(
  raster: Raster,
  filter: PictureFilter,
  windowRows: number,
): AsyncGenerator<Strip> {
  const { width, height, channels, bitDepth } = raster;
  const { layers, reach, scale } = filter;
  const values = new Float32Array(channels * windowRows * width);
  const input = new Tensor(values, [channels, windowRows, width]);
  // The same memory for every strip: what is collected now and then would be many times as much.
  const outputs = layerOutputs(layers, input.shape);
  for (const { first, from, to } of windowsOf(height, windowRows, reach)) {
    readRows(raster, first, values);
    const begin = performance.now();
    const planes = await filterPlanes(filter, input, outputs);
    const seconds = (performance.now() - begin) / 1e3;
    const [top, bottom] = [(from - first) * scale, (to - first) * scale];
    const lines = scanlines(planes, width * scale, top, bottom, bitDepth);
    yield { lines, sourceRows: to - from, seconds };
  }
}

/**
 * Filters rows of a picture.
 *
 * @param filter The filter.
 * @param input The rows; the colours are weighted by alpha in place.
 * @param outputs Receive what the layers compute.
 * @returns The rows that the filter makes, a plane per channel.
 */
async function filterPlanes(
  filter: PictureFilter,
  input: Tensor,
  outputs: readonly Tensor[],
): Promise<readonly Float32Array[]> {
  const alpha = alphaPlaneOf(planesOf(input));
  if (alpha !== undefined) multiplyByAlpha(planesOf(input).slice(0, -1), alpha);
  const planes = planesOf(await applyFilter(filter, input, outputs));
  const filtered = alphaPlaneOf(planes);
  if (alpha === undefined || filtered === undefined) return planes;
  const { alphaOf } = filter;
  if (alphaOf !== undefined) {
    for (let pixel = 0; pixel < filtered.length; pixel++) {
      filtered[pixel] = alphaOf(alpha[pixel] ?? 0, filtered[pixel] ?? 0);
    }
  }
  divideByAlpha(planes.slice(0, -1), filtered);
  return planes;
}

function alphaPlaneOf(planes: readonly Float32Array[]): Float32Array | undefined {
  return hasAlpha(planes.length) ? planes.at(-1) : undefined;
}

function planesOf({ data, shape }: Tensor): readonly Float32Array[] {
  const [channels = 0, height = 0, width = 0] = shape;
  const plane = height * width;
  return Array.from(
    { length: channels },
    (_, channel) => data.subarray(channel * plane, (channel + 1) * plane),
  );
}
