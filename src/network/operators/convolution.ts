/**
 * Convolutions.
 *
 * Source: the operators' specifications, https://onnx.ai/onnx/operators/.
 *
 * @module
 */

import { describeShape } from "../../base/checks.ts";
import { geometryOf, outputShape } from "../../convolution/geometry.ts";
import {
  type PaddingPair,
  resolveSettings,
  type SizeOptions,
  type Subject,
} from "../../convolution/settings.ts";
import { describeNode, type Operator, type Site } from "../graph/site.ts";
import { withSeenTaps } from "../graph/seen_taps.ts";
import type { Constant, Value } from "../graph/values.ts";
import { ConvolutionWeights, type WeightLayout } from "../graph/weights.ts";
import { floats, weightsOf } from "./node_weights.ts";
import {
  autoPadding,
  explicitPadding,
  extent,
  perAxis,
  shareOut,
  spatialOf,
  windowsOf,
} from "./windows.ts";

/** The options that are given here, all of which are valid. */
const OPTION_NAMES = ["stride", "padding", "dilation", "groups", "outputPadding"] as const;

function plainWeights(site: Site, layout: WeightLayout): ConvolutionWeights {
  const { data } = site.constant(1);
  const bias = site.optionalConstant(2);
  return weightsOf(
    site,
    bias === null ? [data] : [data, bias.data],
    () => new ConvolutionWeights(layout, floats(data), bias && floats(bias.data)),
  );
}

interface Request {
  readonly subject: Omit<Subject, "name">;
  readonly options: SizeOptions;
  readonly weights: ConvolutionWeights;
  readonly outputSize?: readonly number[];
}

function convolved(site: Site, { subject, options, weights, outputSize }: Request): Value {
  const input = site.input(0);
  const name = describeNode(site.node);
  const settings = resolveSettings({ ...subject, name }, options, OPTION_NAMES);
  const [batch = 0, channels, ...spatial] = input.shape;
  if (spatial.length !== settings.rank) {
    site.fail(
      `the input must have ${settings.rank + 2} axes, but has shape ${describeShape(input.shape)}`,
    );
  }
  if (channels !== settings.inChannels) {
    site.fail(
      `the input has ${channels} channels (shape ${describeShape(input.shape)}), but the weight ` +
        `is for ${settings.inChannels}`,
    );
  }
  const { bias } = weights;
  if (bias !== null && bias.length !== settings.outChannels) {
    site.fail(
      `the bias has ${bias.length} numbers, but there are ${settings.outChannels} channels`,
    );
  }
  const geometry = geometryOf(settings, batch, spatial, outputSize);
  const seen = withSeenTaps({ geometry, weights });
  return site.convolution({ ...seen, input, shape: outputShape(geometry) });
}

/** A kernel of one to three axes. */
function kernelOf(site: Site, { shape }: Constant): readonly [1 | 2 | 3, readonly number[]] {
  const kernel = shape.slice(2);
  const rank = kernel.length;
  if (rank !== 1 && rank !== 2 && rank !== 3) {
    return site.fail(`a weight of shape ${describeShape(shape)} has no kernel of 1 to 3 axes`);
  }
  const stated = site.numbers("kernel_shape");
  if (stated !== null && describeShape(stated) !== describeShape(kernel)) {
    site.fail(
      `kernel_shape ${describeShape(stated)} is not that of the weight, ${describeShape(kernel)}`,
    );
  }
  return [rank, kernel];
}

function conv(site: Site): Value {
  const weight = site.constant(1);
  const [rank, kernel] = kernelOf(site, weight);
  const groups = site.number("group", 1);
  const [outChannels = 0, groupChannels = 0] = weight.shape;
  const { stride, dilation, padding } = windowsOf(
    site,
    kernel,
    spatialOf(site, site.input(0).shape),
  );
  return convolved(site, {
    subject: {
      transposed: false,
      rank,
      inChannels: groupChannels * groups,
      outChannels,
      kernelSize: kernel,
    },
    options: { stride, padding, dilation, groups },
    weights: plainWeights(site, { transposed: false, groups, shape: weight.shape }),
  });
}

function convTranspose(site: Site): Value {
  const weight = site.constant(1);
  const [rank, kernel] = kernelOf(site, weight);
  const groups = site.number("group", 1);
  const [inChannels = 0, groupChannels = 0] = weight.shape;
  const stride = perAxis(site, "strides", rank, 1);
  const dilation = perAxis(site, "dilations", rank, 1);
  const stated = perAxis(site, "output_padding", rank, 0, 0);
  const spatial = spatialOf(site, site.input(0).shape);
  const full = kernel.map((taps, axis) =>
    ((spatial[axis] ?? 0) - 1) * (stride[axis] ?? 1) + extent(taps, dilation[axis] ?? 1) +
    (stated[axis] ?? 0)
  );
  const outputs = statedOutput(site, full, spatial, stride);
  const axes = full.map((size, axis) =>
    transposedAxis(site, size, stated[axis] ?? 0, outputs?.[axis])
  );
  const explicit = explicitPadding(site, rank);
  const isExplicit = outputs === null && autoPadding(site) !== "VALID";
  return convolved(site, {
    subject: {
      transposed: true,
      rank,
      inChannels,
      outChannels: groupChannels * groups,
      kernelSize: kernel,
    },
    options: {
      stride,
      dilation,
      groups,
      padding: isExplicit ? explicit : axes.map(({ padding }) => padding),
      outputPadding: axes.map(({ outputPadding }) => outputPadding),
    },
    weights: plainWeights(site, { transposed: true, groups, shape: weight.shape }),
  });
}

/**
 * The output's sizes where they are said, and not what is cut off.
 *
 * @param full The sizes without padding.
 */
function statedOutput(
  site: Site,
  full: readonly number[],
  spatial: readonly number[],
  stride: readonly number[],
): readonly number[] | null {
  const sizes = site.numbers("output_shape");
  // Some files say batch and channels, too.
  if (sizes !== null) return sizes.slice(-spatial.length);
  const mode = autoPadding(site);
  if (mode !== "SAME_UPPER" && mode !== "SAME_LOWER") return null;
  // Nothing is added where windows of few taps leave the last steps out, as ONNX Runtime has it.
  return full.map((size, axis) => Math.min(size, (spatial[axis] ?? 0) * (stride[axis] ?? 1)));
}

/**
 * What is cut off a full output, or added to it, so that a size comes out.
 *
 * @param full The size without padding, `outputPadding` included.
 */
function transposedAxis(
  site: Site,
  full: number,
  outputPadding: number,
  output: number | undefined,
): { readonly padding: PaddingPair; readonly outputPadding: number } {
  if (output === undefined) return { padding: [0, 0], outputPadding };
  const total = full - output;
  if (total < 0) return { padding: [0, 0], outputPadding: outputPadding - total };
  return { padding: shareOut(total, autoPadding(site) === "SAME_UPPER"), outputPadding };
}

/** The operators. */
export const CONVOLUTIONS: Readonly<Record<string, Operator>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
};
