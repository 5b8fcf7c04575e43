/**
 * A convolution and the batch normalisation after it as one convolution.
 *
 * @module
 */

import { checkOptionNames, describe, describeShape } from "../base/checks.ts";
import type { Activation } from "../convolution/epilogue.ts";
import { product } from "../base/numbers.ts";
import { sameShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type BatchNorm, checkEpsilon } from "./batch_norm.ts";
import { checkTensor } from "./call.ts";
import { Conv1d, Conv2d, Conv3d } from "./conv.ts";
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from "./conv_transpose.ts";
import { convolutionOf, Layer, parameterValuesOf, settingsOf } from "./layer.ts";
import type { LayerOptions } from "./options.ts";

const WHERE = "fuseBatchNorm()";

const DEFAULT_EPSILON = 1e-5;

const CONVS = { 1: Conv1d, 2: Conv2d, 3: Conv3d };
const CONV_TRANSPOSES = { 1: ConvTranspose1d, 2: ConvTranspose2d, 3: ConvTranspose3d };

/**
 * Folds a batch normalisation into the convolution before it: what the two compute, the new layer computes alone.
 * It is exact but for rounding, with groups and for transposed layers, too.
 *
 * A layer with an activation is taken as one whose normalisation comes before the activation, as networks have them:
 * the new layer computes `activation(normalisation(convolution(x)))`.
 *
 * @param layer One of the six layers. It is not changed.
 * @param normalization The batch normalisation, one number an output channel each; see {@linkcode batchNormFrom}.
 * @returns A new layer with a bias, otherwise built as the layer was; it is not frozen.
 * @throws {TypeError} If it is no layer, a part no tensor, or an option is unknown or of the wrong kind.
 * @throws {RangeError} If a part has another shape than `(outChannels)`, or a variance plus `epsilon` is not above 0.
 *
 * @example
 * ```ts
 * import { Conv2d, fuseBatchNorm, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new Conv2d(1, 1, 1, { bias: false });
 * layer.weight.data.set([3]);
 * const fused = fuseBatchNorm(layer, {
 *   mean: Tensor.from([1]),
 *   variance: Tensor.from([4]),
 *   weight: Tensor.from([10]),
 *   bias: Tensor.from([0.5]),
 *   epsilon: 0,
 * });
 * // (3 * 2 - 1) / 2 * 10 + 0.5
 * assertEquals([...fused.forwardSync(Tensor.from([[[2]]])).data], [25.5]);
 * ```
 */
export function fuseBatchNorm<Kind extends Layer>(layer: Kind, normalization: BatchNorm): Kind {
  if (!(layer instanceof Layer)) {
    throw new TypeError(`${WHERE}: layer must be a layer, but is ${describe(layer)}`);
  }
  const { scale, shift } = affineOf(layer, normalization);
  const { weight, bias } = parameterValuesOf(layer);
  const fused = rebuilt(layer);
  scaleChannels(layer, weight, scale, fused.weight.data);
  fused.bias?.data.set(
    scale.map((scale, channel) => (bias?.[channel] ?? 0) * scale + (shift[channel] ?? 0)),
  );
  // It is of the class that the layer is of: there are no others.
  return fused as Kind;
}

interface Affine {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** What the normalisation does to each channel: it multiplies it by the scale and adds the shift. */
function affineOf(layer: Layer, normalization: BatchNorm): Affine {
  checkOptionNames(WHERE, normalization, ["mean", "variance", "weight", "bias", "epsilon"]);
  const { epsilon = DEFAULT_EPSILON } = normalization;
  checkEpsilon(WHERE, epsilon);
  const channelsOf = (what: string, tensor: unknown): Float32Array => {
    const { shape, values } = checkTensor(WHERE, what, tensor);
    if (sameShape(shape, [layer.outChannels])) return values.elements;
    throw new RangeError(
      `${WHERE}: ${what} must have shape [${layer.outChannels}], one number an output channel, but has ` +
        describeShape(shape),
    );
  };
  const { weight = Tensor.ones([layer.outChannels]), bias = Tensor.zeros([layer.outChannels]) } =
    normalization;
  const mean = channelsOf("mean", normalization.mean);
  const variance = channelsOf("variance", normalization.variance);
  const [gamma, beta] = [channelsOf("weight", weight), channelsOf("bias", bias)];
  const scale = Float64Array.from(variance, (variance, channel) => {
    if (variance + epsilon > 0) return (gamma[channel] ?? 1) / Math.sqrt(variance + epsilon);
    throw new RangeError(
      `${WHERE}: variance[${channel}] + epsilon must be above 0, but is ${variance} + ${epsilon}`,
    );
  });
  const shift = scale.map((scale, channel) => (beta[channel] ?? 0) - (mean[channel] ?? 0) * scale);
  return { scale, shift };
}

/** A layer built as another was, with a bias. */
function rebuilt(layer: Layer): Layer {
  const { settings, algorithm, engine } = convolutionOf(layer);
  const { transposed, rank, inChannels, outChannels, kernel, paddingMode, outputPadding } =
    settings;
  const options: LayerOptions = {
    dilation: layer.dilation,
    groups: layer.groups,
    algorithm,
    ...(engine && { engine }),
    ...activationOf(layer),
  };
  const common = { ...options, stride: layer.stride, padding: layer.padding };
  return transposed
    ? new CONV_TRANSPOSES[rank](inChannels, outChannels, kernel, { ...common, outputPadding })
    : new CONVS[rank](inChannels, outChannels, kernel, { ...common, paddingMode });
}

function activationOf(
  { activation, negativeSlope }: Layer,
): { readonly activation?: Activation; readonly negativeSlope?: number } {
  if (activation === null) return {};
  return activation === "leakyRelu" ? { activation, negativeSlope } : { activation };
}

/** Multiplies each output channel of a weight by its scale. */
function scaleChannels(
  layer: Layer,
  weight: Float32Array,
  scale: Float64Array,
  result: Float32Array,
): void {
  const { transposed, inChannels, outChannels, groups, kernel } = settingsOf(layer);
  const outPerGroup = outChannels / groups;
  const inPerGroup = inChannels / groups;
  const taps = product(kernel);
  // The run of one output channel, and the number of the run's channel: (out, in / groups, k...), and transposed
  // (in, out / groups, k...), where the group is the input channel's.
  const length = transposed ? taps : inPerGroup * taps;
  const channelOf = (run: number) =>
    transposed ? Math.floor(run / outPerGroup / inPerGroup) * outPerGroup + run % outPerGroup : run;
  for (let start = 0, run = 0; start < weight.length; start += length, run++) {
    const factor = scale[channelOf(run)] ?? 0;
    for (let i = start; i < start + length; i++) result[i] = (weight[i] ?? 0) * factor;
  }
}
