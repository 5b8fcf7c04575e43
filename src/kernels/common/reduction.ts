/**
 * The sum of products inside a register tile, written as loops over a list of input offsets.
 *
 * @module
 */

import { FLOAT_BYTES, type Pointer, type ProgramBuilder } from "../../codegen/program.ts";
import { leastTerm, listTerms, type Repeat, shiftedTerms, type Terms } from "./terms.ts";

/** Steps that are written out without a loop: enough to hide a loop's overhead. */
const UNROLL = 40;

/** How a sum is written where it is not one element of the weights for every step. */
export interface ReductionOptions {
  /** Bytes of the weights of one step. */
  readonly weightStep?: number;
  /** Steps that are written out without a loop: fewer where a step is many instructions. */
  readonly unroll?: number;
}

/** Writes consecutive steps of a sum: the weights of step `i` go with input `offsets[i]`. */
export type WriteSteps = (offsets: readonly number[]) => void;

/**
 * Writes a sum over `terms`, in their order. Repetitions with a constant step (over channels, over
 * kernel rows) become loops. Where terms are listed they are found in the list itself, so that every
 * kernel size, stride, dilation and stride phase takes the same path.
 *
 * @param code Where to write.
 * @param input Pointer that the offsets are relative to; left where it was.
 * @param weight Pointer to the weights of the first offset; left behind the last.
 * @param terms Bytes from `input`, one offset for each term of the sum.
 * @param write Writes some consecutive terms, relative to the two pointers as they stand.
 * @param options What differs from the usual.
 */
export function writeReduction(
  code: ProgramBuilder,
  input: Pointer,
  weight: Pointer,
  terms: Terms,
  write: WriteSteps,
  options: ReductionOptions = {},
): void {
  let listed: number[] = [];
  const flush = () => {
    writeList(code, input, weight, listed, write, options);
    listed = [];
  };
  for (const term of terms) {
    if (typeof term === "number") {
      listed.push(term);
      continue;
    }
    flush();
    writeRepeat(code, input, weight, term, write, options);
  }
  flush();
}

/** Writes terms that are not listed: as many repetitions a turn as may be written out. */
function writeRepeat(
  code: ProgramBuilder,
  input: Pointer,
  weight: Pointer,
  { count, step, body }: Repeat,
  write: WriteSteps,
  options: ReductionOptions,
): void {
  const together = repetitionsOfTurn(body, options.unroll ?? UNROLL);
  const turns = Math.floor(count / together);
  const turn = together === 1 ? body : listTerms([{ count: together, step, body }]);
  const lowest = leastTerm(turn);
  code.displaced([[input, lowest]], 1, () => {
    code.sweep(turns, [[input, together * step]], () => {
      writeReduction(code, input, weight, shiftedTerms(turn, -lowest), write, options);
    });
  });
  const rest = listTerms([{ count: count % together, step, body }]);
  const passed = turns * together * step;
  writeReduction(code, input, weight, shiftedTerms(rest, passed), write, options);
}

/** Repetitions of some terms that are written out together; whole fours of terms if possible. */
function repetitionsOfTurn(body: Terms, unroll: number): number {
  if (body.length > unroll || body.some((term) => typeof term === "object")) return 1;
  const most = Math.max(1, Math.floor(unroll / body.length));
  const even = Array.from({ length: most }, (_, i) => most - i)
    .find((count) => count * body.length % 4 === 0);
  return even ?? most;
}

function writeList(
  code: ProgramBuilder,
  input: Pointer,
  weight: Pointer,
  offsets: readonly number[],
  write: WriteSteps,
  options: ReductionOptions,
): void {
  if (offsets.length === 0) return;
  const { weightStep = FLOAT_BYTES, unroll = UNROLL } = options;
  const period = offsets.length <= unroll ? null : findPeriod(offsets, unroll);
  if (period === null) {
    write(offsets);
    code.advance(weight, offsets.length * weightStep);
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
      writeList(code, input, weight, turn, write, options);
    });
  });
  writeList(code, input, weight, rest, write, options);
}

/** A part that repeats: `offsets[i + length] = offsets[i] + step` throughout. */
interface Period {
  readonly length: number;
  readonly step: number;
}

/** The best period of a list: as long as may be written out, else the shortest that there is. */
function findPeriod(offsets: readonly number[], unroll: number): Period | null {
  for (const length of preferredLengths(unroll)) {
    const period = periodOf(offsets, length);
    if (period !== null) return period;
  }
  for (let length = unroll + 1; length <= offsets.length / 2; length++) {
    const period = periodOf(offsets, length);
    if (period !== null) return period;
  }
  return null;
}

/** Multiples of four first: weights are loaded four at a time. */
function preferredLengths(unroll: number): number[] {
  const count = Math.max(0, unroll - SHORTEST_TURN + 1);
  const lengths = Array.from({ length: count }, (_, i) => unroll - i);
  return [...lengths.filter((n) => n % 4 === 0), ...lengths.filter((n) => n % 4 !== 0)];
}

/** A loop whose turn is shorter costs more than it saves, unless a step is long. */
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
