/**
 * Vectors of elements that lie some elements apart.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type ProgramBuilder,
  type Register,
} from "../../codegen/program.ts";
import { range } from "../../base/numbers.ts";

/** Loads some lanes, each so many elements behind the one before, or in front of it. Nothing else is read. */
export function loadStrided(
  code: ProgramBuilder,
  dst: Register,
  ptr: Pointer,
  offset: number,
  step: number,
  count: number,
): void {
  const { lanes } = code;
  if (step === 0) return code.broadcast(dst, ptr, offset);
  if (step < 0) {
    // Offsets count from the lowest element.
    const lowest = offset + (count - 1) * step * FLOAT_BYTES;
    return code.displaced([[ptr, lowest]], 1, () => {
      code.gather(dst, ptr, range(count).map((i) => (i - count + 1) * step * FLOAT_BYTES));
    });
  }
  if (step === 1) return code.load(dst, ptr, offset, count);
  if (step === 2 && count === lanes) return loadEven(code, dst, ptr, offset);
  code.gather(dst, ptr, range(count).map((i) => offset + i * step * FLOAT_BYTES));
}

/** Every other element, of two vectors that have one in common. */
function loadEven(code: ProgramBuilder, dst: Register, ptr: Pointer, offset: number): void {
  const { lanes } = code;
  const [low, high] = [code.register(), code.register()];
  code.load(low, ptr, offset);
  code.load(high, ptr, offset + (lanes - 1) * FLOAT_BYTES);
  const picked = range(lanes).map((i) => 2 * i < lanes ? 2 * i : 2 * i + 1);
  code.shuffle(dst, low, high, picked);
}
