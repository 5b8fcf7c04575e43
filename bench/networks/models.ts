/**
 * Networks that people have, with drawn weights, as their exporters write them.
 *
 * @module
 */

import type { OnnxModel } from "../../src/io/models/onnx/model.ts";
import { int, ints, text } from "./graph_builder.ts";
import { LayerBuilder } from "./layer_builder.ts";

/** Pictures of any size. */
export const IMAGE = ["batch", 3, "height", "width"] as const;

/** How wide a network that tells classes is. */
export interface ClassifierSizes {
  /** Channels where they are said to be: the first ones of a ResNet, the last ones of a MobileNet. */
  readonly width: number;
  readonly classes: number;
}

/** He et al., Deep residual learning for image recognition, 2016: all 18 layers; their width is 64. */
export function resNet18({ width, classes }: ClassifierSizes): OnnxModel {
  const net = new LayerBuilder(1);
  let x = net.relu(net.convNorm("x", { inChannels: 3, outChannels: width, kernel: 7, stride: 2 }));
  x = net.maxPool(x, 3, 2, 1);
  let inChannels = width;
  for (const outChannels of [1, 2, 4, 8].map((factor) => factor * width)) {
    for (const stride of [outChannels === width ? 1 : 2, 1]) {
      const inner = net.relu(net.convNorm(x, { inChannels, outChannels, kernel: 3, stride }));
      const sizes = { inChannels: outChannels, outChannels, kernel: 3 };
      const residual = net.convNorm(inner, sizes);
      const isSame = stride === 1 && inChannels === outChannels;
      const short = isSame ? x : net.convNorm(x, { inChannels, outChannels, kernel: 1, stride });
      x = net.relu(net.add("Add", [residual, short]));
      inChannels = outChannels;
    }
  }
  return net.model({ x: IMAGE }, [net.classifier(x, inChannels, classes)]);
}

/** Sandler et al., MobileNetV2, 2018; its width is 1280. */
export function mobileNetV2({ width: lastWidth, classes }: ClassifierSizes): OnnxModel {
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
  x = net.relu6(net.convNorm(x, { inChannels, outChannels: lastWidth, kernel: 1 }));
  return net.model({ x: IMAGE }, [net.classifier(x, lastWidth, classes)]);
}

/** How what was made small is made large again: by transposed convolutions, or by resizing to the sizes before. */
export type Enlarging = "ConvTranspose" | "Resize";

/** How wide a U-Net is at first, and how it enlarges. */
export interface UNetSettings {
  readonly width: number;
  readonly enlarging: Enlarging;
}

/** Ronneberger et al., U-Net, 2015, without the deepest of its levels; its width is 64. */
export function uNet({ width: first, enlarging }: UNetSettings): OnnxModel {
  const net = new LayerBuilder(3);
  const double = (x: string, inChannels: number, outChannels: number) => {
    const inner = net.relu(net.convNorm(x, { inChannels, outChannels, kernel: 3 }));
    return net.relu(net.conv(inner, { inChannels: outChannels, outChannels, kernel: 3 }));
  };
  const kept: string[] = [];
  let [x, inChannels] = ["x", 3];
  for (const width of [first, 2 * first, 4 * first]) {
    x = double(x, inChannels, width);
    kept.push(x);
    x = net.maxPool(x, 2, 2);
    inChannels = width;
  }
  x = double(x, inChannels, 2 * inChannels);
  inChannels *= 2;
  for (const width of [4 * first, 2 * first, first]) {
    const skip = kept.pop() ?? "";
    const sizes = { inChannels, outChannels: width, kernel: 2, stride: 2 };
    const large = enlarging === "ConvTranspose"
      ? net.convTranspose(x, sizes, 0)
      : net.conv(resizedTo(net, x, skip), { inChannels, outChannels: width, kernel: 1 });
    x = double(net.add("Concat", [skip, large], { axis: int(1) }), 2 * width, width);
    inChannels = width;
  }
  // Of larger ones, the exponential function would make differences of their rounding alone.
  const logits = net.conv(x, { inChannels, outChannels: 2, kernel: 1, gain: 1 / 64 });
  return net.model({ x: IMAGE }, [net.add("Softmax", [logits], { axis: int(1) })]);
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
