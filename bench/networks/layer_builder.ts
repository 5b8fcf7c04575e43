import { type Attributes, floats, GraphBuilder, int, intList } from "./graph_builder.ts";

/** The sizes of a convolution. */
export interface ConvSizes {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly groups?: number;
  readonly dilation?: number;
  /** Spatial axes. Default: 2. */
  readonly rank?: number;
  /** How much larger values become, roughly. Default: 1. */
  readonly gain?: number;
}

/** Builds layers as exporters do: padding keeps the size where the stride is 1. */
export class LayerBuilder extends GraphBuilder {
  conv(x: string, sizes: ConvSizes, hasBias = true): string {
    const {
      inChannels,
      outChannels,
      kernel,
      stride = 1,
      groups = 1,
      dilation = 1,
      rank = 2,
      gain = 1,
    } = sizes;
    const axes = (value: number) => Array.from({ length: rank }, () => value);
    const fanIn = inChannels / groups * kernel ** rank;
    const shape = [outChannels, inChannels / groups, ...axes(kernel)];
    const weight = this.drawn(shape, gain * Math.sqrt(2 / fanIn));
    const padding = Math.floor(((kernel - 1) * dilation + 1) / 2);
    return this.add("Conv", hasBias ? [x, weight, this.drawn([outChannels], 0.1)] : [x, weight], {
      kernel_shape: intList(axes(kernel)),
      strides: intList(axes(stride)),
      dilations: intList(axes(dilation)),
      pads: intList([...axes(padding), ...axes(padding)]),
      group: int(groups),
    });
  }

  convTranspose(x: string, sizes: ConvSizes, padding: number, hasBias = true): string {
    const { inChannels, outChannels, kernel, stride = 1, rank = 2 } = sizes;
    const axes = (value: number) => Array.from({ length: rank }, () => value);
    const shape = [inChannels, outChannels, ...axes(kernel)];
    const weight = this.drawn(shape, Math.sqrt(2 / (inChannels * (kernel / stride) ** rank)));
    return this.add(
      "ConvTranspose",
      hasBias ? [x, weight, this.drawn([outChannels], 0.1)] : [x, weight],
      {
        kernel_shape: intList(axes(kernel)),
        strides: intList(axes(stride)),
        pads: intList([...axes(padding), ...axes(padding)]),
      },
    );
  }

  batchNorm(x: string, channels: number): string {
    return this.add("BatchNormalization", [
      x,
      this.drawnPositive([channels]),
      this.drawn([channels], 0.2),
      this.drawn([channels], 0.2),
      this.drawnPositive([channels]),
    ]);
  }

  /** Of so many channels, without a bias, normalised. */
  convNorm(x: string, sizes: ConvSizes): string {
    return this.batchNorm(this.conv(x, sizes, false), sizes.outChannels);
  }

  relu(x: string): string {
    return this.add("Relu", [x]);
  }

  relu6(x: string): string {
    return this.add("Clip", [x, this.constant(floats([0], [])), this.constant(floats([6], []))]);
  }

  maxPool(x: string, kernel: number, stride: number, padding = 0): string {
    return this.add("MaxPool", [x], windows(kernel, stride, padding));
  }

  /** Global average, then a product with a matrix. */
  classifier(x: string, channels: number, classes: number): string {
    const flat = this.add("Flatten", [this.add("GlobalAveragePool", [x])]);
    const weight = this.drawn([classes, channels], Math.sqrt(1 / channels));
    return this.add("Gemm", [flat, weight, this.drawn([classes], 0.1)], { transB: int(1) });
  }
}

/** Square windows of a pooling. */
export function windows(kernel: number, stride: number, padding: number): Attributes {
  return {
    kernel_shape: intList([kernel, kernel]),
    strides: intList([stride, stride]),
    pads: intList([padding, padding, padding, padding]),
  };
}
