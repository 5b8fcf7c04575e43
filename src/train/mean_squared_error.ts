import { checkOptionNames } from "../base/checks.ts";
import { checkTensor } from "../layers/call.ts";
import { type AnyTensor, Tensor } from "../tensor/tensor.ts";
import { checkSameShape } from "./checks.ts";
import { checkReduction, type Loss, type Reduction } from "./loss.ts";

/** Options of {@linkcode meanSquaredError}. */
export interface MeanSquaredErrorOptions {
  /** How the squares become one loss. Default `"mean"`. */
  readonly reduction?: Reduction;
}

/**
 * The mean of `(prediction - target)^2` over all elements, as `torch.nn.MSELoss`.
 *
 * @param prediction A tensor of any shape.
 * @param target A tensor of the same shape.
 * @param options Whether it is the mean or the sum. The mean of no elements is NaN.
 * @returns The loss and its gradient, `2 * (prediction - target) / size`.
 * @throws {TypeError} If one is not a tensor, or an option unknown or of the wrong kind.
 * @throws {RangeError} If the shapes differ, or the reduction is an unknown one.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { meanSquaredError } from "@tileconv/conv/train";
 * import { assertEquals } from "@std/assert";
 *
 * const { loss, gradient } = meanSquaredError(Tensor.from([1, 5]), Tensor.from([1, 3]));
 * assertEquals(loss, 2);
 * assertEquals([...gradient.data], [0, 2]);
 * ```
 */
export function meanSquaredError(
  prediction: AnyTensor,
  target: AnyTensor,
  options: MeanSquaredErrorOptions = {},
): Loss {
  const where = "meanSquaredError()";
  checkOptionNames(where, options, ["reduction"]);
  const reduction = checkReduction(where, options.reduction ?? "mean");
  const { shape, values: { elements: predicted } } = checkTensor(where, "prediction", prediction);
  const wanted = checkTensor(where, "target", target);
  checkSameShape(where, "target", wanted.shape, shape);
  const { elements } = wanted.values;
  const count = reduction === "mean" ? predicted.length : 1;
  const gradient = new Float32Array(predicted.length);
  let sum = 0;
  for (let i = 0; i < gradient.length; i++) {
    const difference = (predicted[i] ?? 0) - (elements[i] ?? 0);
    sum += difference * difference;
    gradient[i] = 2 * difference / count;
  }
  return { loss: sum / count, gradient: new Tensor(gradient, shape) };
}
