import type { Engine } from "../../engine/engine.ts";
import { Conv2d } from "../../layers/conv.ts";
import { Tensor } from "../../tensor/tensor.ts";

const ORIENTATIONS = 8;

/** Pixels from crest to crest, in taps. */
const WAVELENGTHS = [3, 5];

const KERNEL_SIZE = 9;

/** How far the bell over the wave reaches, in taps. */
const DEVIATION = 2;

/** How much red, green and blue count for brightness (ITU-R BT.601). */
const LUMA = [0.299, 0.587, 0.114];

/** The pixels between the pictures of a sheet. */
const GAP = 2;

/**
 * A bank of Gabor filters, such as the first layer of an image network learns: each answers to stripes of
 * one direction and width. Strided and dilated, so that one pass looks at large areas.
 */
export function gaborBank(engine: Engine): Conv2d {
  const layer = new Conv2d(LUMA.length, ORIENTATIONS * WAVELENGTHS.length, KERNEL_SIZE, {
    stride: 2,
    dilation: 2,
    padding: "same",
    paddingMode: "reflect",
    bias: false,
    engine,
  });
  const kernels = WAVELENGTHS.flatMap((wavelength) =>
    Array.from(
      { length: ORIENTATIONS },
      (_, index) => gaborKernel(wavelength, Math.PI * index / ORIENTATIONS),
    )
  );
  layer.weight.data.set(
    kernels.flatMap((kernel) => LUMA.flatMap((part) => kernel.map((tap) => part * tap))),
  );
  return layer;
}

/** A wave under a bell, its mean taken off so that flat areas give 0, its taps scaled to a sum of 2. */
function gaborKernel(wavelength: number, angle: number): readonly number[] {
  const middle = (KERNEL_SIZE - 1) / 2;
  const taps = Array.from({ length: KERNEL_SIZE ** 2 }, (_, index) => {
    const [x, y] = [index % KERNEL_SIZE - middle, Math.floor(index / KERNEL_SIZE) - middle];
    const along = x * Math.cos(angle) + y * Math.sin(angle);
    const bell = Math.exp(-(x * x + y * y) / (2 * DEVIATION ** 2));
    return bell * Math.cos(2 * Math.PI * along / wavelength);
  });
  const mean = taps.reduce((sum, tap) => sum + tap, 0) / taps.length;
  const total = taps.reduce((sum, tap) => sum + Math.abs(tap - mean), 0);
  return taps.map((tap) => 2 * (tap - mean) / total);
}

/**
 * Lays channels out as pictures in a grid, grey where they are 0.
 *
 * @param channels `(C, H, W)`, values around 0.
 * @returns `(1, ...)`, values around one half.
 */
export function contactSheet(channels: Tensor): Tensor {
  const [count = 0, height = 0, width = 0] = channels.shape;
  const columns = Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / columns);
  const sheetWidth = columns * (width + GAP) - GAP;
  const sheet = Tensor.ones([1, rows * (height + GAP) - GAP, sheetWidth]);
  for (let channel = 0; channel < count; channel++) {
    const top = Math.floor(channel / columns) * (height + GAP);
    const left = channel % columns * (width + GAP);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const value = channels.data[(channel * height + y) * width + x] ?? 0;
        sheet.data[(top + y) * sheetWidth + left + x] = 0.5 + 0.5 * value;
      }
    }
  }
  return sheet;
}
