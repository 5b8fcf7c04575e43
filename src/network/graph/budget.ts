/**
 * How many numbers may be computed while a network is prepared: a short file can ask for any number of them.
 *
 * @module
 */

import type { OnnxGraph } from "../../io/models/onnx/model.ts";

/** So many may be whatever a file holds. */
const BASE = 2 ** 26;
/** For each number that is in the file, which is as long: transposed, sliced, put together again. */
const SHARE = 4;

/** Indices that steps may keep. */
const MOST_INDICES = 2 ** 27;

/** What is left of them. */
export class Budget {
  #left: number;
  #indices = MOST_INDICES;

  constructor({ initializers }: OnnxGraph) {
    const given = [...initializers.values()].reduce((sum, { data }) => sum + data.length, 0);
    this.#left = BASE + SHARE * given;
  }

  /** Takes so many numbers, if they are left. */
  take(count: number): boolean {
    if (count > this.#left) return false;
    this.#left -= count;
    return true;
  }

  /** Takes so many indices, if they are left. */
  takeIndices(count: number): boolean {
    if (count > this.#indices) return false;
    this.#indices -= count;
    return true;
  }
}
