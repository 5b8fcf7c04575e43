/**
 * Convolutions, and products with constant matrices, which are convolutions.
 *
 * Source: the operators' specifications, https://onnx.ai/onnx/operators/.
 *
 * @module
 */

import { describeShape } from "../../base/checks.ts";
import { product } from "../../base/numbers.ts";
import { geometryOf, outputShape } from "../../convolution/geometry.ts";
import {
  type PaddingPair,
  resolveSettings,
  type SizeOptions,
  type Subject,
} from "../../convolution/settings.ts";
import type { OnnxNode } from "../../io/models/onnx/model.ts";
import { describeNode, type Operator, type Site } from "../graph/site.ts";
import type { Constant, Numbers, Value } from "../graph/values.ts";
import { ConvolutionWeights, type WeightLayout } from "../graph/weights.ts";
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

/** Weights by the node that they are of, and by what they are made of. */
const weightsOfNodes = new WeakMap<OnnxNode, { of: Numbers; weights: ConvolutionWeights }>();

/** The weights of a node: the same ones as long as they are made of the same constant. */
function weightsOf(site: Site, of: Numbers, make: () => ConvolutionWeights): ConvolutionWeights {
  const known = weightsOfNodes.get(site.node);
  if (known?.of === of) return known.weights;
  const weights = make();
  weightsOfNodes.set(site.node, { of, weights });
  return weights;
}

/** Numbers of floating point. */
function floats(data: Numbers): Float32Array {
  return data instanceof Float32Array ? data : Float32Array.from(data);
}

function plainWeights(site: Site, layout: WeightLayout): ConvolutionWeights {
  const { data } = site.constant(1);
  return weightsOf(site, data, () => {
    const bias = site.optionalConstant(2);
    return new ConvolutionWeights(layout, floats(data), bias && floats(bias.data));
  });
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
  return site.convolution({ geometry, weights, input, shape: outputShape(geometry) });
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
  const outputs = statedOutput(site, spatial, stride);
  const axes = kernel.map((taps, axis) => {
    const full = ((spatial[axis] ?? 0) - 1) * (stride[axis] ?? 1) +
      extent(taps, dilation[axis] ?? 1) + (stated[axis] ?? 0);
    return transposedAxis(site, full, stated[axis] ?? 0, outputs?.[axis]);
  });
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

/** The output's sizes where they are said, and not what is cut off. */
function statedOutput(
  site: Site,
  spatial: readonly number[],
  stride: readonly number[],
): readonly number[] | null {
  const sizes = site.numbers("output_shape");
  // Some files say batch and channels, too.
  if (sizes !== null) return sizes.slice(-spatial.length);
  const mode = autoPadding(site);
  if (mode !== "SAME_UPPER" && mode !== "SAME_LOWER") return null;
  return spatial.map((size, axis) => size * (stride[axis] ?? 1));
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

/** `alpha * A * B + beta * C`, where B is constant: as a convolution at one position. */
function gemm(site: Site): Value {
  const alpha = site.number("alpha", 1);
  const beta = site.number("beta", 1);
  const b = site.constant(1);
  const c = site.optional(2);
  const input = site.number("transA", 0) === 0 ? site.input(0) : turned(site, site.input(0));
  const isTurned = site.number("transB", 0) !== 0;
  const [inputs = 0, outputs = 0] = isTurned ? [...b.shape].reverse() : b.shape;
  const bias = c === null ? null : biasOf(site, c, outputs, beta);
  const weights = weightsOf(site, b.data, () => {
    const weight = isTurned ? floats(b.data).slice() : transposed(b.data, inputs, outputs);
    if (alpha !== 1) weight.forEach((value, i) => weight[i] = value * alpha);
    return new ConvolutionWeights(linearLayout(inputs, outputs), weight, bias);
  });
  return multiplied(site, input, weights);
}

/** A bias as a number for each output. */
function biasOf(site: Site, c: Value, outputs: number, beta: number): Float32Array {
  const isRow = c.isConstant && c.shape.slice(0, -1).every((size) => size === 1) &&
    (c.data.length === outputs || c.data.length === 1);
  if (!isRow) {
    return site.fail(
      `C must be constant, with a number for each of ${outputs} columns, but has shape ` +
        describeShape(c.shape),
    );
  }
  const { data } = c;
  return Float32Array.from(
    { length: outputs },
    (_, i) => beta * (data[data.length === 1 ? 0 : i] ?? 0),
  );
}

function linearLayout(inputs: number, outputs: number): WeightLayout {
  return { transposed: false, groups: 1, shape: [outputs, inputs, 1] };
}

/** The rows of a matrix times weights. */
function multiplied(site: Site, input: Value, weights: ConvolutionWeights): Value {
  const [outputs = 0, inputs = 0] = weights.layout.shape;
  const last = input.shape.at(-1);
  if (last !== inputs) {
    site.fail(`${describeShape(input.shape)} has rows of ${last}, but the matrix takes ${inputs}`);
  }
  const leading = input.shape.slice(0, -1);
  const rows = product(leading);
  return matrixConvolution(site, input, weights, [rows, inputs, 1], [...leading, outputs]);
}

/** A convolution of one tap. */
function matrixConvolution(
  site: Site,
  input: Value,
  weights: ConvolutionWeights,
  inputShape: readonly number[],
  shape: readonly number[],
): Value {
  const [outChannels = 0, inChannels = 0] = weights.layout.shape;
  const [batch = 0, , positions = 0] = inputShape;
  const name = describeNode(site.node);
  const subject = {
    name,
    transposed: false,
    rank: 1,
    inChannels,
    outChannels,
    kernelSize: 1,
  } as const;
  const geometry = geometryOf(resolveSettings(subject, {}, OPTION_NAMES), batch, [positions]);
  return site.convolution({ geometry, weights, input: site.view(input, inputShape), shape });
}

function transposed(data: Numbers, rows: number, columns: number): Float32Array {
  const result = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = data[row * columns + column] ?? 0;
    }
  }
  return result;
}

/** The matrix with rows and columns exchanged. */
function turned(site: Site, value: Value): Value {
  const [rows = 0, columns = 0] = value.shape;
  return site.map({
    inputs: [value],
    shape: [columns, rows],
    compute: ([x], y) => x && y.set(transposed(x, rows, columns)),
  });
}

/** Products of matrices, one of which is constant. */
function matMul(site: Site): Value {
  const [a, b] = [site.input(0), site.input(1)];
  if (b.isConstant && b.shape.length === 2) {
    const [inputs = 0, outputs = 0] = b.shape;
    const make = () =>
      new ConvolutionWeights(
        linearLayout(inputs, outputs),
        transposed(b.data, inputs, outputs),
        null,
      );
    return multiplied(site, a, weightsOf(site, b.data, make));
  }
  if (a.isConstant && a.shape.length === 2 && b.shape.length >= 2) {
    const [outputs = 0, inputs = 0] = a.shape;
    const make = () => new ConvolutionWeights(linearLayout(inputs, outputs), floats(a.data), null);
    const leading = b.shape.slice(0, -2);
    const [rows, columns = 0] = b.shape.slice(-2);
    if (rows !== inputs) {
      site.fail(`${describeShape(a.shape)} and ${describeShape(b.shape)} do not fit together`);
    }
    const weights = weightsOf(site, a.data, make);
    const inputShape = [product(leading), inputs, columns];
    return matrixConvolution(site, b, weights, inputShape, [...leading, outputs, columns]);
  }
  return site.fail(
    `one of its inputs must be a constant matrix, but they have shapes ${describeShape(a.shape)} ` +
      `and ${describeShape(b.shape)}`,
  );
}

/** The operators. */
export const CONVOLUTIONS: Readonly<Record<string, Operator>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  Gemm: gemm,
  MatMul: matMul,
};
