import { describe, describeShape } from "../base/checks.ts";
import { sameShape } from "../tensor/shape.ts";

/** The bounds of a number. */
export interface Bounds {
  /** The least valid value. Default: none. */
  readonly least?: number;
  /** The greatest valid value. Default: none. */
  readonly most?: number;
  /** What every valid value is below. Default: nothing. */
  readonly below?: number;
}

/**
 * Checks that a value is a finite number within bounds.
 *
 * @throws {TypeError} If it is not a number.
 * @throws {RangeError} If it is not finite or out of bounds.
 */
export function checkNumber(
  where: string,
  what: string,
  value: unknown,
  { least = -Infinity, most = Infinity, below = Infinity }: Bounds = {},
): number {
  if (typeof value !== "number") {
    throw new TypeError(`${where}: ${what} must be a number, but is ${describe(value)}`);
  }
  if (Number.isFinite(value) && value >= least && value <= most && value < below) return value;
  const limits = [
    ...(least > -Infinity ? [`at least ${least}`] : []),
    ...(most < Infinity ? [`at most ${most}`] : []),
    ...(below < Infinity ? [`below ${below}`] : []),
  ];
  const expected = ["finite", ...limits].join(", ");
  throw new RangeError(`${where}: ${what} must be ${expected}, but is ${value}`);
}

/**
 * Checks that a tensor has the shape that it must have.
 *
 * @throws {RangeError} If it has another one.
 */
export function checkSameShape(
  where: string,
  what: string,
  shape: readonly number[],
  expected: readonly number[],
): void {
  if (sameShape(shape, expected)) return;
  throw new RangeError(
    `${where}: ${what} must have shape ${describeShape(expected)}, but has ${describeShape(shape)}`,
  );
}
