import type { Engine } from "../../engine/engine.ts";
import { Conv2d } from "../../layers/conv.ts";
import { type AnyTensor, Tensor } from "../../tensor/tensor.ts";
import { kaimingNormal, zeros } from "../../train/init.ts";
import { applyLayers } from "./training.ts";

/** Convolutions of 3x3, and the channels between them. */
export const DEPTH = 6;
export const WIDTH = 32;

/**
 * Layers that tell the noise in a picture, in units of its deviation: what is left when it is subtracted is the
 * picture ("Beyond a Gaussian Denoiser", Zhang et al., 2017, without its batch normalization). At first they find
 * none.
 *
 * @param channels The channels of the pictures.
 * @param seed Fixes the initial weights.
 * @param engine Who computes.
 */
export function denoiseLayers(channels: number, seed: number, engine: Engine): readonly Conv2d[] {
  const layers = Array.from({ length: DEPTH }, (_, index) => {
    const isLast = index === DEPTH - 1;
    const [from, to] = [index === 0 ? channels : WIDTH, isLast ? channels : WIDTH];
    return new Conv2d(from, to, 3, {
      padding: 1,
      engine,
      ...isLast ? {} : { activation: "relu" as const },
    });
  });
  layers.forEach(({ weight, bias }, index) => {
    if (index === DEPTH - 1) zeros(weight);
    else kaimingNormal(weight, { seed: seed + index, nonlinearity: "relu" });
    bias?.data.fill(0);
  });
  return layers;
}

/**
 * A picture without the noise that layers find in it.
 *
 * @param layers What {@linkcode denoiseLayers} made.
 * @param noisy `(C, H, W)`.
 * @param deviation The deviation of the noise; the pixels are from 0 to 1.
 */
export async function denoise(
  layers: readonly Conv2d[],
  noisy: AnyTensor,
  deviation: number,
): Promise<Tensor> {
  const noise = (await applyLayers(layers, noisy)).data;
  const values = noisy.data;
  const result = Tensor.zeros(noisy.shape);
  for (let i = 0; i < result.size; i++) {
    result.data[i] = (values[i] ?? 0) - deviation * (noise[i] ?? 0);
  }
  return result;
}

/**
 * The bytes that a step takes, about: all that the layers compute is kept for the way back, where gradients come
 * to it.
 *
 * @param pixels Of all patches.
 * @param channels Of a patch.
 */
export function stepBytes(pixels: number, channels: number): number {
  return pixels * ((DEPTH + 2) * WIDTH + 6 * channels) * Float32Array.BYTES_PER_ELEMENT;
}

/** The bytes that {@linkcode denoise} takes, about: some of what the layers compute waits for the collector. */
export function denoiseBytes(pixels: number, channels: number): number {
  return pixels * (3 * WIDTH + 4 * channels) * Float32Array.BYTES_PER_ELEMENT;
}
