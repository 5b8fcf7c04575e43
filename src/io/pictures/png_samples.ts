/**
 * What the samples of a PNG file mean: colours of a palette, a colour that stands for transparent, or
 * themselves.
 *
 * @module
 */

import type { PngShape } from "./png_chunks.ts";
import { linesOf } from "./png_lines.ts";
import type { PngHeader, PngParts } from "./png_parts.ts";
import { damaged } from "./png_parts.ts";
import type { Raster } from "./raster.ts";

/** Samples, as they come from a line or go into a picture. */
type Samples = Uint8Array | Uint16Array;

/** Writes the samples of some pixels into a picture, the pixels `step` samples apart. */
type WritePixels = (from: Samples, to: Samples, at: number, step: number) => void;

/** The size and channels that a file is read as. */
export function shapeOf({ header, palette, transparency }: PngParts): PngShape {
  const { width, height, depth, samples } = header;
  const colors = palette === null ? samples : 3;
  const channels = transparency === null ? colors : colors + 1;
  return { width, height, channels, bitDepth: depth === 16 ? 16 : 8 };
}

/**
 * Reads the samples of a file.
 *
 * @param parts What the file holds.
 * @throws {SyntaxError} If they are damaged.
 */
export function readRaster(parts: PngParts): Raster {
  const { header, palette } = parts;
  const shape = shapeOf(parts);
  const { width, height, channels, bitDepth } = shape;
  const count = width * height * channels;
  const samples = bitDepth === 16 ? new Uint16Array(count) : new Uint8Array(count);
  const write = writerOf(parts);
  for (const { pass, row, bytes } of linesOf(parts)) {
    const first = (pass.top + row * pass.down) * width + pass.left;
    const values = unpack(header, bytes, pass.width * header.samples);
    write(values, samples, first * channels, pass.across * channels);
  }
  // A place in a palette is no brightness: what is read is the colour there.
  const largest = palette === null ? 2 ** header.depth - 1 : 255;
  return { ...shape, largest, samples };
}

/** One number per sample. */
function unpack({ depth }: PngHeader, bytes: Uint8Array, count: number): Samples {
  if (depth === 8) return bytes;
  if (depth === 16) {
    const values = new Uint16Array(count);
    for (let index = 0; index < count; index++) {
      values[index] = (bytes[2 * index] ?? 0) << 8 | (bytes[2 * index + 1] ?? 0);
    }
    return values;
  }
  const values = new Uint8Array(count);
  const mask = 2 ** depth - 1;
  for (let index = 0, bit = 0; index < count; index++, bit += depth) {
    // The first sample of a byte is in its highest bits.
    values[index] = ((bytes[bit >> 3] ?? 0) >> (8 - depth - (bit & 7))) & mask;
  }
  return values;
}

function writerOf({ header, palette, transparency }: PngParts): WritePixels {
  if (palette !== null) return paletteWriter(palette, transparency);
  if (transparency === null) return copyWriter(header.samples);
  return keyWriter(header, transparency);
}

function copyWriter(channels: number): WritePixels {
  return (from, to, at, step) => {
    if (step === channels) {
      to.set(from, at);
      return;
    }
    for (let pixel = 0; pixel < from.length; pixel += channels, at += step) {
      for (let channel = 0; channel < channels; channel++) {
        to[at + channel] = from[pixel + channel] ?? 0;
      }
    }
  };
}

function paletteWriter(palette: Uint8Array, alpha: Uint8Array | null): WritePixels {
  const colors = palette.length / 3;
  return (from, to, at, step) => {
    for (let pixel = 0; pixel < from.length; pixel++, at += step) {
      const place = from[pixel] ?? 0;
      if (place >= colors) {
        throw damaged(`a pixel has colour ${place} of a palette of ${colors}`);
      }
      for (let channel = 0; channel < 3; channel++) {
        to[at + channel] = palette[3 * place + channel] ?? 0;
      }
      if (alpha !== null) to[at + 3] = alpha[place] ?? 255;
    }
  };
}

/** Adds an alpha channel that is 0 where a pixel has the transparent colour, and full elsewhere. */
function keyWriter({ samples, depth }: PngHeader, transparency: Uint8Array): WritePixels {
  const largest = 2 ** depth - 1;
  const view = new DataView(transparency.buffer, transparency.byteOffset, transparency.byteLength);
  // Only the bits of a sample count, whatever stands above them.
  const key = Array.from({ length: samples }, (_, sample) => view.getUint16(2 * sample) & largest);
  return (from, to, at, step) => {
    for (let pixel = 0; pixel < from.length; pixel += samples, at += step) {
      let hidden = true;
      for (let sample = 0; sample < samples; sample++) {
        const value = from[pixel + sample] ?? 0;
        to[at + sample] = value;
        hidden &&= value === key[sample];
      }
      to[at + samples] = hidden ? 0 : largest;
    }
  };
}
