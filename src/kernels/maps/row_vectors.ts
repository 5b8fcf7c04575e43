/**
 * The vectors of a row of elements side by side.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type ProgramBuilder,
  type Register,
} from "../../codegen/program.ts";
import { range } from "../../base/numbers.ts";
import { combineLanes } from "../common/lane_sums.ts";
import { firstLanes, foldIn, type FoldKind, NEUTRAL } from "./fold.ts";

/** Vectors that are taken together: enough to hide how long each waits for the one before. */
const VECTORS = 4;

/** Calls `visit` for every vector of a row, which is so many bytes behind the pointers, and the `index`-th of its turn. */
export function eachVector(
  code: ProgramBuilder,
  length: number,
  pointers: readonly Pointer[],
  visit: (offset: number, count: number, index: number) => void,
): void {
  const { lanes } = code;
  const bytes = lanes * FLOAT_BYTES;
  const steps = pointers.map((ptr) => [ptr, bytes] as const);
  const whole = Math.floor(length / lanes);
  code.blocks(whole, VECTORS, steps, (vectors) => {
    for (const i of range(vectors)) visit(i * bytes, lanes, i);
  });
  const rest = length % lanes;
  if (rest > 0) code.displaced(steps, whole, () => visit(0, rest, whole % VECTORS));
}

/** What is folded. */
export interface RowFolding {
  readonly kind: FoldKind;
  readonly length: number;
  readonly pointers: readonly Pointer[];
  /** Makes the vector of some lanes that is folded, so many bytes behind the pointers; it may be changed. */
  readonly make: (offset: number, count: number) => Register;
}

/** A vector of what is made of every `lanes`-th element of a row. */
export function foldVectors(
  code: ProgramBuilder,
  { kind, length, pointers, make }: RowFolding,
): Register {
  const neutral = code.register();
  code.constant(neutral, NEUTRAL[kind]);
  const totals = code.registers(Math.min(VECTORS, Math.ceil(length / code.lanes)));
  for (const total of totals) code.copy(total, neutral);
  eachVector(code, length, pointers, (offset, count, index) => {
    const value = make(offset, count);
    firstLanes(code, value, count, neutral);
    foldIn(code, kind, totals[index] ?? neutral, value);
  });
  const [total = neutral, ...others] = totals;
  for (const other of others) foldIn(code, kind, total, other);
  return total;
}

/** What is made of all elements of a row, in every lane. */
export function foldRow(code: ProgramBuilder, folding: RowFolding): Register {
  const combine = (total: Register, value: Register) => foldIn(code, folding.kind, total, value);
  const result = combineLanes(code, [foldVectors(code, folding)], combine);
  code.lane(result, result, 0);
  return result;
}
