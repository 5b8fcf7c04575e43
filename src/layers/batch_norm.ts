/**
 * Batch normalisations, as far as a trained network has them: their statistics.
 *
 * @module
 */

import { checkOptionNames, describe } from "../base/checks.ts";
import type { AnyTensor } from "../tensor/tensor.ts";
import { checkTensor } from "./call.ts";
import { describeName } from "./state_source.ts";
import { beginOf, didYouMeanName, entriesOf, type NamedTensors } from "./state.ts";

/**
 * A batch normalisation as it is applied after training: `(x - mean) / sqrt(variance + epsilon) * weight + bias`, each
 * of them one number a channel.
 */
export interface BatchNorm {
  /** `(channels)`, PyTorch's `running_mean`. */
  readonly mean: AnyTensor;
  /** `(channels)`, PyTorch's `running_var`. */
  readonly variance: AnyTensor;
  /** `(channels)`, called gamma or scale elsewhere. Default: ones. */
  readonly weight?: AnyTensor;
  /** `(channels)`, called beta or shift elsewhere. Default: zeros. */
  readonly bias?: AnyTensor;
  /** What is added to the variance. Default 1e-5. */
  readonly epsilon?: number;
}

/** Options of {@linkcode batchNormFrom}. */
export interface BatchNormFromOptions {
  /** What the normalisation is called in the dictionary, such as `"bn1"`. Default `""`. */
  readonly prefix?: string;
  /** What is added to the variance: no file has it. Default 1e-5. */
  readonly epsilon?: number;
}

const WHERE = "batchNormFrom()";

/** What PyTorch calls the parts, and what they are called here. */
const PARTS = { running_mean: "mean", running_var: "variance", weight: "weight", bias: "bias" };

/** The parts that there are always, by which a batch normalisation is told from anything else. */
const STATISTICS: readonly string[] = ["running_mean", "running_var"];

/**
 * A batch normalisation out of a dictionary of PyTorch's, for {@linkcode fuseBatchNorm}.
 *
 * @param dict Tensors by name: `running_mean` and `running_var`, and `weight` and `bias` unless it was built with
 * `affine=False`; others are not looked at.
 * @param options What it is called in the dictionary, and its epsilon.
 * @returns Its parts. The tensors are those of the dictionary.
 * @throws {TypeError} If one is missing or no tensor, or an option is unknown or of the wrong kind.
 *
 * @example
 * ```ts
 * import { batchNormFrom, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const dict = {
 *   "bn1.running_mean": Tensor.zeros([8]),
 *   "bn1.running_var": Tensor.ones([8]),
 *   "bn1.num_batches_tracked": Tensor.from(7),
 * };
 * assertEquals(Object.keys(batchNormFrom(dict, { prefix: "bn1" })), ["mean", "variance"]);
 * ```
 */
export function batchNormFrom(dict: NamedTensors, options: BatchNormFromOptions = {}): BatchNorm {
  checkOptionNames(WHERE, options, ["prefix", "epsilon"]);
  const { prefix = "", epsilon } = options;
  if (epsilon !== undefined) checkEpsilon(WHERE, epsilon);
  const begin = beginOf(WHERE, prefix);
  const entries = entriesOf(WHERE, "the state", dict, "tensors by name");
  const parts: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(PARTS)) {
    const value = entries.get(begin + name);
    if (value !== undefined) {
      checkTensor(WHERE, begin + name, value);
      parts[part] = value;
    } else if (STATISTICS.includes(name)) {
      throw new TypeError(
        `${WHERE}: ${describeName(begin + name)} is missing from the state` +
          didYouMeanName(begin + name, [...entries.keys()]),
      );
    }
  }
  return {
    ...(parts as Pick<BatchNorm, "mean" | "variance">),
    ...(epsilon !== undefined && { epsilon }),
  };
}

/** @throws {TypeError} If it is not a number. */
export function checkEpsilon(where: string, epsilon: unknown): void {
  if (typeof epsilon !== "number") {
    throw new TypeError(`${where}: epsilon must be a number, but is ${describe(epsilon)}`);
  }
}

/** Whether a name in a dictionary is one of a batch normalisation. */
export function isOfBatchNorm(name: string, dict: ReadonlyMap<string, unknown>): boolean {
  const start = name.lastIndexOf(".") + 1;
  const last = name.slice(start);
  return (Object.hasOwn(PARTS, last) || last === "num_batches_tracked") &&
    STATISTICS.every((statistic) => dict.has(name.slice(0, start) + statistic));
}
