/**
 * What a multiply-add takes, for families that do not read it from the page of numbers yet.
 *
 * @module
 */

import type { Target } from "../../codegen/target.ts";
import { tuned } from "./tuning.ts";

/** Nanoseconds of a multiply-add of vectors inside a register tile. */
export function multiplyAddNanoseconds(target: Target): number {
  return tuned(target, "multiplyAddNanoseconds");
}
