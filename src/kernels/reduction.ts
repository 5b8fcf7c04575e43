/**
 * The sum of products inside a register tile, written as loops over a list of input offsets.
 *
 * @module
 */

import { FLOAT_BYTES, type Pointer, type ProgramBuilder } from "../codegen/program.ts";

/** Multiply-add steps that are written out without a loop: enough to hide a loop's overhead. */
const UNROLL = 40;

/** Writes consecutive steps of a sum: element `i` of the weights goes with input `offsets[i]`. */
export type WriteSteps = (offsets: readonly number[]) => void;

/**
 * Writes a sum over `offsets`, in their order. Repetitions with a constant step (over channels, over
 * kernel rows) become loops, found in the list itself, so that every kernel size, stride, dilation
 * and stride phase takes the same path.
 *
 * @param code Where to write.
 * @param input Pointer that the offsets are relative to; left where it was.
 * @param weight Pointer to the weights of the first offset; left behind the last.
 * @param offsets Bytes from `input`, one for each term of the sum.
 * @param write Writes some consecutive terms, relative to the two pointers as they stand.
 */
export function writeReduction(
  code: ProgramBuilder,
  input: Pointer,
  weight: Pointer,
  offsets: readonly number[],
  write: WriteSteps,
): void {
  if (offsets.length === 0) return;
  const period = offsets.length <= UNROLL ? null : findPeriod(offsets);
  if (period === null) {
    write(offsets);
    code.advance(weight, offsets.length * FLOAT_BYTES);
    return;
  }
  const turns = Math.floor(offsets.length / period.length);
  const first = offsets.slice(0, period.length);
  const rest = offsets.slice(turns * period.length);
  // The pointer stands on the lowest element of each turn: going backward, it must not pass address 0.
  const lowest = first.reduce((least, offset) => Math.min(least, offset));
  const turn = first.map((offset) => offset - lowest);
  code.displaced([[input, lowest]], 1, () => {
    code.sweep(turns, [[input, period.step]], () => {
      writeReduction(code, input, weight, turn, write);
    });
  });
  writeReduction(code, input, weight, rest, write);
}

/** A part that repeats: `offsets[i + length] = offsets[i] + step` throughout. */
interface Period {
  readonly length: number;
  readonly step: number;
}

/** The best period of a list: as long as may be written out, else the shortest that there is. */
function findPeriod(offsets: readonly number[]): Period | null {
  for (const length of preferredLengths()) {
    const period = periodOf(offsets, length);
    if (period !== null) return period;
  }
  for (let length = UNROLL + 1; length <= offsets.length / 2; length++) {
    const period = periodOf(offsets, length);
    if (period !== null) return period;
  }
  return null;
}

/** Multiples of four first: weights are loaded four at a time. */
function preferredLengths(): number[] {
  const lengths = Array.from({ length: UNROLL - SHORTEST_TURN + 1 }, (_, i) => UNROLL - i);
  return [...lengths.filter((n) => n % 4 === 0), ...lengths.filter((n) => n % 4 !== 0)];
}

/** A loop whose turn is shorter costs more than it saves. */
const SHORTEST_TURN = 8;

function periodOf(offsets: readonly number[], length: number): Period | null {
  const first = offsets[0];
  const second = offsets[length];
  if (first === undefined || second === undefined) return null;
  const step = second - first;
  for (let i = length; i < offsets.length; i++) {
    if ((offsets[i] ?? NaN) - (offsets[i - length] ?? NaN) !== step) return null;
  }
  return { length, step };
}
