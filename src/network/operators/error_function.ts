/**
 * The error function.
 *
 * @module
 */

/** Terms of the series, enough for 1e-9 where it is used. */
const SERIES_TERMS = 40;
/** Steps of the continued fraction, likewise. */
const FRACTION_STEPS = 60;
/** Where the series gets longer than the continued fraction. */
const SERIES_END = 2.5;
/** From here on it is 1 in 32 bits. */
const ONE_FROM = 4.5;

/**
 * The integral of `2 / sqrt(pi) * exp(-t * t)` from 0, to about 1e-9.
 *
 * Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.6 and 7.1.14.
 */
export function errorFunction(x: number): number {
  if (Number.isNaN(x)) return x;
  const size = Math.abs(x);
  if (size >= ONE_FROM) return Math.sign(x);
  const value = size < SERIES_END ? series(size) : 1 - complement(size);
  return x < 0 ? -value : value;
}

function series(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n <= SERIES_TERMS; n++) {
    term *= 2 * x * x / (2 * n + 1);
    sum += term;
  }
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
}

function complement(x: number): number {
  let fraction = x;
  for (let n = FRACTION_STEPS; n >= 1; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
}
