import {
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
} from "../../src/layers/conv_transpose.ts";
import type { Algorithm } from "../../src/convolution/algorithm.ts";
import { Conv1d, Conv2d, Conv3d } from "../../src/layers/conv.ts";
import type { Layer } from "../../src/layers/layer.ts";
import type {
  ConvOptions,
  ConvTransposeForwardOptions,
  ConvTransposeOptions,
} from "../../src/layers/options.ts";
import { type AnyTensor, Tensor } from "../../src/tensor/tensor.ts";
import type { LayerCase } from "../_arbitrary.ts";
import { geometryOf, inputShapeOf, operandsOf } from "../_arbitrary.ts";

/** The three layers of one kind, by rank. */
export const CONVS = { 1: Conv1d, 2: Conv2d, 3: Conv3d } as const;

/** The three transposed layers, by rank. */
export const CONV_TRANSPOSES = {
  1: ConvTranspose1d,
  2: ConvTranspose2d,
  3: ConvTranspose3d,
} as const;

/** A layer built as a case says, with its weights, and the input for it. */
export interface Prepared {
  readonly layer: Layer;
  readonly input: AnyTensor;
  readonly outputShape: readonly number[];
  readonly forward: () => Promise<Tensor>;
  readonly forwardSync: () => Tensor;
  readonly shape: () => readonly number[];
}

/** Builds the layer of a case. */
export function prepare(layerCase: LayerCase, algorithm: Algorithm = "auto"): Prepared {
  const { transposed, rank, batch, inChannels, outChannels, bias, outputSize } = layerCase;
  const { output } = geometryOf(layerCase);
  const operands = operandsOf(layerCase);
  const input = new Tensor(operands.input, inputShapeOf(layerCase));
  const outputShape = [...(batch === null ? [] : [batch]), outChannels, ...output.slice(3 - rank)];
  const load = <L extends Layer>(layer: L): L => {
    layer.weight.data.set(operands.weight);
    if (operands.bias) layer.bias?.data.set(operands.bias);
    return layer;
  };
  const common = { input, outputShape };
  if (!transposed) {
    const options: ConvOptions = { ...layerCase.options, bias, algorithm };
    const layer = load(new CONVS[rank](inChannels, outChannels, layerCase.kernelSize, options));
    return {
      ...common,
      layer,
      forward: () => layer.forward(input),
      forwardSync: () => layer.forwardSync(input),
      shape: () => layer.outputShape(input.shape),
    };
  }
  const options: ConvTransposeOptions = { ...layerCase.options, bias, algorithm };
  const layer = load(
    new CONV_TRANSPOSES[rank](inChannels, outChannels, layerCase.kernelSize, options),
  );
  const size: ConvTransposeForwardOptions = outputSize ? { outputSize } : {};
  return {
    ...common,
    layer,
    forward: () => layer.forward(input, size),
    forwardSync: () => layer.forwardSync(input, size),
    shape: () => layer.outputShape(input.shape, size),
  };
}
