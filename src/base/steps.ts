/**
 * Work that can be done bit by bit.
 *
 * @module
 */

/** Work that hands over what it made once all its steps are done; between two of them others may have a turn. */
export type Steps<T> = Generator<void, T, void>;

/** Does all steps in one go. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
