/**
 * Training: a tape that records forward passes and runs back through them, optimizers and learning-rate schedules
 * as `torch.optim` defines them, losses with their gradients, and initial values of weights.
 *
 * @example
 * ```ts
 * import { Parameter, Tensor } from "@tileconv/conv";
 * import { Adam, init, meanSquaredError } from "@tileconv/conv/train";
 * import { assert } from "@std/assert";
 *
 * const target = Tensor.from([1, 2, 3]);
 * const values = init.normal(Tensor.zeros([3]), { seed: 0 });
 * const parameter = new Parameter(values);
 * const optimizer = new Adam([parameter], { learningRate: 0.1 });
 * for (let step = 0; step < 200; step++) {
 *   parameter.grad = meanSquaredError(values, target).gradient;
 *   optimizer.step();
 * }
 * assert(meanSquaredError(values, target).loss < 1e-3);
 * ```
 *
 * @module
 */

export { Tape } from "./tape.ts";
export type { TapeForwardOptions, TapeLayer } from "./layer_operation.ts";
export type { InputGradients, OperationBackward } from "./operation.ts";
export {
  type GroupOptions,
  type OptimizedParameters,
  Optimizer,
  type OptimizerOptions,
  type ParameterGroup,
} from "./optimizer.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
export { Adam, type AdamOptions, AdamW } from "./adam.ts";
export {
  cosineSchedule,
  type CosineScheduleOptions,
  linearSchedule,
  type LinearScheduleOptions,
  type Schedule,
  sequentialSchedule,
  stepSchedule,
  type StepScheduleOptions,
} from "./schedule.ts";
export type { Loss, Reduction } from "./loss.ts";
export { meanSquaredError, type MeanSquaredErrorOptions } from "./mean_squared_error.ts";
export { type ClassIndices, crossEntropy, type CrossEntropyOptions } from "./cross_entropy.ts";
export * as init from "./init.ts";
