/**
 * From the samples of a picture to what the network takes, and from what it makes to samples.
 *
 * @module
 */

import type { Lines } from "../../io/pictures/png_chunks.ts";
import type { Raster } from "../../io/pictures/raster.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { hasAlpha } from "../pictures/transparency.ts";
import { WHITE } from "./trained_network.ts";
import type { Span } from "./windows.ts";

/** A part of a picture. */
export interface Part {
  /** Red, green and blue from 0 to {@linkcode WHITE}, `(1, 3, H, W)`. */
  readonly colors: Tensor;
  /** From 0 to 1, `(1, H, W)`. */
  readonly alpha: Tensor | null;
}

/** Reads a part; the three colours of grey are equal. */
export function readPart(raster: Raster, rows: Span, columns: Span): Part {
  const { width, channels, largest, samples } = raster;
  const plane = rows.count * columns.count;
  const colors = Tensor.zeros([1, 3, rows.count, columns.count]);
  const alpha = hasAlpha(channels) ? Tensor.zeros([1, rows.count, columns.count]) : null;
  const last = channels - 1;
  const colorOf = channels < 3 ? () => 0 : (color: number) => color;
  let pixel = 0;
  for (let y = rows.first; y < rows.first + rows.count; y++) {
    for (let x = columns.first; x < columns.first + columns.count; x++, pixel++) {
      const at = (y * width + x) * channels;
      const visible = alpha === null ? largest : samples[at + last] ?? 0;
      if (alpha !== null) alpha.data[pixel] = visible / largest;
      for (let color = 0; color < 3; color++) {
        const value = visible === 0
          ? nearbyColor(raster, y, x, colorOf(color))
          : samples[at + colorOf(color)] ?? 0;
        colors.data[color * plane + pixel] = value * WHITE / largest;
      }
    }
  }
  return { colors, alpha };
}

/** So far what is visible counts for the colour of what is not: the network sees the next few pixels best. */
const NEARBY = 4;

/**
 * The colour for a pixel of which nothing is to be seen: the mean of what is visible around it, so that its own colour,
 * which may be any, does not show at the edges of what is visible.
 */
function nearbyColor(
  { width, height, channels, samples }: Raster,
  y: number,
  x: number,
  color: number,
): number {
  let [sum, weights] = [0, 0];
  for (let row = Math.max(0, y - NEARBY); row <= Math.min(height - 1, y + NEARBY); row++) {
    for (
      let column = Math.max(0, x - NEARBY);
      column <= Math.min(width - 1, x + NEARBY);
      column++
    ) {
      const at = (row * width + column) * channels;
      const alpha = samples[at + channels - 1] ?? 0;
      if (alpha === 0) continue;
      const weight = alpha / ((row - y) ** 2 + (column - x) ** 2);
      sum += weight * (samples[at + color] ?? 0);
      weights += weight;
    }
  }
  return weights === 0 ? 0 : sum / weights;
}

/** The lines of a PNG file that are filled part by part. */
export interface Band {
  readonly lines: Lines;
  readonly lineBytes: number;
  readonly channels: number;
  readonly bitDepth: 8 | 16;
}

/** Lines of which none is filled yet: before each comes a byte that says "not filtered". */
export function emptyBand(
  { width, channels, bitDepth }: Pick<Raster, "width" | "channels" | "bitDepth">,
  rows: number,
): Band {
  const lineBytes = 1 + width * channels * bitDepth / 8;
  return { lines: new Uint8Array(rows * lineBytes), lineBytes, channels, bitDepth };
}

/** Where what is kept of a part goes: both from the part's and the band's first pixel on. */
export interface Place {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** How much of each colour is in grey: as bright as they are to the eye. */
const LUMA = [0.299, 0.587, 0.114] as const;

/**
 * Writes what is kept of an enlarged part into the lines.
 *
 * @param rows The rows of the part that are kept, as those of the band.
 * @param columns The columns that are kept, and where in the lines they go.
 */
export function writePart(
  { lines, lineBytes, channels, bitDepth }: Band,
  { colors, alpha }: Part,
  rows: Place,
  columns: Place,
): void {
  const [, , height = 0, pitch = 0] = colors.shape;
  const largest = 2 ** bitDepth - 1;
  const sampleBytes = bitDepth / 8;
  const planes = planesOf(colors, height * pitch, channels);
  for (const [channel, { data, scale }] of [...planes, ...alphaPlane(alpha)].entries()) {
    for (let row = 0; row < rows.count; row++) {
      let from = (rows.from + row) * pitch + columns.from;
      let to = (rows.to + row) * lineBytes + 1 + (columns.to * channels + channel) * sampleBytes;
      for (let i = 0; i < columns.count; i++, from++, to += channels * sampleBytes) {
        const value = Math.min(Math.max((data[from] ?? 0) * scale, 0), 1);
        const sample = Math.round(value * largest);
        if (bitDepth === 8) lines[to] = sample;
        else {
          lines[to] = sample >> 8;
          lines[to + 1] = sample;
        }
      }
    }
  }
}

/** Numbers that become samples, and what makes 1 of the largest. */
interface Plane {
  readonly data: Float32Array;
  readonly scale: number;
}

function planesOf({ data }: Tensor, size: number, channels: number): Plane[] {
  const colors = [0, 1, 2].map((color) => data.subarray(color * size, (color + 1) * size));
  if (channels > 2) return colors.map((data) => ({ data, scale: 1 / WHITE }));
  const [red = [], green = [], blue = []] = colors;
  const grey = Float32Array.from(
    { length: size },
    (_, i) => LUMA[0] * (red[i] ?? 0) + LUMA[1] * (green[i] ?? 0) + LUMA[2] * (blue[i] ?? 0),
  );
  return [{ data: grey, scale: 1 / WHITE }];
}

function alphaPlane(alpha: Tensor | null): Plane[] {
  return alpha === null ? [] : [{ data: alpha.data, scale: 1 }];
}
