/**
 * Picture filters as layers. Each works on every channel by itself: the layers are depthwise.
 *
 * @module
 */

import type { Engine } from "../../engine/engine.ts";
import { Conv2d } from "../../layers/conv.ts";
import { ConvTranspose2d } from "../../layers/conv_transpose.ts";
import type { Layer } from "../../layers/layer.ts";
import { Tensor } from "../../tensor/tensor.ts";

/** The filters by name. */
export type FilterName = "blur" | "sharpen" | "edges" | "emboss" | "upscale";

/** How strongly a filter works. Which filter reads which is in {@linkcode FILTER_SETTINGS}. */
export interface FilterSettings {
  /** How far it reaches, in pixels. */
  readonly radius: number;
  /** The strength of its effect. */
  readonly amount: number;
  /** How many times larger the picture becomes. */
  readonly scale: number;
}

/** Layers to be applied one after the other, and what is left to do then. */
export interface Filter {
  readonly layers: readonly Layer[];
  /** Whether the last layer's output is a change: the pixels are added to it. */
  readonly isResidual?: true;
  /** What is computed from the last layer's output, such as a magnitude. */
  readonly finish?: (output: Tensor) => Tensor;
}

/** A filter that can be applied to parts of a picture. */
export interface PictureFilter extends Filter {
  /** How many rows above and below a row count for it. */
  readonly reach: number;
  /** The rows and columns that it makes of one. */
  readonly scale: number;
  /**
   * The alpha of a pixel, from what it was and what the filter makes of it. Without this it is the latter.
   */
  readonly alphaOf?: (before: number, filtered: number) => number;
}

/** Which settings a filter reads. */
export const FILTER_SETTINGS: Readonly<Record<FilterName, readonly (keyof FilterSettings)[]>> = {
  blur: ["radius"],
  sharpen: ["radius", "amount"],
  edges: ["amount"],
  emboss: ["amount"],
  upscale: ["scale"],
};

/** The settings where nothing is said. */
export const DEFAULT_SETTINGS: FilterSettings = { radius: 2, amount: 1, scale: 2 };

type Rows = readonly (readonly number[])[];

/** Half the difference of neighbours, smoothed across: its largest value for pixels from 0 to 1 is 1. */
const SOBEL_X: Rows = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]].map((row) => row.map((tap) => tap / 4));

const IDENTITY: Rows = [[0, 0, 0], [0, 1, 0], [0, 0, 0]];

/** Light from the top left: the sum of the taps is 0, so that flat areas stay as they are. */
const RELIEF: Rows = [[-2, -1, 0], [-1, 0, 1], [0, 1, 2]];

/**
 * Builds a filter.
 *
 * @param name Which one.
 * @param channels The channels of the pictures.
 * @param settings How strongly it works.
 * @param engine Who computes.
 */
export function buildFilter(
  name: FilterName,
  channels: number,
  settings: FilterSettings,
  engine: Engine,
): PictureFilter {
  const { radius, amount, scale } = settings;
  switch (name) {
    case "blur":
      return {
        layers: gaussianBlur(channels, radius, gaussianDeviation(radius), engine),
        reach: radius,
        scale: 1,
      };
    case "sharpen":
      return {
        layers: [depthwise(channels, [unsharpMask(radius, amount)], engine)],
        reach: radius,
        scale: 1,
      };
    case "edges":
      return {
        layers: [depthwise(channels, [SOBEL_X, transpose(SOBEL_X)], engine)],
        finish: (output) => magnitude(output, amount),
        // What is opaque stays so between its edges, and the edge of a shape shows on both its sides.
        alphaOf: (before, filtered) => Math.min(Math.max(before, filtered), 1),
        reach: 1,
        scale: 1,
      };
    case "emboss":
      return {
        layers: [depthwise(channels, [sum(IDENTITY, scaled(RELIEF, amount))], engine)],
        // The relief of alpha would move a shape to the light instead of raising it.
        alphaOf: (before) => before,
        reach: 1,
        scale: 1,
      };
    case "upscale":
      return { layers: enlargement(channels, scale, engine), reach: 1, scale };
  }
}

/**
 * A Gaussian blur: the product of a row and a column, so that two passes cost the sum of their taps.
 *
 * @param channels The channels of the pictures.
 * @param radius How far it reaches, in pixels.
 * @param deviation The standard deviation of the bell, in pixels.
 * @param engine Who computes.
 * @returns Two layers, one to be applied after the other.
 */
export function gaussianBlur(
  channels: number,
  radius: number,
  deviation: number,
  engine: Engine,
): readonly Layer[] {
  const taps = [gaussian(radius, deviation)];
  return [taps, transpose(taps)].map((kernel) => depthwise(channels, [kernel], engine));
}

/**
 * Applies a filter.
 *
 * @param filter The filter.
 * @param pixels `(C, H, W)`.
 * @param outputs Receive what the layers compute, see {@linkcode layerOutputs}. Default: new tensors.
 */
export async function applyFilter(
  { layers, isResidual, finish }: Filter,
  pixels: Tensor,
  outputs: readonly Tensor[] = layerOutputs(layers, pixels.shape),
): Promise<Tensor> {
  let result = pixels;
  for (const [index, out] of outputs.entries()) {
    const isLast = index === layers.length - 1;
    const options = isResidual && isLast ? { out, add: pixels } : { out };
    result = await layers[index]?.forward(result, options) ?? result;
  }
  return finish === undefined ? result : finish(result);
}

/** A tensor for the output of each layer. */
export function layerOutputs(
  layers: readonly Layer[],
  inputShape: readonly number[],
): readonly Tensor[] {
  return outputShapes(layers, inputShape).map((shape) => Tensor.zeros(shape));
}

/** The output shape of each layer. */
export function outputShapes(
  layers: readonly Layer[],
  inputShape: readonly number[],
): readonly (readonly number[])[] {
  let shape = inputShape;
  return layers.map((layer) => shape = layer.outputShape(shape));
}

/** A layer that convolves each channel with each kernel; the outputs of a channel are neighbours. */
function depthwise(channels: number, kernels: readonly Rows[], engine: Engine): Conv2d {
  const [first = []] = kernels;
  const layer = new Conv2d(
    channels,
    channels * kernels.length,
    [first.length, first[0]?.length ?? 1],
    { groups: channels, padding: "same", paddingMode: "replicate", bias: false, engine },
  );
  repeatInto(layer.weight.data, kernels.flat(2));
  return layer;
}

/**
 * Bilinear enlargement: a transposed convolution whose kernel is a tent. It reads zeros beyond the border,
 * which would darken it, so a layer that repeats the border pixels comes first and what becomes of them
 * is cut off.
 */
function enlargement(channels: number, scale: number, engine: Engine): readonly Layer[] {
  const common = { groups: channels, bias: false, engine };
  const border = new Conv2d(channels, channels, 1, {
    ...common,
    padding: 1,
    paddingMode: "replicate",
  });
  border.weight.data.fill(1);
  const tent = tentOf(scale);
  const enlarge = new ConvTranspose2d(channels, channels, tent.length, {
    ...common,
    stride: scale,
    padding: Math.floor(scale / 2) + scale,
  });
  repeatInto(enlarge.weight.data, tent.flatMap((row) => tent.map((column) => row * column)));
  return [border, enlarge];
}

/** Linear weights around the middle of an output pixel: `2 * scale` of them, one less for odd scales. */
function tentOf(scale: number): readonly number[] {
  const size = 2 * scale - scale % 2;
  const middle = (size - 1) / 2;
  return Array.from({ length: size }, (_, tap) => 1 - Math.abs(tap - middle) / scale);
}

/** How wide OpenCV makes the bell of so many taps. */
function gaussianDeviation(radius: number): number {
  return 0.3 * (radius - 1) + 0.8;
}

/** `2 * radius + 1` weights whose sum is 1. */
function gaussian(radius: number, deviation: number): readonly number[] {
  const bell = Array.from(
    { length: 2 * radius + 1 },
    (_, tap) => Math.exp(-((tap - radius) ** 2) / (2 * deviation ** 2)),
  );
  const total = bell.reduce((sum, weight) => sum + weight, 0);
  return bell.map((weight) => weight / total);
}

/** The picture plus `amount` times what a blur takes from it. */
function unsharpMask(radius: number, amount: number): Rows {
  const weights = gaussian(radius, gaussianDeviation(radius));
  return weights.map((row, y) =>
    weights.map((column, x) =>
      (y === radius && x === radius ? 1 + amount : 0) - amount * row * column
    )
  );
}

/** The length of the gradient, from its two parts on neighbouring channels. */
function magnitude(gradients: Tensor, amount: number): Tensor {
  const [channels = 0, height = 0, width = 0] = gradients.shape;
  const plane = height * width;
  const result = Tensor.zeros([channels / 2, height, width]);
  for (let channel = 0; channel < channels / 2; channel++) {
    for (let pixel = 0; pixel < plane; pixel++) {
      const x = gradients.data[2 * channel * plane + pixel] ?? 0;
      const y = gradients.data[(2 * channel + 1) * plane + pixel] ?? 0;
      result.data[channel * plane + pixel] = amount * Math.hypot(x, y);
    }
  }
  return result;
}

function repeatInto(values: Float32Array, pattern: readonly number[]): void {
  for (let at = 0; at < values.length; at += pattern.length) values.set(pattern, at);
}

function transpose(rows: Rows): Rows {
  return (rows[0] ?? []).map((_, column) => rows.map((row) => row[column] ?? 0));
}

function scaled(rows: Rows, factor: number): Rows {
  return rows.map((row) => row.map((value) => value * factor));
}

function sum(a: Rows, b: Rows): Rows {
  return a.map((row, y) => row.map((value, x) => value + (b[y]?.[x] ?? 0)));
}
