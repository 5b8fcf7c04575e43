import { fillNormal, type Random } from "../../tensor/random.ts";
import { Tensor } from "../../tensor/tensor.ts";

/**
 * A picture with Gaussian noise, each value kept between 0 and 1, as a file would hold it.
 *
 * @param clean The pixels, from 0 to 1.
 * @param deviation The standard deviation of the noise.
 * @param random Draws it.
 */
export function addNoise(clean: Tensor, deviation: number, random: Random): Tensor {
  const noisy = Tensor.zeros(clean.shape);
  fillNormal(noisy.data, random);
  for (let i = 0; i < noisy.size; i++) {
    const value = (clean.data[i] ?? 0) + deviation * (noisy.data[i] ?? 0);
    noisy.data[i] = Math.min(Math.max(value, 0), 1);
  }
  return noisy;
}

/** The mean square of the differences of two pictures, each value of the first one kept between 0 and 1. */
export function squaredError(picture: Tensor, clean: Tensor): number {
  let sum = 0;
  for (let i = 0; i < clean.size; i++) {
    const value = Math.min(Math.max(picture.data[i] ?? 0, 0), 1);
    sum += (value - (clean.data[i] ?? 0)) ** 2;
  }
  return sum / clean.size;
}

/** The peak signal-to-noise ratio in dB, of pixels from 0 to 1. */
export function psnr(squaredError: number): number {
  return -10 * Math.log10(squaredError);
}
