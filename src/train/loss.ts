import { checkChoice } from "../base/checks.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A loss, and the way up from it. */
export interface Loss {
  /** The loss, computed in float64. */
  readonly loss: number;
  /** Its gradient with respect to the prediction, of the prediction's shape. */
  readonly gradient: Tensor;
}

/** How the losses of the elements become one: their mean or their sum. */
export type Reduction = "mean" | "sum";

const REDUCTIONS: readonly Reduction[] = ["mean", "sum"];

/**
 * Checks a reduction.
 *
 * @throws {TypeError} If it is not a string.
 * @throws {RangeError} If it is another string.
 */
export function checkReduction(where: string, reduction: Reduction): Reduction {
  return checkChoice(where, "reduction", reduction, REDUCTIONS);
}
