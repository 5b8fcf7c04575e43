import type { Conv2d } from "../../layers/conv.ts";
import { createRandom, type Random } from "../../tensor/random.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { meanSquaredError } from "../../train/mean_squared_error.ts";
import type { Tape } from "../../train/tape.ts";
import { addNoise, psnr } from "./noise.ts";
import { type ForwardPass, recordLayers, Training } from "./training.ts";

/** How training goes: with the same settings it ends in the same bits. */
export interface DenoiseSettings {
  readonly steps: number;
  /** Patches of a step. */
  readonly batch: number;
  /** Rows and columns of a patch. */
  readonly patch: number;
  /** The deviation of the noise, the largest value of a pixel being 255. */
  readonly noise: number;
  /** Fixes the patches and their noise. */
  readonly seed: number;
  /** Channels of the pictures. */
  readonly channels: number;
  /** Tells the pictures from others. */
  readonly pictures: string;
}

const RATES = { learningRate: 0.002, weightDecay: 0 };

/** Learns to tell noise from pictures. */
export class DenoiseTraining extends Training<DenoiseSettings> {
  readonly #pictures: readonly Tensor[];

  /**
   * @param layers What is trained.
   * @param pictures What it is trained on: `(C, H, W)` of any sizes that hold a patch, from 0 to 1.
   * @param settings How.
   */
  constructor(layers: readonly Conv2d[], pictures: readonly Tensor[], settings: DenoiseSettings) {
    super(layers, settings, settings.steps, RATES);
    this.#pictures = pictures;
  }

  protected override async forward(tape: Tape, step: number): Promise<ForwardPass> {
    const random = stepRandom(this.settings.seed, step);
    const clean = drawPatches(this.#pictures, this.settings, random);
    const deviation = this.settings.noise / 255;
    const noisy = addNoise(clean, deviation, random);
    const output = await recordLayers(tape, this.layers, noisy);
    const noise = Tensor.zeros(clean.shape);
    for (let i = 0; i < noise.size; i++) {
      noise.data[i] = ((noisy.data[i] ?? 0) - (clean.data[i] ?? 0)) / deviation;
    }
    const { loss, gradient } = meanSquaredError(output, noise);
    return { output, loss, gradient, quality: `${psnr(deviation ** 2 * loss).toFixed(2)} dB` };
  }
}

/** Steps that have random numbers of their own. */
export const MOST_STEPS = 2 ** 20;

/** The random numbers of a step, which no other step shares, nor one of another seed but by chance. */
function stepRandom(seed: number, step: number): Random {
  const first = Math.floor(2 ** 32 * createRandom("train denoise", seed)());
  return createRandom("train denoise", first * MOST_STEPS + step);
}

/**
 * Patches of pictures, `(N, C, H, W)`: from anywhere in any of them, turned and mirrored in one of the eight ways
 * that keep a square what it is.
 */
export function drawPatches(
  pictures: readonly Tensor[],
  { batch, patch, channels }: Pick<DenoiseSettings, "batch" | "patch" | "channels">,
  random: Random,
): Tensor {
  const patches = Tensor.zeros([batch, channels, patch, patch]);
  const below = (count: number) => Math.floor(random() * count);
  for (let item = 0; item < batch; item++) {
    const picture = pictures[below(pictures.length)];
    if (picture === undefined) throw new RangeError("There is no picture to draw patches from");
    const [, height = 0, width = 0] = picture.shape;
    const top = below(height - patch + 1);
    const left = below(width - patch + 1);
    const way = below(8);
    const rows = way & 1 ? { first: top + patch - 1, step: -1 } : { first: top, step: 1 };
    const columns = way & 2 ? { first: left + patch - 1, step: -1 } : { first: left, step: 1 };
    const begin = rows.first * width + columns.first;
    const along = [rows.step * width, columns.step];
    const [down = 0, right = 0] = way & 4 ? along.reverse() : along;
    for (let channel = 0; channel < channels; channel++) {
      const plane = channel * height * width + begin;
      const target = (item * channels + channel) * patch ** 2;
      for (let i = 0; i < patch ** 2; i++) {
        const from = plane + Math.floor(i / patch) * down + i % patch * right;
        patches.data[target + i] = picture.data[from] ?? 0;
      }
    }
  }
  return patches;
}
