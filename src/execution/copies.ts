/**
 * Copies between arrays that are made bit by bit, so that the event loop can go round meanwhile.
 *
 * @module
 */

/** Elements that follow each other in what they are copied to. */
export interface Span {
  readonly count: number;
  /** Where the first goes. */
  readonly to: number;
  /** Where it comes from, `null` for zeros. */
  readonly from: number | null;
  /** From one element to the next where they come from. */
  readonly step: number;
}

/** Elements that are copied between two looks at the time: some tens of microseconds. */
const PART_ELEMENTS = 2 ** 15;

/**
 * Copies spans.
 *
 * @param spans What goes where.
 * @param target To which array.
 * @param source From which one.
 * @throws {TypeError} If the target has lost its values.
 */
export function* copySpans(
  spans: Iterable<Span>,
  target: Float32Array,
  source: Float32Array,
): Iterable<void> {
  let left = PART_ELEMENTS;
  for (const { count, to, from, step } of spans) {
    for (let done = 0; done < count;) {
      const part = Math.min(count - done, left);
      const start = from === null ? null : from + done * step;
      copySpan({ count: part, to: to + done, from: start, step }, writable(target), source);
      done += part;
      left -= part;
      if (left > 0) continue;
      yield;
      left = PART_ELEMENTS;
    }
  }
}

/** Copies the whole of an array to the start of another. */
export function copyBetween(source: Float32Array, target: Float32Array): Iterable<void> {
  return copySpans([{ count: source.length, to: 0, from: 0, step: 1 }], target, source);
}

function copySpan(
  { count, to, from, step }: Span,
  target: Float32Array,
  source: Float32Array,
): void {
  if (from === null) target.fill(0, to, to + count);
  else if (step === 1) target.set(source.subarray(from, from + count), to);
  else {
    for (let i = 0; i < count; i++) target[to + i] = source[from + i * step] ?? 0;
  }
}

/**
 * An array that is about to be written to, after the event loop has gone round perhaps.
 *
 * @throws {TypeError} If its values are gone: only an array of the user's can have lost them.
 */
export function writable(array: Float32Array): Float32Array {
  if (array.length > 0) return array;
  throw new TypeError(
    "forward(): out has lost its values while the call was in flight: the buffer behind its data was " +
      "transferred or resized",
  );
}
