/**
 * Convolutional networks from ONNX files: `fromOnnx()` reads one, and what it gives computes it on the same threads as
 * layers do.
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
