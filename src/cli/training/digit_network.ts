import type { Engine } from "../../engine/engine.ts";
import { Conv2d } from "../../layers/conv.ts";
import { type AnyTensor, Tensor } from "../../tensor/tensor.ts";
import { kaimingNormal } from "../../train/init.ts";
import { DIGIT_SIZE, type Digits } from "./mnist.ts";

/** How many digits there are to tell apart. */
export const CLASSES = 10;

/** What pixels are moved and scaled by, so that those of MNIST have mean 0 and variance 1. */
const MEAN = 0.1307;
const DEVIATION = 0.3081;

/**
 * Layers that tell digits apart: all are convolutions, with strides in place of pooling ("Striving for
 * Simplicity: The All Convolutional Net", Springenberg et al., 2015), and the last one sees what is left at once.
 *
 * @param seed Fixes the initial weights.
 */
export function digitLayers(seed: number, engine: Engine): readonly Conv2d[] {
  const hidden = { padding: 1, activation: "relu", engine } as const;
  const layers = [
    new Conv2d(1, 16, 5, { ...hidden, stride: 2, padding: 2 }),
    new Conv2d(16, 32, 3, hidden),
    new Conv2d(32, 48, 3, { ...hidden, stride: 2 }),
    new Conv2d(48, 64, 3, hidden),
    new Conv2d(64, CLASSES, 7, { engine }),
  ];
  layers.forEach(({ weight, bias }, i) => {
    kaimingNormal(weight, { seed: seed + i, nonlinearity: "relu" });
    bias?.data.fill(0);
  });
  return layers;
}

/** Some digits as an input. */
export function digitBatch({ pixels }: Digits, indices: readonly number[]): Tensor {
  const size = DIGIT_SIZE ** 2;
  const batch = Tensor.zeros([indices.length, 1, DIGIT_SIZE, DIGIT_SIZE]);
  indices.forEach((index, item) => {
    for (let i = 0; i < size; i++) {
      const value = (pixels[index * size + i] ?? 0) / 255;
      batch.data[item * size + i] = (value - MEAN) / DEVIATION;
    }
  });
  return batch;
}

/** What the last layer computes of some digits, as logits `(N, 10)`. */
export function logitsOf(values: AnyTensor): AnyTensor {
  return values.reshape([values.shape[0] ?? 0, CLASSES]);
}
