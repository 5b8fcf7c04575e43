/**
 * A denoiser that was trained, as a filter for pictures of any channels.
 *
 * @module
 */

import type { Engine } from "../../engine/engine.ts";
import { Conv2d } from "../../layers/conv.ts";
import type { PictureFilter } from "../pictures/filters.ts";
import { hasAlpha } from "../pictures/transparency.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { DEPTH, WIDTH } from "./denoise_network.ts";
import type { DenoiseSettings } from "./denoise_training.ts";

/** What was learned. */
export interface Denoiser {
  /** Channels of the pictures that it was learned from. */
  readonly channels: number;
  /** The deviation of the noise, of pixels from 0 to 1. */
  readonly deviation: number;
  readonly layers: readonly LayerValues[];
}

/** A layer's parameters. */
interface LayerValues {
  /** `(outputs, inputs, 3, 3)`. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

const TAPS = 3 * 3;

/**
 * Reads what `train denoise` has written.
 *
 * @throws {FileError} If it cannot be read, or is another training.
 */
export async function readDenoiser(path: string): Promise<Denoiser> {
  return await readCheckpoint(path, ({ settings, tensors }) => {
    const { channels, noise } = settingsOf(settings);
    const valuesOf = (name: string, shape: readonly number[]) => {
      const tensor = tensors.get(name);
      if (tensor?.shape.join() === shape.join()) return tensor.data;
      throw new SyntaxError(`it has no array ${name} of shape [${shape.join(", ")}]`);
    };
    const layers = Array.from({ length: DEPTH }, (_, index) => {
      const inputs = index === 0 ? channels : WIDTH;
      const outputs = index === DEPTH - 1 ? channels : WIDTH;
      return {
        weight: valuesOf(`${index}.weight`, [outputs, inputs, 3, 3]),
        bias: valuesOf(`${index}.bias`, [outputs]),
      };
    });
    return { channels, deviation: noise / 255, layers };
  });
}

/** The settings of a denoiser. */
function settingsOf(json: string): Pick<DenoiseSettings, "channels" | "noise"> {
  const settings: unknown = JSON.parse(json);
  if (typeof settings === "object" && settings !== null) {
    const { channels, noise }: { channels?: unknown; noise?: unknown } = settings;
    const isKnown = channels === 1 || channels === 3;
    if (isKnown && typeof noise === "number") return { channels, noise };
  }
  throw new SyntaxError("it is of another training than that of a denoiser");
}

/**
 * A filter that takes away noise as it was learned, for pictures of other channels, too: what learned grey does
 * so with each colour, and to what learned colours grey is three equal ones. Alpha is kept.
 *
 * @param denoiser What was learned.
 * @param channels The channels of the pictures.
 * @param engine Who computes.
 */
export function denoiseFilter(
  denoiser: Denoiser,
  channels: number,
  engine: Engine,
): PictureFilter {
  const groups = denoiser.channels === 1 ? channels : 1;
  const fitted = groups === 1 ? fitChannels(denoiser, channels) : denoiser.layers;
  const layers = fitted.map(({ weight, bias }, index) => {
    const isLast = index === DEPTH - 1;
    const [from, to] = [
      index === 0 ? channels : groups * WIDTH,
      isLast ? channels : groups * WIDTH,
    ];
    const layer = new Conv2d(from, to, 3, {
      groups,
      padding: 1,
      engine,
      ...isLast ? {} : { activation: "relu" as const },
    });
    // The last layer finds noise in units of its deviation: subtracted it is a change.
    const scale = isLast ? -denoiser.deviation : 1;
    fillRepeating(layer.weight.data, weight, scale);
    fillRepeating(layer.bias?.data ?? new Float32Array(), bias, scale);
    return layer;
  });
  return { layers, isResidual: true, reach: DEPTH, scale: 1, alphaOf: (before) => before };
}

function fillRepeating(target: Float32Array, values: Float32Array, scale: number): void {
  for (let i = 0; i < target.length; i++) target[i] = scale * (values[i % values.length] ?? 0);
}

/** The layers of a denoiser for other channels than it has. */
function fitChannels({ layers, channels: learned }: Denoiser, channels: number): LayerValues[] {
  const colors = hasAlpha(channels) ? channels - 1 : channels;
  // Of each channel of the pictures, the learned ones that it stands for; of alpha there are none.
  const standsFor = Array.from({ length: channels }, (_, channel) => {
    if (channel >= colors) return [];
    return Array.from({ length: learned / colors }, (_, one) => channel * learned / colors + one);
  });
  const sum = (indices: readonly number[], values: Float32Array) =>
    indices.reduce((sum, index) => sum + (values[index] ?? 0), 0);
  return layers.map(({ weight, bias }, index) => {
    if (index === 0) {
      const fitted = Array.from({ length: WIDTH * channels * TAPS }, (_, i) => {
        const [output, tap] = [Math.floor(i / TAPS / channels), i % TAPS];
        const inputs = standsFor[Math.floor(i / TAPS) % channels] ?? [];
        return sum(inputs.map((input) => (output * learned + input) * TAPS + tap), weight);
      });
      return { weight: Float32Array.from(fitted), bias };
    }
    if (index < DEPTH - 1) return { weight, bias };
    const mean = (values: Float32Array) => {
      const size = values.length / learned;
      return Float32Array.from({ length: channels * size }, (_, i) => {
        const outputs = standsFor[Math.floor(i / size)] ?? [];
        const total = sum(outputs.map((output) => output * size + i % size), values);
        return outputs.length === 0 ? 0 : total / outputs.length;
      });
    };
    return { weight: mean(weight), bias: mean(bias) };
  });
}
