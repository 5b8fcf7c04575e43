/**
 * How elements are made one: their largest, their smallest, or their sum times something.
 *
 * @module
 */

import type { ProgramBuilder, Register } from "../../codegen/program.ts";
import { range } from "../../base/numbers.ts";

/** What is made of elements. */
export type FoldKind = "max" | "min" | "sum";

/** What changes nothing. */
export const NEUTRAL: Readonly<Record<FoldKind, number>> = {
  max: -Infinity,
  min: Infinity,
  sum: 0,
};

/** Takes a vector into another one. */
export function foldIn(
  code: ProgramBuilder,
  kind: FoldKind,
  total: Register,
  value: Register,
): void {
  switch (kind) {
    case "max":
      return code.max(total, total, value);
    case "min":
      return code.min(total, total, value);
    case "sum":
      return code.add(total, total, value);
  }
}

/** The first lanes of a vector, and what changes nothing in the others. */
export function firstLanes(
  code: ProgramBuilder,
  value: Register,
  count: number,
  neutral: Register,
): void {
  if (count === code.lanes) return;
  const picked = range(code.lanes).map((lane) => lane < count ? lane : code.lanes + lane);
  code.shuffle(value, value, neutral, picked);
}
