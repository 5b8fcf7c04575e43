/**
 * Networks that people have, with drawn weights, as their exporters write them.
 *
 * @module
 */

import type { OnnxModel } from "../../src/io/models/onnx/model.ts";
import {
  type Attributes,
  float,
  floats,
  GraphBuilder,
  int,
  intList,
  ints,
  text,
} from "./_models.ts";

/** A network, and shapes of its input to be computed one after the other. */
export interface NetworkCase {
  readonly model: OnnxModel;
  readonly shapes: readonly (readonly number[])[];
}

interface ConvSizes {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly groups?: number;
  readonly dilation?: number;
  /** Spatial axes. Default: 2. */
  readonly rank?: number;
}

/** Builds layers as exporters do: padding keeps the size where the stride is 1. */
class LayerBuilder extends GraphBuilder {
  conv(x: string, sizes: ConvSizes, hasBias = true): string {
    const { inChannels, outChannels, kernel, stride = 1, groups = 1, dilation = 1, rank = 2 } =
      sizes;
    const axes = (value: number) => Array.from({ length: rank }, () => value);
    const fanIn = inChannels / groups * kernel ** rank;
    const shape = [outChannels, inChannels / groups, ...axes(kernel)];
    const weight = this.drawn(shape, Math.sqrt(2 / fanIn));
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

function windows(kernel: number, stride: number, padding: number): Attributes {
  return {
    kernel_shape: intList([kernel, kernel]),
    strides: intList([stride, stride]),
    pads: intList([padding, padding, padding, padding]),
  };
}

const IMAGE = ["batch", 3, "height", "width"] as const;

/** He et al., Deep residual learning for image recognition, 2016: all 18 layers at half their width. */
export function resNet18(): NetworkCase {
  const net = new LayerBuilder(1);
  let x = net.relu(net.convNorm("x", { inChannels: 3, outChannels: 32, kernel: 7, stride: 2 }));
  x = net.maxPool(x, 3, 2, 1);
  let inChannels = 32;
  for (const outChannels of [32, 64, 128, 256]) {
    for (const stride of [outChannels === 32 ? 1 : 2, 1]) {
      const inner = net.relu(net.convNorm(x, { inChannels, outChannels, kernel: 3, stride }));
      const sizes = { inChannels: outChannels, outChannels, kernel: 3 };
      const residual = net.convNorm(inner, sizes);
      const isSame = stride === 1 && inChannels === outChannels;
      const short = isSame ? x : net.convNorm(x, { inChannels, outChannels, kernel: 1, stride });
      x = net.relu(net.add("Add", [residual, short]));
      inChannels = outChannels;
    }
  }
  return {
    model: net.model({ x: IMAGE }, [net.classifier(x, 256, 100)]),
    shapes: [[1, 3, 64, 64], [2, 3, 40, 33], [1, 3, 64, 64]],
  };
}

/** Sandler et al., MobileNetV2, 2018, with narrower last stages. */
export function mobileNetV2(): NetworkCase {
  const net = new LayerBuilder(2);
  let x = net.relu6(net.convNorm("x", { inChannels: 3, outChannels: 32, kernel: 3, stride: 2 }));
  let inChannels = 32;
  const stages = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 2, 2], [6, 64, 2, 2], [6, 96, 1, 1], [
    6,
    160,
    2,
    2,
  ], [6, 320, 1, 1]] as const;
  for (const [expansion, outChannels, count, first] of stages) {
    for (let i = 0; i < count; i++) {
      const stride = i === 0 ? first : 1;
      const width = inChannels * expansion;
      let inner = x;
      if (expansion > 1) {
        inner = net.relu6(net.convNorm(inner, { inChannels, outChannels: width, kernel: 1 }));
      }
      const depthwise = { inChannels: width, outChannels: width, kernel: 3, stride, groups: width };
      inner = net.relu6(net.convNorm(inner, depthwise));
      inner = net.convNorm(inner, { inChannels: width, outChannels, kernel: 1 });
      x = stride === 1 && inChannels === outChannels ? net.add("Add", [x, inner]) : inner;
      inChannels = outChannels;
    }
  }
  x = net.relu6(net.convNorm(x, { inChannels, outChannels: 640, kernel: 1 }));
  return {
    model: net.model({ x: IMAGE }, [net.classifier(x, 640, 100)]),
    shapes: [[1, 3, 96, 96], [3, 3, 64, 33]],
  };
}

/** Ronneberger et al., U-Net, 2015: enlarged by transposed convolutions, or by resizing to the sizes before. */
export function uNet(enlarging: "ConvTranspose" | "Resize"): NetworkCase {
  const net = new LayerBuilder(3);
  const double = (x: string, inChannels: number, outChannels: number) => {
    const first = net.relu(net.convNorm(x, { inChannels, outChannels, kernel: 3 }));
    return net.relu(net.conv(first, { inChannels: outChannels, outChannels, kernel: 3 }));
  };
  const kept: string[] = [];
  let [x, inChannels] = ["x", 3];
  for (const width of [16, 32, 64]) {
    x = double(x, inChannels, width);
    kept.push(x);
    x = net.maxPool(x, 2, 2);
    inChannels = width;
  }
  x = double(x, 64, 128);
  inChannels = 128;
  for (const width of [64, 32, 16]) {
    const skip = kept.pop() ?? "";
    const sizes = { inChannels, outChannels: width, kernel: 2, stride: 2 };
    const large = enlarging === "ConvTranspose"
      ? net.convTranspose(x, sizes, 0)
      : net.conv(resizedTo(net, x, skip), { inChannels, outChannels: width, kernel: 1 });
    x = double(net.add("Concat", [skip, large], { axis: int(1) }), 2 * width, width);
    inChannels = width;
  }
  const logits = net.conv(x, { inChannels: 16, outChannels: 2, kernel: 1 });
  const shapes = enlarging === "ConvTranspose"
    ? [[1, 3, 64, 48], [2, 3, 32, 40]]
    : [[1, 3, 51, 46], [2, 3, 33, 40]];
  return {
    model: net.model({ x: IMAGE }, [net.add("Softmax", [logits], { axis: int(1) })]),
    shapes,
  };
}

/** Enlarged to rows and columns of another value. */
function resizedTo(net: LayerBuilder, x: string, other: string): string {
  const part = (value: string, start: number, end: number) =>
    net.add("Slice", [
      net.add("Shape", [value]),
      net.constant(ints([start])),
      net.constant(ints([end])),
      net.constant(ints([0])),
    ]);
  const sizes = net.add("Concat", [part(x, 0, 2), part(other, 2, 4)], { axis: int(0) });
  return net.add("Resize", [x, "", "", sizes], {
    mode: text("linear"),
    coordinate_transformation_mode: text("half_pixel"),
  });
}

/** Shi et al., Real-time single image super-resolution by sub-pixel convolutions, 2016. */
export function espcn(): NetworkCase {
  const net = new LayerBuilder(4);
  let x = net.add("Tanh", [net.conv("x", { inChannels: 1, outChannels: 64, kernel: 5 })]);
  x = net.add("Tanh", [net.conv(x, { inChannels: 64, outChannels: 32, kernel: 3 })]);
  x = net.conv(x, { inChannels: 32, outChannels: 9, kernel: 3 });
  x = net.add("DepthToSpace", [x], { blocksize: int(3), mode: text("CRD") });
  return {
    model: net.model({ x: ["batch", 1, "height", "width"] }, [net.add("Sigmoid", [x])]),
    shapes: [[1, 1, 60, 41], [2, 1, 17, 33]],
  };
}

/** Radford et al., Unsupervised representation learning (DCGAN), 2016: the generator at a quarter of its width. */
export function dcganGenerator(): NetworkCase {
  const net = new LayerBuilder(5);
  const stages = [[100, 256, 1, 0], [256, 128, 2, 1], [128, 64, 2, 1], [64, 32, 2, 1]] as const;
  let x = "x";
  for (const [inChannels, outChannels, stride, padding] of stages) {
    const sizes = { inChannels, outChannels, kernel: 4, stride };
    x = net.relu(net.batchNorm(net.convTranspose(x, sizes, padding, false), outChannels));
  }
  x = net.convTranspose(x, { inChannels: 32, outChannels: 3, kernel: 4, stride: 2 }, 1, false);
  return {
    model: net.model({ x: ["batch", 100, 1, 1] }, [net.add("Tanh", [x])]),
    shapes: [[1, 100, 1, 1], [4, 100, 1, 1]],
  };
}

/** Kong et al., HiFi-GAN, 2020: samples of sound from frames of a spectrogram, at an eighth of its width. */
export function vocoder(): NetworkCase {
  const net = new LayerBuilder(6);
  const leaky = (x: string) => net.add("LeakyRelu", [x], { alpha: float(0.1) });
  let width = 64;
  let x = net.conv("x", { inChannels: 80, outChannels: width, kernel: 7, rank: 1 });
  for (const [kernel, stride] of [[16, 8], [16, 8], [4, 2]] as const) {
    const sizes = { inChannels: width, outChannels: width / 2, kernel, stride, rank: 1 };
    x = net.convTranspose(leaky(x), sizes, (kernel - stride) / 2);
    width /= 2;
    const branches = [3, 7].map((kernel) => {
      let branch = x;
      for (const dilation of [1, 3, 5]) {
        const sizes = { inChannels: width, outChannels: width, kernel, rank: 1 };
        const inner = net.conv(leaky(branch), { ...sizes, dilation });
        branch = net.add("Add", [net.conv(leaky(inner), sizes), branch]);
      }
      return branch;
    });
    x = net.add("Div", [net.add("Add", branches), net.constant(floats([2], []))]);
  }
  x = net.conv(leaky(x), { inChannels: width, outChannels: 1, kernel: 7, rank: 1 });
  return {
    model: net.model({ x: ["batch", 80, "frames"] }, [net.add("Tanh", [x])]),
    shapes: [[1, 80, 21], [2, 80, 8]],
  };
}

/** Huang et al., Densely connected convolutional networks, 2017: two blocks, normalised before they are convolved. */
export function denseNet(): NetworkCase {
  const net = new LayerBuilder(7);
  const growth = 12;
  let channels = 24;
  let x = net.conv("x", { inChannels: 3, outChannels: channels, kernel: 3 }, false);
  const active = (x: string, channels: number) => net.relu(net.batchNorm(x, channels));
  for (const layers of [4, 5]) {
    for (let i = 0; i < layers; i++) {
      const sizes = { inChannels: channels, outChannels: 4 * growth, kernel: 1 };
      const narrow = active(net.conv(active(x, channels), sizes, false), 4 * growth);
      const made = net.conv(
        narrow,
        { inChannels: 4 * growth, outChannels: growth, kernel: 3 },
        false,
      );
      x = net.add("Concat", [x, made], { axis: int(1) });
      channels += growth;
    }
    if (layers === 4) {
      const half = channels / 2;
      x = net.conv(
        active(x, channels),
        { inChannels: channels, outChannels: half, kernel: 1 },
        false,
      );
      x = net.add("AveragePool", [x], windows(2, 2, 0));
      channels = half;
    }
  }
  return {
    model: net.model({ x: IMAGE }, [net.classifier(active(x, channels), channels, 10)]),
    shapes: [[1, 3, 32, 32], [2, 3, 24, 17]],
  };
}

/** Tan and Le, EfficientNet, 2019: inverted residuals whose channels are weighed, with `x * sigmoid(x)`. */
export function efficientNet(): NetworkCase {
  const net = new LayerBuilder(8);
  const swish = (x: string) => net.add("Mul", [x, net.add("Sigmoid", [x])]);
  let x = swish(net.convNorm("x", { inChannels: 3, outChannels: 16, kernel: 3, stride: 2 }));
  let inChannels = 16;
  for (
    const [outChannels, kernel, stride] of [[16, 3, 1], [24, 5, 2], [24, 5, 1], [40, 3, 2]] as const
  ) {
    const width = 4 * inChannels;
    let inner = swish(net.convNorm(x, { inChannels, outChannels: width, kernel: 1 }));
    const depthwise = { inChannels: width, outChannels: width, kernel, stride, groups: width };
    inner = swish(net.convNorm(inner, depthwise));
    const mean = net.add("ReduceMean", [inner], { axes: intList([2, 3]), keepdims: int(1) });
    const narrow = swish(
      net.conv(mean, { inChannels: width, outChannels: inChannels / 4, kernel: 1 }),
    );
    const weights = { inChannels: inChannels / 4, outChannels: width, kernel: 1 };
    inner = net.add("Mul", [net.add("Sigmoid", [net.conv(narrow, weights)]), inner]);
    inner = net.convNorm(inner, { inChannels: width, outChannels, kernel: 1 });
    x = stride === 1 && inChannels === outChannels ? net.add("Add", [inner, x]) : inner;
    inChannels = outChannels;
  }
  return {
    model: net.model({ x: IMAGE }, [net.classifier(x, inChannels, 10)]),
    shapes: [[1, 3, 48, 48], [3, 3, 31, 40]],
  };
}

/** Every network by its name. */
export const NETWORKS: Readonly<Record<string, () => NetworkCase>> = {
  "ResNet-18": resNet18,
  MobileNetV2: mobileNetV2,
  "A U-Net with transposed convolutions": () => uNet("ConvTranspose"),
  "A U-Net that resizes": () => uNet("Resize"),
  ESPCN: espcn,
  "DCGAN's generator": dcganGenerator,
  "A vocoder": vocoder,
  "A DenseNet": denseNet,
  "An EfficientNet": efficientNet,
};
