/**
 * The error function, and what is made of it.
 *
 * @module
 */

import type { ProgramBuilder, Register } from "../../codegen/program.ts";
import { exponential, polynomial } from "./exponential.ts";
import { ABSOLUTE, constant, type Formula } from "./formulas.ts";

/**
 * Of `erf(z) / z` by powers of `z * z` up to 1, the highest first: a fit by least squares whose weights were
 * changed until all errors were alike, some 1e-9.
 */
const NEAR = [
  7.85385772e-05,
  -0.000801019252,
  0.00518832756,
  -0.0268538119,
  0.112835851,
  -0.376126258,
  1.12837917,
] as const;

/** Of `exp(z * z) * (1 - erf(z)) / t` by powers of `t = 1 / (1 + z / 2)`, fitted alike up to the limit, to 2.3e-8. */
const FAR = [
  0.0102517391,
  -0.112491482,
  0.404346368,
  -0.638338288,
  0.395953236,
  -0.0853479558,
  0.221297935,
  0.239497625,
  0.282761807,
  0.282068993,
] as const;

/** Beyond it `1 - erf(z)` is less than the least number of float32. */
const LIMIT = 10.5;

/**
 * `1 - erf(at * sqrt(share))` of a vector that is not negative, to about 4e-7 of itself.
 *
 * @param at At most as large as the limit; changed.
 */
function complement(code: ProgramBuilder, at: Register, share: number): Register {
  const [square, lost, t] = [code.register(), code.register(), constant(code, 1)];
  // Large exponents are to be exact: what the rounding of the square loses is made up for.
  code.mul(square, at, at);
  code.sub(lost, constant(code, 0), square);
  code.fmaOnce(lost, at, at);
  code.fma(t, at, constant(code, Math.sqrt(share) / 2));
  code.div(t, constant(code, 1), t);
  const result = polynomial(code, FAR, t);
  code.mul(result, result, t);
  code.mul(square, square, constant(code, -share));
  code.mul(result, result, exponential(code, square));
  code.mul(lost, lost, constant(code, -share));
  code.fma(result, result, lost);
  return result;
}

/** The error function. */
export const ERF: Formula = (code, [x = 0]) => {
  const at = ABSOLUTE(code, [x]);
  code.min(at, at, constant(code, LIMIT));
  const far = complement(code, at, 1);
  code.sub(far, constant(code, 1), far);
  const opposite = constant(code, -1);
  code.mul(opposite, far, opposite);
  code.select(far, x, far, opposite);
  const [square, side] = [code.register(), ABSOLUTE(code, [x])];
  code.mul(square, x, x);
  const near = polynomial(code, NEAR, square);
  code.mul(near, near, x);
  code.sub(side, side, constant(code, 1));
  code.select(far, side, far, near);
  return far;
};

/** `x / 2 * (1 + erf(x / sqrt(2)))`. */
export const GELU: Formula = (code, [x = 0]) => {
  const at = ABSOLUTE(code, [x]);
  code.min(at, at, constant(code, LIMIT * Math.SQRT2));
  const below = complement(code, at, 0.5);
  code.mul(below, below, constant(code, 0.5));
  const above = code.register();
  code.sub(above, constant(code, 1), below);
  code.select(above, x, above, below);
  code.mul(above, above, x);
  return above;
};
