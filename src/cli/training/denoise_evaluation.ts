/**
 * How much better a picture without its noise is: a network beside the best Gaussian blur.
 *
 * @module
 */

import type { Engine } from "../../engine/engine.ts";
import type { Conv2d } from "../../layers/conv.ts";
import type { Layer } from "../../layers/layer.ts";
import { createRandom } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { applyFilter, gaussianBlur } from "../pictures/filters.ts";
import { denoise } from "./denoise_network.ts";
import { middleOf, type NamedPicture } from "./denoise_pictures.ts";
import { addNoise, psnr, squaredError } from "./noise.ts";

/** What is given of a picture: the noise, and what takes it away. */
export const VERSIONS = ["noisy", "blurred", "network"] as const;

/** The peak signal-to-noise ratio of each, in dB. */
export type Ratios = Readonly<Record<(typeof VERSIONS)[number], number>>;

/** A picture that nothing was trained on. */
export interface Outcome {
  readonly name: string;
  readonly clean: Tensor;
  readonly versions: Readonly<Record<(typeof VERSIONS)[number], Tensor>>;
  readonly ratios: Ratios;
}

/** A blur that is as strong as it should be. */
export interface BestBlur {
  /** In pixels. */
  readonly deviation: number;
  readonly layers: readonly Layer[];
}

/** Blurs that are tried, from one that does nothing: each is wider by so much. */
const LEAST_DEVIATION = 0.25;
const MOST_DEVIATION = 8;
const WIDER = 1.08;

/** Of so many pictures, and of each the middle. */
const TRIED_PICTURES = 12;
const TRIED_SIDE = 192;

/** Taps beyond so many deviations count for nothing. */
const DEVIATIONS = 3;

/** Seeds of the noise that is not of training, so that it is that of the same picture on every run. */
const TEST_NOISE = 2 ** 40;

/**
 * The Gaussian blur that takes away most of the noise of some pictures: those of training, since those of the test
 * must be new to it, too.
 *
 * @param noise The deviation of the noise.
 */
export async function findBestBlur(
  pictures: readonly Tensor[],
  noise: number,
  engine: Engine,
): Promise<BestBlur> {
  const tried = pictures.slice(0, TRIED_PICTURES).map((pixels, index) => {
    const clean = middleOf(pixels, TRIED_SIDE, TRIED_SIDE);
    return { clean, noisy: noisyVersion(clean, noise, index) };
  });
  const channels = tried[0]?.clean.shape[0] ?? 1;
  let best: BestBlur = blurOf(channels, LEAST_DEVIATION, engine);
  let least = Infinity;
  for (let wide = LEAST_DEVIATION; wide < MOST_DEVIATION; wide *= WIDER) {
    const blur = blurOf(channels, wide, engine);
    let error = 0;
    for (const { clean, noisy } of tried) {
      error += squaredError(await applyFilter(blur, noisy), clean);
    }
    // Past the best one, wider ones only become worse.
    if (error >= least) break;
    [best, least] = [blur, error];
  }
  return best;
}

function blurOf(channels: number, deviation: number, engine: Engine): BestBlur {
  const radius = Math.ceil(DEVIATIONS * deviation);
  return { deviation, layers: gaussianBlur(channels, radius, deviation, engine) };
}

/**
 * Adds noise to pictures and takes it away.
 *
 * @param pictures Pictures that nothing was trained on.
 * @param layers The network.
 * @param blur What it is compared with.
 * @param noise The deviation of the noise.
 * @param advance Is told that another one is done.
 */
export async function evaluate(
  pictures: readonly NamedPicture[],
  layers: readonly Conv2d[],
  blur: BestBlur,
  noise: number,
  advance: () => void = () => {},
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [index, { name, pixels: clean }] of pictures.entries()) {
    const noisy = noisyVersion(clean, noise, index);
    const blurred = await applyFilter(blur, noisy);
    const network = await denoise(layers, noisy, noise);
    const ratio = (version: Tensor) => psnr(squaredError(version, clean));
    outcomes.push({
      name,
      clean,
      versions: { noisy, blurred, network },
      ratios: { noisy: ratio(noisy), blurred: ratio(blurred), network: ratio(network) },
    });
    advance();
  }
  return outcomes;
}

/** The means of ratios over all pictures. */
export function meanRatios(outcomes: readonly Outcome[]): Ratios {
  const mean = (version: keyof Ratios) =>
    outcomes.reduce((sum, { ratios }) => sum + ratios[version], 0) / outcomes.length;
  return { noisy: mean("noisy"), blurred: mean("blurred"), network: mean("network") };
}

function noisyVersion(clean: Tensor, noise: number, index: number): Tensor {
  return addNoise(clean, noise, createRandom("train denoise", TEST_NOISE + index));
}
