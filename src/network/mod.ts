/**
 * Convolutional networks from ONNX files: `fromOnnx()` reads one, and what it gives computes it on the same threads as
 * layers do.
 *
 * @example
 * ```ts
 * import { Conv2d, Tensor } from "@tileconv/conv";
 * import { fromOnnx, toOnnx } from "@tileconv/conv/onnx";
 * import { assertEquals } from "@std/assert";
 *
 * const file = toOnnx([new Conv2d(3, 16, 3, { padding: 1, activation: "relu" })]);
 * const network = fromOnnx(file);
 * const { output } = await network.forward(Tensor.randn([1, 3, 32, 32]));
 * assertEquals(output?.shape, [1, 16, 32, 32]);
 * ```
 *
 * @module
 */

export type { NetworkLayer } from "./layers.ts";
export { fromOnnx } from "./from_onnx.ts";
export type { ExplainedStep, NetworkExplanation } from "./explain.ts";
export {
  Network,
  type NetworkOptions,
  type NetworkShapes,
  type NetworkTensors,
  type NetworkValue,
} from "./network.ts";
export type { NetworkProfile, NetworkProfileOptions, ProfiledStep } from "./profile.ts";
export { toOnnx } from "./to_onnx.ts";
