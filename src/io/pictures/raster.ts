import type { Lines } from "./png_chunks.ts";

/** The samples of a picture as a decoder leaves them: pixel by pixel, row by row. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  /** One channel is grey, two are grey and alpha, three red, green and blue, four these and alpha. */
  readonly channels: number;
  /** The sample that stands for 1. */
  readonly largest: number;
  /** The bits of one sample in a file that keeps all of them. */
  readonly bitDepth: 8 | 16;
  readonly samples: ArrayLike<number>;
}

/**
 * Writes rows of a picture as planes of numbers from 0 to 1, one plane per channel.
 *
 * @param raster The picture.
 * @param first The first row.
 * @param planes Receives the rows; its size says how many there are.
 */
export function readRows(raster: Raster, first: number, planes: Float32Array): void {
  const { width, channels, largest, samples } = raster;
  const plane = planes.length / channels;
  const begin = first * width * channels;
  for (let channel = 0; channel < channels; channel++) {
    for (let pixel = 0; pixel < plane; pixel++) {
      planes[channel * plane + pixel] = (samples[begin + pixel * channels + channel] ?? 0) /
        largest;
    }
  }
}

/**
 * Rows of a picture as the lines of a PNG file: a byte that says "not filtered", then the samples, their
 * high byte first.
 *
 * @param planes One per channel. Values below 0, above 1 and NaN become the nearest that can be stored, NaN
 * becomes 0.
 * @param width The pixels of a row.
 * @param from The first row.
 * @param to The row behind the last one.
 * @param bitDepth The bits of one sample.
 */
export function scanlines(
  planes: readonly Float32Array[],
  width: number,
  from: number,
  to: number,
  bitDepth: 8 | 16,
): Lines {
  const largest = 2 ** bitDepth - 1;
  const sampleBytes = bitDepth / 8;
  const pixelBytes = planes.length * sampleBytes;
  const lineBytes = 1 + width * pixelBytes;
  const lines = new Uint8Array((to - from) * lineBytes);
  for (const [channel, plane] of planes.entries()) {
    for (let row = from; row < to; row++) {
      let at = (row - from) * lineBytes + 1 + channel * sampleBytes;
      for (let pixel = row * width; pixel < (row + 1) * width; pixel++, at += pixelBytes) {
        // Math.max of NaN is NaN, which a typed array stores as 0.
        const sample = Math.round(Math.min(Math.max(plane[pixel] ?? 0, 0), 1) * largest);
        if (bitDepth === 8) {
          lines[at] = sample;
        } else {
          lines[at] = sample >> 8;
          lines[at + 1] = sample;
        }
      }
    }
  }
  return lines;
}
