/** How much two arrays of one shape differ. */
export interface Difference {
  /** The largest of all differences; infinite where only one of two values is finite, or a NaN. */
  readonly largest: number;
  /** The same in proportion to the largest absolute value of either array. */
  readonly relative: number;
  /** Where it is, among the values row by row, and the values there; `null` where nothing differs. */
  readonly place: number | null;
  /** How many values differ. */
  readonly count: number;
}

/** Compares arrays value by value. NaN is like NaN, and an infinity like itself. */
export function differenceOf(first: Float32Array, second: Float32Array): Difference {
  let [largest, scale, count] = [0, 0, 0];
  let place: number | null = null;
  for (let at = 0; at < first.length; at++) {
    const [a, b] = [first[at] ?? NaN, second[at] ?? NaN];
    if (Number.isFinite(a)) scale = Math.max(scale, Math.abs(a));
    if (Number.isFinite(b)) scale = Math.max(scale, Math.abs(b));
    if (a === b || Number.isNaN(a) && Number.isNaN(b)) continue;
    count++;
    const difference = Number.isFinite(a) && Number.isFinite(b) ? Math.abs(a - b) : Infinity;
    if (place !== null && difference <= largest) continue;
    largest = difference;
    place = at;
  }
  return { largest, relative: largest === 0 ? 0 : largest / scale, place, count };
}

/** The index of a value along each axis. */
export function indexOf(place: number, shape: readonly number[]): readonly number[] {
  let rest = place;
  return shape.toReversed().map((size) => {
    const index = rest % size;
    rest = Math.floor(rest / size);
    return index;
  }).toReversed();
}
