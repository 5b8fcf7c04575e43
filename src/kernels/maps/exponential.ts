/**
 * The exponential function, and what is made of it. Errors are about one unit in the last place.
 *
 * @module
 */

import type { ProgramBuilder, Register } from "../../codegen/program.ts";
import { product, range } from "../../base/numbers.ts";
import { constant, type Formula } from "./formulas.ts";

/** Above it the function is infinite, and below the other it is 0. */
const [HIGHEST, LOWEST] = [89, -104];

/** The logarithm of 2 in two parts, of which the first has few bits: its products with whole numbers are exact. */
const LOG_2_HIGH = 0.693359375;
const LOG_2_LOW = Math.LN2 - LOG_2_HIGH;

/** Bits of a float32's fraction, and what its exponent counts from. */
const FRACTION_BITS = 23;
const EXPONENT_BIAS = 127;

/** The sum of it and a whole number is rounded to a whole number. */
const ROUNDING = 1.5 * 2 ** FRACTION_BITS;

/** Behind its last bits lie those of the exponent that is added to it. */
const EXPONENTS = 2 ** FRACTION_BITS + EXPONENT_BIAS;

/** Terms of the series, enough for 1e-8 between the logarithms of 2 ** -0.5 and 2 ** 0.5. */
const TERMS = 7;

/** `exp(x)` as `2 ** whole * (1 + rest)`. */
interface Parts {
  /** The power in two factors, each of which is within the range of float32 by itself. */
  readonly powers: readonly [Register, Register];
  readonly rest: Register;
}

/** A polynomial by Horner's scheme, in a new register: its coefficients, that of the highest power first. */
export function polynomial(
  code: ProgramBuilder,
  [highest = 0, ...others]: readonly number[],
  x: Register,
): Register {
  return others.reduce((sum, coefficient) => {
    const next = constant(code, coefficient);
    code.fma(next, sum, x);
    return next;
  }, constant(code, highest));
}

/** Coefficients of the series behind its first term, the last first. */
const SERIES = range(TERMS - 1).map((i) => 1 / product(range(i + 2).map((factor) => factor + 1)))
  .reverse();

function partsOf(code: ProgramBuilder, x: Register): Parts {
  const [at, rest] = [code.register(), code.register()];
  code.pmin(at, x, constant(code, HIGHEST));
  code.pmax(at, at, constant(code, LOWEST));
  const whole = constant(code, ROUNDING);
  code.fma(whole, at, constant(code, Math.LOG2E));
  code.sub(whole, whole, constant(code, ROUNDING));
  code.fma(at, whole, constant(code, -LOG_2_HIGH));
  code.fma(at, whole, constant(code, -LOG_2_LOW));
  // The first term is exact.
  const sum = polynomial(code, SERIES, at);
  code.mul(rest, at, at);
  code.fma(at, rest, sum);
  const [first, second] = [constant(code, EXPONENTS), code.register()];
  code.fma(first, whole, constant(code, 0.5));
  const exponents = constant(code, EXPONENTS);
  code.sub(second, first, exponents);
  code.sub(second, whole, second);
  code.add(second, second, exponents);
  const powers = [first, second] as const;
  for (const power of powers) code.shift(power, power, FRACTION_BITS);
  return { powers, rest: at };
}

/** `exp(x)` of a vector, in a new one. */
export function exponential(code: ProgramBuilder, x: Register): Register {
  const { powers: [first, second], rest } = partsOf(code, x);
  code.add(rest, rest, constant(code, 1));
  code.mul(rest, rest, first);
  code.mul(rest, rest, second);
  return rest;
}

/** `exp(x) - 1` of a vector of numbers up to 60, in a new one. */
function exponentialMinusOne(code: ProgramBuilder, x: Register): Register {
  const { powers: [power, second], rest } = partsOf(code, x);
  code.mul(power, power, second);
  code.mul(rest, rest, power);
  code.sub(power, power, constant(code, 1));
  code.add(rest, rest, power);
  return rest;
}

/** `exp(x)`. */
export const EXP: Formula = (code, [x = 0]) => exponential(code, x);

/** From here on the logistic function is 1. */
const SIGMOID_LIMIT = 60;

/** `exp(x) / (1 + exp(x))`. */
export const SIGMOID: Formula = (code, [x = 0]) => {
  const [at, divisor] = [code.register(), code.register()];
  code.pmin(at, x, constant(code, SIGMOID_LIMIT));
  const result = exponential(code, at);
  code.add(divisor, result, constant(code, 1));
  code.div(result, result, divisor);
  return result;
};

/** From here on the hyperbolic tangent is 1. */
const TANH_LIMIT = 10;

/** The hyperbolic tangent. */
export const TANH: Formula = (code, [x = 0]) => {
  const [at, divisor] = [code.register(), code.register()];
  code.pmin(at, x, constant(code, TANH_LIMIT));
  code.pmax(at, at, constant(code, -TANH_LIMIT));
  code.add(at, at, at);
  const result = exponentialMinusOne(code, at);
  code.add(divisor, result, constant(code, 2));
  code.div(result, result, divisor);
  return result;
};

/** `scale * (x > 0 ? x : alpha * (exp(x) - 1))`. */
export function elu(alpha: number, scale = 1): Formula {
  return (code, [x = 0]) => {
    const [below, opposite, above] = [code.register(), code.register(), code.register()];
    const zero = constant(code, 0);
    // Above 0 the exponential may leave the range.
    code.min(below, x, zero);
    code.sub(opposite, zero, x);
    const result = exponentialMinusOne(code, below);
    code.mul(result, result, constant(code, alpha * scale));
    code.mul(above, x, constant(code, scale));
    code.select(result, opposite, result, above);
    return result;
  };
}
