/** What the values of an array are like. */
export interface Statistics {
  /** Of those that are finite; `null` if there are none. */
  readonly minimum: number | null;
  readonly mean: number | null;
  readonly maximum: number | null;
  /** How many are NaN or infinite. */
  readonly nonFinite: number;
}

/** Looks at all values of an array. */
export function statisticsOf(values: Float32Array): Statistics {
  let [minimum, maximum, sum, nonFinite] = [Infinity, -Infinity, 0, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) {
      nonFinite++;
      continue;
    }
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
    sum += value;
  }
  const count = values.length - nonFinite;
  return count === 0
    ? { minimum: null, mean: null, maximum: null, nonFinite }
    : { minimum, mean: sum / count, maximum, nonFinite };
}

/** The same in a few words, such as `-1.2 to 3.4, mean 0.56`. */
export function describeStatistics({ minimum, mean, maximum, nonFinite }: Statistics): string {
  if (minimum === null || mean === null || maximum === null) {
    return nonFinite === 0 ? "none" : `all of the ${nonFinite} are NaN or infinite`;
  }
  const figure = (value: number) => String(Number(value.toPrecision(4)));
  const rest = nonFinite === 0 ? "" : `; NaN or infinite: ${nonFinite}`;
  return `minimum ${figure(minimum)}, mean ${figure(mean)}, maximum ${figure(maximum)}${rest}`;
}
