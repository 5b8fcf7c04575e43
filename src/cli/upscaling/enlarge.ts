/**
 * Pictures enlarged part by part: what the network computes never exists for the whole picture.
 *
 * @module
 */

import type { Engine } from "../../engine/engine.ts";
import type { PeekedPicture } from "../../io/pictures/picture.ts";
import type { Lines } from "../../io/pictures/png_chunks.ts";
import type { Raster } from "../../io/pictures/raster.ts";
import {
  applyFilter,
  buildFilter,
  DEFAULT_SETTINGS,
  type PictureFilter,
} from "../pictures/filters.ts";
import { emptyBand, type Part, readPart, writePart } from "./samples.ts";
import type { Upscaler } from "./trained_network.ts";
import { planWindows, type Span, type Windows } from "./windows.ts";

/** The memory that there is. */
export interface Room {
  /** Bytes that the engine's threads share. */
  readonly shared: number;
  /** Bytes for all other arrays. */
  readonly arrays: number;
}

/** How a picture is enlarged, and what that takes. */
export interface EnlargementPlan {
  readonly windows: Windows;
  /** Bytes that the engine's threads share. */
  readonly shared: number;
  /** Bytes of what windows are read into and of what is made of them. */
  readonly arrays: number;
}

/** More pixels at a time are not faster, and then it takes long until something is to be seen of the progress. */
const MOST_PIXELS = 2 ** 19;

/** Rows and columns of the window that others are judged by: to plan each of them would take longer than they do. */
const SAMPLE = 216;

/** Decides how a picture is cut: into windows that there is room for. */
export function planEnlargement(
  upscaler: Upscaler,
  picture: PeekedPicture,
  room: Room,
): EnlargementPlan {
  const { height, width } = picture;
  // What does not depend on the size is counted with the pixels of a small window.
  const [sampleHeight, sampleWidth] = [Math.min(height, SAMPLE), Math.min(width, SAMPLE)];
  const pixelBytes = upscaler.bytesOf(sampleHeight, sampleWidth) / (sampleHeight * sampleWidth);
  const windows = planWindows(
    height,
    width,
    (height, width) =>
      height * width <= MOST_PIXELS &&
      height * width * pixelBytes <= room.shared &&
      arrayBytes(upscaler, picture, height, width) <= room.arrays - picture.readingBytes,
  );
  return {
    windows,
    shared: upscaler.bytesOf(windows.height, windows.width),
    arrays: arrayBytes(upscaler, picture, windows.height, windows.width),
  };
}

/** Of arrays that are done with, as many wait for the collector. */
const WAITING = 2;

function arrayBytes(
  { scale }: Upscaler,
  { width, channels, bitDepth }: PeekedPicture,
  windowHeight: number,
  windowWidth: number,
): number {
  const pixels = windowHeight * windowWidth;
  // Colours and alpha, which the network copies.
  const inputs = 2 * 4 * pixels;
  const outputs = 4 * pixels * scale ** 2;
  const lines = windowHeight * width * scale ** 2 * channels * bitDepth / 8;
  return WAITING * (Float32Array.BYTES_PER_ELEMENT * (inputs + outputs) + lines);
}

/** What is told while a picture is enlarged. */
export interface Watcher {
  /** A window is done, which took some seconds to compute. */
  advance(seconds: number): void;
}

/** Enlarges a picture: lines of a PNG file, some at a time. */
export async function* enlargedLines(
  raster: Raster,
  upscaler: Upscaler,
  { rows, columns }: Windows,
  engine: Engine,
  watcher: Watcher,
): AsyncGenerator<Lines> {
  const { scale } = upscaler;
  const alphaFilter = buildFilter("upscale", 1, { ...DEFAULT_SETTINGS, scale }, engine);
  const shape = { ...raster, width: raster.width * scale };
  for (const down of rows) {
    const band = emptyBand(shape, (down.to - down.from) * scale);
    for (const across of columns) {
      const part = readPart(raster, down, across);
      const begin = performance.now();
      const enlarged = await enlargePart(part, upscaler, alphaFilter);
      watcher.advance((performance.now() - begin) / 1e3);
      writePart(
        band,
        enlarged,
        { ...kept(down, scale), to: 0 },
        { ...kept(across, scale), to: across.from * scale },
      );
    }
    // Line by line: a file does not tell then how its picture was cut.
    for (let at = 0; at < band.lines.length; at += band.lineBytes) {
      yield band.lines.subarray(at, at + band.lineBytes);
    }
  }
}

/** What is kept of an enlarged window. */
function kept({ first, from, to }: Span, scale: number): { from: number; count: number } {
  return { from: (from - first) * scale, count: (to - from) * scale };
}

/** Colours by the network; alpha is interpolated: it is no picture of anything. */
async function enlargePart(
  { colors, alpha }: Part,
  upscaler: Upscaler,
  alphaFilter: PictureFilter,
): Promise<Part> {
  return {
    colors: await upscaler.enlarge(colors),
    alpha: alpha && await applyFilter(alphaFilter, alpha),
  };
}
