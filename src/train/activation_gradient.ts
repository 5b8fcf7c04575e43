import type { Activation } from "../convolution/epilogue.ts";

/**
 * The gradient in front of an activation, from the activation's output; at the kinks PyTorch's.
 *
 * @param activation The activation.
 * @param negativeSlope The slope of `"leakyRelu"`, not negative.
 * @param output What the activation returned.
 * @param gradient The gradient of that.
 * @returns A new array.
 */
export function activationGradient(
  activation: Activation,
  negativeSlope: number,
  output: Float32Array,
  gradient: Float32Array,
): Float32Array<ArrayBuffer> {
  const low = activation === "leakyRelu" ? negativeSlope : 0;
  const ceiling = activation === "relu6" ? 6 : Infinity;
  const result = new Float32Array(gradient.length);
  for (let i = 0; i < result.length; i++) {
    const value = output[i] ?? 0;
    const slope = value <= 0 ? low : value >= ceiling ? 0 : 1;
    result[i] = slope === 0 ? 0 : slope * (gradient[i] ?? 0);
  }
  return result;
}
