/**
 * Convolutions on the CPU for Deno: the six layers of `torch.nn` with every option, computed on all cores by
 * code that is generated for the sizes at hand. No permission is needed: the code is WebAssembly SIMD,
 * and machine code for AVX2 or AVX-512 where `--allow-ffi` was granted on x86-64 Linux.
 *
 * @example
 * ```ts
 * import { Conv2d, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new Conv2d(3, 16, 3, { stride: 2, padding: 1 });
 * const images = Tensor.randn([2, 3, 32, 32], { seed: 0 });
 * const output = await layer.forward(images);
 * assertEquals(output.shape, [2, 16, 16, 16]);
 * ```
 *
 * @module
 */

export { type Backend, defaultEngine, Engine, type EngineOptions } from "./src/engine/engine.ts";
export type { InstructionSet } from "./src/codegen/target.ts";
export type { PaddingMode } from "./src/convolution/settings.ts";
export type { Algorithm } from "./src/convolution/algorithm.ts";
export { Conv, Conv1d, Conv2d, Conv3d } from "./src/layers/conv.ts";
export {
  ConvTranspose,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
} from "./src/layers/conv_transpose.ts";
export {
  LazyConv1d,
  LazyConv2d,
  LazyConv3d,
  LazyConvTranspose1d,
  LazyConvTranspose2d,
  LazyConvTranspose3d,
} from "./src/layers/lazy.ts";
export { conv, convSync, convTranspose, convTransposeSync } from "./src/layers/functional.ts";
export { Unfold, unfold, unfoldSync } from "./src/layers/unfold.ts";
export { Fold, fold, foldSync } from "./src/layers/fold.ts";
export type {
  UnfoldForwardOptions,
  UnfoldFunctionOptions,
  UnfoldOptions,
} from "./src/layers/patches.ts";
export type {
  ConvFunctionOptions,
  ConvGradOptions,
  ConvOptions,
  ConvTransposeForwardOptions,
  ConvTransposeFunctionOptions,
  ConvTransposeGradOptions,
  ConvTransposeOptions,
  ForwardOptions,
  LayerOptions,
  OutputSizeOptions,
} from "./src/layers/options.ts";
export {
  convBiasGrad,
  convInputGrad,
  convInputGradSync,
  convTransposeInputGrad,
  convTransposeInputGradSync,
  convTransposeWeightGrad,
  convTransposeWeightGradSync,
  convWeightGrad,
  convWeightGradSync,
} from "./src/layers/gradients.ts";
export type { ActivationOptions } from "./src/layers/activation.ts";
export type { Activation } from "./src/convolution/epilogue.ts";
export type { Family } from "./src/kernels/plan.ts";
export type {
  ExplainedPhase,
  ExplainOptions,
  Explanation,
  Listing,
} from "./src/execution/explain.ts";
export { Layer } from "./src/layers/layer.ts";
export type { BackwardOptions } from "./src/layers/backward.ts";
export { Parameter } from "./src/layers/parameter.ts";
export type { LoadStateDictOptions, NamedTensors, StateDict } from "./src/layers/state.ts";
export {
  loadStateDicts,
  type LoadStateDictsOptions,
  type NamedLayers,
  stateDicts,
  type StateReport,
} from "./src/layers/state_dicts.ts";
export {
  type BatchNorm,
  batchNormFrom,
  type BatchNormFromOptions,
} from "./src/layers/batch_norm.ts";
export { fuseBatchNorm } from "./src/layers/fuse_batch_norm.ts";
export type { Padding, Size } from "./src/convolution/settings.ts";
export {
  type AnyTensor,
  type CropOptions,
  type PadOptions,
  type RandnOptions,
  Tensor,
  type TensorData,
  type TensorFromOptions,
  type UniformOptions,
} from "./src/tensor/tensor.ts";
export type { TensorSource } from "./src/tensor/source.ts";
export type { NestedArrays, NestedNumbers, TypedNumbers } from "./src/tensor/nested.ts";
export type { DeviceTensor, ForeignTensor, OnnxTensor, ShapedArray } from "./src/tensor/foreign.ts";
export type { PictureData } from "./src/tensor/picture.ts";
export type { SliceRange } from "./src/tensor/select.ts";
