import { median } from "../src/cli/report.ts";

/** The geometric mean of some ratios, `NaN` of none. */
export function geometricMean(ratios: readonly number[]): number {
  return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
}

/**
 * The median of the ratios of numbers that belong together: of times taken side by side it tells who is
 * faster however much the machine's speed changes meanwhile.
 */
export function medianRatio(
  numerators: readonly number[],
  denominators: readonly number[],
): number {
  return median(numerators.map((numerator, index) => numerator / (denominators[index] ?? NaN)));
}

/** The largest difference in proportion to the largest expected value. */
export function relativeError(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Infinity;
  let apart = 0;
  let largest = 0;
  for (let index = 0; index < expected.length; index++) {
    const [is = NaN, should = NaN] = [actual[index], expected[index]];
    // Unlike a comparison, Math.max keeps a NaN.
    apart = Math.max(apart, Math.abs(is - should));
    largest = Math.max(largest, Math.abs(should));
  }
  return apart === 0 ? 0 : apart / largest;
}
