import type { Engine } from "../../engine/engine.ts";
import { Conv2d } from "../../layers/conv.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Color } from "./canvas.ts";
import { mixColors } from "./canvas.ts";

/** The width and height of a kernel, in taps. */
const KERNEL_SIZE = 13;

/** Pixels from crest to crest. */
const WAVELENGTH = 7;

/** How far the bell over the wave reaches, in pixels. */
const DEVIATION = 2.5;

/** How much red, green and blue count for brightness (ITU-R BT.601). */
const LUMA = [0.299, 0.587, 0.114];

/**
 * A bank of Gabor filters, such as the first layer of an image network learns: each answers to stripes of
 * one direction.
 *
 * @param angles The directions of the stripes in degrees: 0 is level, 90 upright, between them they rise
 * to the right.
 * @param engine Who computes.
 * @returns A layer from red, green and blue to a channel for each angle.
 */
export function gaborBank(angles: readonly number[], engine: Engine): Conv2d {
  const layer = new Conv2d(LUMA.length, angles.length, KERNEL_SIZE, {
    padding: "same",
    paddingMode: "replicate",
    bias: false,
    engine,
  });
  layer.weight.data.set(
    angles.map(gaborKernel)
      .flatMap((kernel) => LUMA.flatMap((part) => kernel.map((tap) => part * tap))),
  );
  return layer;
}

/** A wave under a bell, its mean taken off so that flat areas give 0, its taps scaled to a sum of 2. */
function gaborKernel(angle: number): readonly number[] {
  const turn = angle * Math.PI / 180;
  const middle = (KERNEL_SIZE - 1) / 2;
  const taps = Array.from({ length: KERNEL_SIZE ** 2 }, (_, index) => {
    const [x, y] = [index % KERNEL_SIZE - middle, Math.floor(index / KERNEL_SIZE) - middle];
    // Rows count downwards, angles upwards.
    const across = x * Math.sin(turn) + y * Math.cos(turn);
    const bell = Math.exp(-(x * x + y * y) / (2 * DEVIATION ** 2));
    return bell * Math.cos(2 * Math.PI * across / WAVELENGTH);
  });
  const mean = taps.reduce((sum, tap) => sum + tap, 0) / taps.length;
  const total = taps.reduce((sum, tap) => sum + Math.abs(tap - mean), 0);
  return taps.map((tap) => 2 * (tap - mean) / total);
}

const AT_ZERO: Color = [0.05, 0.06, 0.09];
const ABOVE: Color = [1, 0.78, 0.36];
const BELOW: Color = [0.3, 0.66, 1];

/** Shades of each colour: more cannot be seen, and make the file larger by half. */
const SHADES = 16;

/**
 * A channel with values around 0 in two colours, dark where it is 0.
 *
 * @param channels `(C, H, W)`.
 * @param channel Which one.
 * @param gain How many times the values are taken: the colours are full at -1 and 1.
 * @returns `(3, H, W)`.
 */
export function colorSigned(channels: Tensor, channel: number, gain: number): Tensor {
  const [, height = 0, width = 0] = channels.shape;
  const plane = height * width;
  const result = Tensor.zeros([AT_ZERO.length, height, width]);
  for (let pixel = 0; pixel < plane; pixel++) {
    const value = gain * (channels.data[channel * plane + pixel] ?? 0);
    const share = Math.round(SHADES * Math.min(Math.abs(value), 1)) / SHADES;
    const color = mixColors(AT_ZERO, value > 0 ? ABOVE : BELOW, share);
    color.forEach((part, at) => result.data[at * plane + pixel] = part);
  }
  return result;
}
