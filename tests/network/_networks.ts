/**
 * Networks that people have, with drawn weights, as their exporters write them.
 *
 * @module
 */

import type { OnnxModel } from "../../src/io/models/onnx/model.ts";
import { LayerBuilder, windows } from "../../bench/networks/layer_builder.ts";
import * as models from "../../bench/networks/models.ts";
import { float, floats, int, intList, text } from "./_models.ts";

/** A network, and shapes of its input to be computed one after the other. */
export interface NetworkCase {
  readonly model: OnnxModel;
  readonly shapes: readonly (readonly number[])[];
}

/** All 18 layers at half their width. */
export function resNet18(): NetworkCase {
  return {
    model: models.resNet18({ width: 32, classes: 100 }),
    shapes: [[1, 3, 64, 64], [2, 3, 40, 33], [1, 3, 64, 64]],
  };
}

/** With narrower last stages. */
export function mobileNetV2(): NetworkCase {
  return {
    model: models.mobileNetV2({ width: 640, classes: 100 }),
    shapes: [[1, 3, 96, 96], [3, 3, 64, 33]],
  };
}

/** At a quarter of its width. */
export function uNet(enlarging: models.Enlarging): NetworkCase {
  return {
    model: models.uNet({ width: 16, enlarging }),
    shapes: enlarging === "ConvTranspose"
      ? [[1, 3, 64, 48], [2, 3, 32, 40]]
      : [[1, 3, 51, 46], [2, 3, 33, 40]],
  };
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
    model: net.model({ x: models.IMAGE }, [net.classifier(active(x, channels), channels, 10)]),
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
    model: net.model({ x: models.IMAGE }, [net.classifier(x, inChannels, 10)]),
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
