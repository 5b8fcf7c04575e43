/**
 * Vectors of input positions, some of which may be padding.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type ProgramBuilder,
  type Register,
} from "../../codegen/program.ts";

/**
 * A vector of positions of a row, each from where `positions` says, `null` for zero.
 *
 * @param code Where to write.
 * @param positions Input positions, at most a vector of them.
 * @param row All positions of the row that are sure to exist.
 * @param ptr Where the row begins, but for `offset` bytes.
 * @param zero A register that is zero.
 */
export function loadPositions(
  code: ProgramBuilder,
  positions: readonly (number | null)[],
  row: readonly (number | null)[],
  ptr: Pointer,
  offset: number,
  zero: Register,
): Register {
  const { lanes } = code;
  const first = positions.findIndex((source) => source !== null);
  if (first < 0) return zero;
  const start = positions[first] ?? 0;
  const some = positions.filter((source) => source !== null);
  const consecutive = some.every((source, i) =>
    source === start + i && positions[first + i] === source
  );
  const value = code.register();
  const count = consecutive ? 0 : repeatedFrom(positions.slice(first));
  if (count > 0) {
    code.load(value, ptr, offset + start * FLOAT_BYTES, count);
    const repeat = Array.from(
      { length: lanes },
      (_, i) => i < first ? lanes : Math.min(i - first, count - 1),
    );
    code.shuffle(value, value, zero, repeat);
    return value;
  }
  if (!consecutive) {
    const offsets = positions.map((source) => offset + (source ?? start) * FLOAT_BYTES);
    code.gather(value, ptr, offsets);
    if (some.length === positions.length) return value;
    const blend = Array.from(
      { length: lanes },
      (_, i) => positions[i] === null ? lanes + i : i,
    );
    code.shuffle(value, value, zero, blend);
    return value;
  }
  // Where more of the row follows, a whole vector is quicker than a part of one.
  const exist = start + lanes <= 1 + row.reduce<number>((most, s) => Math.max(most, s ?? 0), 0);
  const atOnce = first > 0 && exist ? lanes : some.length;
  code.load(value, ptr, offset + start * FLOAT_BYTES, atOnce);
  if (first === 0) return value;
  const shift = Array.from({ length: lanes }, (_, i) => lanes - first + i);
  const blend = shift.map((lane, i) => i < first + some.length ? lane : 0);
  code.shuffle(value, zero, value, blend);
  return value;
}

/** How many positions are consecutive before the last one is repeated to the end; 0 if they are not so. */
function repeatedFrom(positions: readonly (number | null)[]): number {
  const [start, last] = [positions[0], positions.at(-1)];
  if (typeof start !== "number" || typeof last !== "number") return 0;
  const isSo = positions.every((source, i) => source === Math.min(start + i, last));
  return isSo ? last - start + 1 : 0;
}
