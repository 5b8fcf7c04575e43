/**
 * The layers that are timed: the worked examples of the `torch.nn` documentation, and layers of
 * networks that people run.
 *
 * @module
 */

import {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvOptions,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeOptions,
  type Layer,
  type LayerOptions,
  type Size,
} from "../mod.ts";

/** What the tables sort layers by, in their order; `"3x3"` is 2-D with stride 1. */
export const KINDS = [
  "3x3",
  "1x1",
  "strided",
  "dilated",
  "depthwise",
  "grouped",
  "1-D",
  "3-D",
  "transposed",
] as const;

/** One of {@linkcode KINDS}. */
export type Kind = (typeof KINDS)[number];

/** A layer and the input that it is timed on. */
export interface BenchLayer {
  readonly name: string;
  readonly kind: Kind;
  readonly inputShape: readonly number[];
  readonly build: (options: LayerOptions) => Layer;
}

type Shape = readonly number[];

/** A layer that is not transposed; its rank is that of the input. */
export function conv(
  name: string,
  kind: Kind,
  inputShape: Shape,
  outChannels: number,
  kernel: Size,
  options: ConvOptions = {},
): BenchLayer {
  const inChannels = inputShape[1] ?? 1;
  const Class = [Conv1d, Conv2d, Conv3d][inputShape.length - 3] ?? Conv2d;
  const build = (common: LayerOptions) =>
    new Class(inChannels, outChannels, kernel, { ...options, ...common });
  return { name, kind, inputShape, build };
}

function transposed(
  name: string,
  inputShape: Shape,
  outChannels: number,
  kernel: Size,
  options: ConvTransposeOptions = {},
): BenchLayer {
  const inChannels = inputShape[1] ?? 1;
  const Class = [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d][inputShape.length - 3] ??
    ConvTranspose2d;
  const build = (common: LayerOptions) =>
    new Class(inChannels, outChannels, kernel, { ...options, ...common });
  return { name, kind: "transposed", inputShape, build };
}

/** Every layer of the tables, grouped by kind. */
export const LAYERS: readonly BenchLayer[] = [
  conv("VGG 3x3 64>64 @224", "3x3", [1, 64, 224, 224], 64, 3, { padding: 1 }),
  conv("VGG 3x3 512>512 @14", "3x3", [1, 512, 14, 14], 512, 3, { padding: 1 }),
  conv("ResNet-50 3x3 64>64 @56", "3x3", [1, 64, 56, 56], 64, 3, { padding: 1 }),
  conv("ResNet-50 3x3 128>128 @28", "3x3", [1, 128, 28, 28], 128, 3, { padding: 1 }),
  conv("ResNet-50 3x3 256>256 @14", "3x3", [1, 256, 14, 14], 256, 3, { padding: 1 }),
  conv("ResNet-50 3x3 512>512 @7", "3x3", [1, 512, 7, 7], 512, 3, { padding: 1 }),
  conv("ResNet-50 1x1 64>256 @56", "1x1", [1, 64, 56, 56], 256, 1),
  conv("ResNet-50 1x1 256>64 @56", "1x1", [1, 256, 56, 56], 64, 1),
  conv("ResNet-50 1x1 1024>256 @14", "1x1", [1, 1024, 14, 14], 256, 1),
  conv("ResNet-50 1x1 512>2048 @7", "1x1", [1, 512, 7, 7], 2048, 1),
  conv("ResNet-50 stem 7x7 stride 2 @224", "strided", [1, 3, 224, 224], 64, 7, {
    stride: 2,
    padding: 3,
  }),
  conv("ResNet-50 3x3 stride 2 128 @56", "strided", [1, 128, 56, 56], 128, 3, {
    stride: 2,
    padding: 1,
  }),
  conv("ResNet-50 1x1 stride 2 256>512 @56", "strided", [1, 256, 56, 56], 512, 1, { stride: 2 }),
  conv("Conv2d documentation example", "strided", [20, 16, 50, 100], 33, [3, 5], {
    stride: [2, 1],
    padding: [4, 2],
    dilation: [3, 1],
  }),
  conv("DeepLab 3x3 dilation 2 256>256 @28", "dilated", [1, 256, 28, 28], 256, 3, {
    padding: 2,
    dilation: 2,
  }),
  conv("DeepLab ASPP 3x3 dilation 6 512>256 @28", "dilated", [1, 512, 28, 28], 256, 3, {
    padding: 6,
    dilation: 6,
  }),
  conv("MobileNet depthwise 3x3 512 @14", "depthwise", [1, 512, 14, 14], 512, 3, {
    padding: 1,
    groups: 512,
  }),
  conv("MobileNet depthwise 3x3 32 @112", "depthwise", [1, 32, 112, 112], 32, 3, {
    padding: 1,
    groups: 32,
  }),
  conv("MobileNet depthwise 3x3 stride 2 64 @112", "depthwise", [1, 64, 112, 112], 64, 3, {
    padding: 1,
    groups: 64,
    stride: 2,
  }),
  conv("ConvNeXt depthwise 7x7 96 @56", "depthwise", [1, 96, 56, 56], 96, 7, {
    padding: 3,
    groups: 96,
  }),
  conv("Conformer depthwise k31 256 @1000", "depthwise", [1, 256, 1000], 256, 31, {
    padding: 15,
    groups: 256,
  }),
  conv("AlexNet 5x5 96>256 in 2 groups @27", "grouped", [1, 96, 27, 27], 256, 5, {
    padding: 2,
    groups: 2,
  }),
  conv("ResNeXt 3x3 128 in 32 groups @56", "grouped", [1, 128, 56, 56], 128, 3, {
    padding: 1,
    groups: 32,
  }),
  conv("ResNeXt 3x3 1024 in 32 groups @7", "grouped", [1, 1024, 7, 7], 1024, 3, {
    padding: 1,
    groups: 32,
  }),
  conv("ShuffleNet 1x1 240 in 3 groups @28", "grouped", [1, 240, 28, 28], 240, 1, { groups: 3 }),
  conv("Conv1d documentation example", "1-D", [20, 16, 50], 33, 3, { stride: 2 }),
  conv("wav2vec2 1>512 k10 stride 5 @16000", "1-D", [1, 1, 16000], 512, 10, { stride: 5 }),
  conv("wav2vec2 512>512 k3 stride 2 @3199", "1-D", [1, 512, 3199], 512, 3, { stride: 2 }),
  conv("Whisper 80>384 k3 @3000", "1-D", [1, 80, 3000], 384, 3, { padding: 1 }),
  conv("WaveNet 64>64 k2 dilation 64 @8000", "1-D", [1, 64, 8000], 64, 2, { dilation: 64 }),
  conv("C3D 3x3x3 64>128 @8x28x28", "3-D", [1, 64, 8, 28, 28], 128, 3, { padding: 1 }),
  conv("Conv3d documentation example, N = 1", "3-D", [1, 16, 10, 50, 100], 33, [3, 5, 2], {
    stride: [2, 1, 1],
    padding: [4, 2, 0],
  }),
  transposed("DCGAN 4x4 512>256 @8", [1, 512, 8, 8], 256, 4, { stride: 2, padding: 1 }),
  transposed("DCGAN 4x4 128>64 @32", [1, 128, 32, 32], 64, 4, { stride: 2, padding: 1 }),
  transposed("U-Net 2x2 128>64 @64", [1, 128, 64, 64], 64, 2, { stride: 2 }),
  transposed("HiFi-GAN k16 stride 8 512>256 @100", [1, 512, 100], 256, 16, {
    stride: 8,
    padding: 4,
  }),
  transposed("V-Net 2x2x2 64>32 @16", [1, 64, 16, 16, 16], 32, 2, { stride: 2 }),
  transposed("ConvTranspose2d documentation example, N = 2", [2, 16, 50, 100], 33, [3, 5], {
    stride: [2, 1],
    padding: [4, 2],
  }),
];
