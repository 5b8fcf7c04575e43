import { median } from "../src/base/numbers.ts";

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
