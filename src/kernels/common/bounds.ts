/**
 * Elements between two bounds, by one instruction each where that is right.
 *
 * @module
 */

import type { ProgramBuilder, Register } from "../../codegen/program.ts";

/** Makes the larger of an element and a bound; a NaN stays one. */
export function atLeast(
  code: ProgramBuilder,
  dst: Register,
  x: Register,
  bound: number,
): void {
  const least = code.register();
  code.constant(least, bound);
  code.pmax(dst, x, least);
  // It left -0, which is no less than 0, as it was.
  if (Object.is(bound, 0)) code.add(dst, dst, least);
}

/** Makes the smaller one. */
export function atMost(code: ProgramBuilder, dst: Register, x: Register, bound: number): void {
  const most = code.register();
  code.constant(most, bound);
  if (Object.is(bound, -0)) code.min(dst, x, most);
  else code.pmin(dst, x, most);
}
