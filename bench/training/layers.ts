import { type BenchLayer, conv } from "../layers.ts";

/**
 * Layers that PyTorch computes by oneDNN, forward and backward: 2-D ones of more than one tap, and 1-D ones as
 * rows. For others (transposed, 3-D, small 1x1) it has plain loops, beside which any code looks fast.
 */
export const TRAINING_LAYERS: readonly BenchLayer[] = [
  conv("ResNet-50 3x3 64>64 @56", "3x3", [1, 64, 56, 56], 64, 3, { padding: 1 }),
  conv("ResNet-50 3x3 256>256 @14", "3x3", [1, 256, 14, 14], 256, 3, { padding: 1 }),
  conv("ResNet-50 3x3 512>512 @7", "3x3", [1, 512, 7, 7], 512, 3, { padding: 1 }),
  conv("ResNet-50 3x3 128>128 @28, N = 4", "3x3", [4, 128, 28, 28], 128, 3, { padding: 1 }),
  conv("U-Net 3x3 64>64 @112", "3x3", [1, 64, 112, 112], 64, 3, { padding: 1 }),
  conv("Inception 5x5 48>64 @35", "3x3", [1, 48, 35, 35], 64, 5, { padding: 2 }),
  conv("Inception 1x7 192>192 @17, N = 4", "3x3", [4, 192, 17, 17], 192, [1, 7], {
    padding: [0, 3],
  }),
  conv("ResNet-50 stem 7x7 stride 2 @224", "strided", [1, 3, 224, 224], 64, 7, {
    stride: 2,
    padding: 3,
  }),
  conv("YOLO 3x3 stride 2 64>128 @80", "strided", [1, 64, 80, 80], 128, 3, {
    stride: 2,
    padding: 1,
  }),
  conv("ResNet-18 3x3 stride 2 256>512 @14", "strided", [1, 256, 14, 14], 512, 3, {
    stride: 2,
    padding: 1,
  }),
  conv("DeepLab 3x3 dilation 4 256>256 @33", "dilated", [1, 256, 33, 33], 256, 3, {
    padding: 4,
    dilation: 4,
  }),
  conv("MobileNet depthwise 5x5 240 @28", "depthwise", [1, 240, 28, 28], 240, 5, {
    padding: 2,
    groups: 240,
  }),
  conv("ResNeXt 3x3 128 in 32 groups @56", "grouped", [1, 128, 56, 56], 128, 3, {
    padding: 1,
    groups: 32,
  }),
  conv("Whisper 80>384 k3 @3000", "1-D", [1, 80, 3000], 384, 3, { padding: 1 }),
  conv("wav2vec2 512>512 k3 stride 2 @1600", "1-D", [1, 512, 1600], 512, 3, { stride: 2 }),
  conv("WaveNet 64>64 k2 dilation 64 @8000", "1-D", [1, 64, 8000], 64, 2, { dilation: 64 }),
];
