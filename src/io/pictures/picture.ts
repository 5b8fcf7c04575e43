import { Tensor } from "../../tensor/tensor.ts";
import { checkBound } from "../checks.ts";
import type { Raster } from "./raster.ts";
import { readRows } from "./raster.ts";

/** A picture as numbers, with what is needed to write it as it was. */
export interface Picture {
  /**
   * Shape `(C, H, W)`, values from 0 to 1. One channel is grey, two are grey and alpha, three red, green
   * and blue, four these and alpha.
   */
  readonly pixels: Tensor;
  /** The bits of one sample in the file. */
  readonly bitDepth: 8 | 16;
}

/** A picture that was read from a file. */
export interface DecodedPicture extends Picture {
  /** What was wrong in the file and was left out, each in a line: a damaged text, say. */
  readonly warnings: readonly string[];
}

/** The samples of a picture that was read from a file. */
export interface DecodedRaster extends Raster, Pick<DecodedPicture, "warnings"> {}

/** A picture in a file of which only the beginning was read. */
export interface PeekedPicture extends Pick<Raster, "width" | "height" | "channels" | "bitDepth"> {
  /** What is in memory while it is read, the file and the samples included. */
  readonly readingBytes: number;
  /** Reads the picture, its samples as they are in the file. */
  read(): Promise<DecodedRaster>;
}

/** How the file of a picture is read. */
export interface PictureOptions {
  /**
   * The most pixels that a picture may have. A few kilobytes can say that they are a picture of gigabytes, and
   * be right: what reads files of strangers needs a bound. `Infinity` is none.
   *
   * @default {100_000_000}
   */
  readonly mostPixels?: number;
}

/** In most files the samples begin within so many bytes, behind colour profiles and the like. */
export const START_BYTES = 65536;

/** What {@linkcode PictureOptions.mostPixels} is by default. */
export const DEFAULT_MOST_PIXELS = 100_000_000;

/**
 * The bound that the user gave, or the usual one.
 *
 * @throws {TypeError} If an option is unknown or no number.
 * @throws {RangeError} If it is not positive.
 */
export function mostPixelsOf(where: string, options: PictureOptions): number {
  return checkBound(where, options, "mostPixels") ?? DEFAULT_MOST_PIXELS;
}

/** Refuses a picture that is too large, before room is made for it. */
export function checkPixels(width: number, height: number, mostPixels: number): void {
  if (width * height <= mostPixels) return;
  throw new SyntaxError(
    `it has ${width} x ${height} pixels, more than the ${mostPixels} that may be read`,
  );
}

/** The samples of a picture as numbers. */
export function pictureOf(raster: DecodedRaster): DecodedPicture {
  const { channels, height, width, bitDepth, warnings } = raster;
  const pixels = Tensor.zeros([channels, height, width]);
  readRows(raster, 0, pixels.data);
  return { pixels, bitDepth, warnings };
}
