import { describeExcess, describeShape } from "../base/checks.ts";
import { MOST_MEMORY_BYTES } from "../engine/shared_memory.ts";
import type { ConvSettings } from "../convolution/settings.ts";
import { weightShape } from "../convolution/geometry.ts";
import { createRandom, fillUniform } from "../tensor/random.ts";
import { countElements } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** The values a layer starts from. */
export interface InitialValues {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
}

/**
 * Draws the initial values of a layer as PyTorch does: weight and bias uniform within
 * `±1 / sqrt(fan_in)`, where `fan_in = weight.shape[1] * prod(kernelSize)`.
 *
 * @param settings What the layer is built with.
 * @param bias Whether it has a bias. The weight does not depend on it.
 * @param seed A non-negative integer that fixes the values, or `undefined`.
 * @returns The values.
 * @throws {TypeError} If the seed is not a number.
 * @throws {RangeError} If the seed is not a non-negative integer, or the weight larger than the memory of any
 * engine.
 */
export function drawInitialValues(
  settings: ConvSettings,
  bias: boolean,
  seed: number | undefined,
): InitialValues {
  const random = createRandom(settings.name, seed);
  const shape = weightShape(settings);
  const size = countElements(settings.name, "the weight", shape);
  const bytes = size * Float32Array.BYTES_PER_ELEMENT;
  if (bytes > MOST_MEMORY_BYTES) {
    throw new RangeError(
      `${settings.name}: the weight of shape ${describeShape(shape)} takes ` +
        `${describeExcess(bytes, MOST_MEMORY_BYTES)} that an engine can have`,
    );
  }
  const bound = Math.sqrt((shape[0] ?? 1) / size);
  const draw = (size: number) => fillUniform(new Float32Array(size), -bound, bound, random);
  return {
    weight: new Tensor(draw(size), shape),
    bias: bias ? new Tensor(draw(settings.outChannels), [settings.outChannels]) : null,
  };
}
