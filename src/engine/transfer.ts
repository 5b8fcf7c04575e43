/**
 * Buffers that the calling thread fills or empties while others compute on them.
 *
 * @module
 */

import { FLOAT_BYTES } from "../codegen/program.ts";
import { reachOf } from "../codegen/reach.ts";
import { tilesPerUnit, unitsOf } from "./job.ts";
import { type Grid, gridTiles, type Phase, phaseTiles } from "./work.ts";

/** Elements that are copied, from the first to the last. */
export interface Copy {
  /** How many there are. */
  readonly length: number;
  /** Copies the elements `from .. to - 1`, which follow those copied before. */
  copy(from: number, to: number): void;
}

/** A copy into a buffer. */
export interface Filling extends Copy {
  /** Index of the buffer. */
  readonly buffer: number;
  /** Whether what is copied may be changed by the user as soon as the call has returned. */
  readonly isLive: boolean;
}

/** A copy out of a buffer that is made while it is being written, or not at all. */
export interface EarlyCopy extends Copy {
  /** Index of the buffer. */
  readonly buffer: number;
  /** Called before the first copy, when others are at work: then all elements will be copied. */
  open(): void;
}

/** Elements that are copied at a time: few enough for others not to wait long, many enough to go fast. */
const PART_ELEMENTS = 8192;

/** A copy under way. */
export class Copying {
  readonly #copy: Copy;
  readonly #onCopied: (copied: number) => void;
  #copied = 0;

  /**
   * @param copy What is copied.
   * @param onCopied Called after each part with the number of elements copied so far.
   */
  constructor(copy: Copy, onCopied: (copied: number) => void = () => {}) {
    this.#copy = copy;
    this.#onCopied = onCopied;
  }

  /** Whether all has been copied. */
  get isDone(): boolean {
    return this.#copied >= this.#copy.length;
  }

  /** Copies one more part. */
  advance(): void {
    const to = Math.min(this.#copied + PART_ELEMENTS, this.#copy.length);
    this.#copy.copy(this.#copied, to);
    this.#copied = to;
    this.#onCopied(to);
  }

  /** Copies the rest. */
  finish(): void {
    while (!this.isDone) this.advance();
  }
}

/** Copies what a phase has written for good, while the rest is being computed. */
export class Emptying {
  readonly #transfer: EarlyCopy;
  readonly #isUnitDone: (unit: number) => boolean;
  readonly #settled: Int32Array;
  /** The first unit that has not been seen to be done. */
  #unit = 0;
  #copied = 0;
  #isOpen = false;

  private constructor(
    transfer: EarlyCopy,
    settled: Int32Array,
    isUnitDone: (unit: number) => boolean,
  ) {
    this.#transfer = transfer;
    this.#settled = settled;
    this.#isUnitDone = isUnitDone;
  }

  /**
   * @param transfer Out of a buffer.
   * @param phase The last one that writes to the buffer.
   * @param isUnitDone Whether one of its units is done.
   * @returns `null` if so little is final before the end that copying it early is not worth it.
   */
  static of(
    transfer: EarlyCopy,
    phase: Phase,
    isUnitDone: (unit: number) => boolean,
  ): Emptying | null {
    const { length, buffer } = transfer;
    const settled = settledLengths(phase, buffer);
    const early = settled.reduce((sum, each) => sum + Math.min(each, length), 0);
    const isWorthIt = early >= LEAST_EARLY_SHARE * length * settled.length;
    return isWorthIt ? new Emptying(transfer, settled, isUnitDone) : null;
  }

  /** To be called when others are at work. */
  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#transfer.open();
  }

  /** Whether all has been copied. */
  get isDone(): boolean {
    return this.#copied >= this.#transfer.length;
  }

  /** Copies a part of what has become final, if that is worth a copy; whether it did. */
  advance(): boolean {
    while (this.#unit < this.#settled.length && this.#isUnitDone(this.#unit)) this.#unit++;
    const settled = this.#settled[this.#unit] ?? Infinity;
    const end = Math.min(settled, this.#transfer.length);
    const isWorthIt = settled === Infinity || end - this.#copied >= LEAST_ELEMENTS;
    if (!isWorthIt || this.isDone) return false;
    const to = Math.min(this.#copied + PART_ELEMENTS, end);
    this.#transfer.copy(this.#copied, to);
    this.#copied = to;
    return true;
  }
}

/**
 * What must be final, on average over the units, when one of them begins. Units that write the output from
 * its start to its end reach almost a half, and two threads gained 5 to 14 per cent from it. An empty array
 * that is then filled takes longer than one that is made as a copy: where units write a part of every
 * channel, and nothing is final before the end, that cost 1 to 4 per cent.
 */
const LEAST_EARLY_SHARE = 0.35;

/** A call costs as much as copying about so many elements. */
const LEAST_ELEMENTS = 4096;

const settledLengthsOf = new WeakMap<Phase, Map<number, Int32Array>>();

/** For each unit, how many elements at the start of a buffer neither it nor any unit after it writes. */
function settledLengths(phase: Phase, buffer: number): Int32Array {
  const known = settledLengthsOf.get(phase) ?? new Map<number, Int32Array>();
  const lengths = known.get(buffer) ?? measure(phase, buffer);
  settledLengthsOf.set(phase, known.set(buffer, lengths));
  return lengths;
}

function measure(phase: Phase, buffer: number): Int32Array {
  const MOST = 2 ** 31 - 1;
  const lengths = new Int32Array(unitsOf(phase)).fill(MOST);
  const perUnit = tilesPerUnit(phaseTiles(phase));
  let first = 0;
  for (const grid of phase.grids) {
    const writes = writesOf(phase, grid, buffer);
    const end = first + gridTiles(grid);
    for (let from = first; from < end;) {
      const unit = Math.floor(from / perUnit);
      const to = Math.min(end, (unit + 1) * perUnit);
      for (const { first: start, steps } of writes) {
        const byte = start + leastDisplacement(grid.extents, steps, from - first, to - 1 - first);
        lengths[unit] = Math.min(lengths[unit] ?? MOST, Math.floor(byte / FLOAT_BYTES));
      }
      from = to;
    }
    first = end;
  }
  for (let unit = lengths.length - 2; unit >= 0; unit--) {
    lengths[unit] = Math.min(lengths[unit] ?? MOST, lengths[unit + 1] ?? MOST);
  }
  return lengths;
}

/** Where the first tile of a grid begins to write in a buffer, in bytes, and the steps to the others. */
function writesOf(
  { programs }: Phase,
  { program, args }: Grid,
  buffer: number,
): { first: number; steps: readonly number[] }[] {
  const code = programs[program];
  if (code === undefined) return [];
  const reach = reachOf(code);
  return args.flatMap((argument, parameter) => {
    const span = reach[parameter]?.writes ?? null;
    if (argument.buffer !== buffer || span === null) return [];
    return [{ first: argument.offset + span.first, steps: argument.steps }];
  });
}

/**
 * How far the pointers of tiles `from .. to` are from the first tile's, at the least; the last axis runs
 * fastest. The tiles of a unit are many where a phase has many: they are not looked at one by one.
 */
function leastDisplacement(
  [extent = 1, ...extents]: readonly number[],
  [step = 0, ...steps]: readonly number[],
  from: number,
  to: number,
): number {
  const inner = extents.reduce((product, extent) => product * extent, 1);
  if (from === 0 && to === extent * inner - 1) {
    return Math.min(0, (extent - 1) * step) + leastOfAll(extents, steps);
  }
  const [first, last] = [Math.floor(from / inner), Math.floor(to / inner)];
  const part = (index: number, from: number, to: number) =>
    index * step + leastDisplacement(extents, steps, from, to);
  if (first === last) return part(first, from % inner, to % inner);
  const ends = Math.min(part(first, from % inner, inner - 1), part(last, 0, to % inner));
  if (last === first + 1) return ends;
  const between = (step < 0 ? last - 1 : first + 1) * step + leastOfAll(extents, steps);
  return Math.min(ends, between);
}

/** The same of all tiles of a box. */
function leastOfAll(extents: readonly number[], steps: readonly number[]): number {
  return extents.reduce((sum, extent, axis) => {
    return sum + Math.min(0, (extent - 1) * (steps[axis] ?? 0));
  }, 0);
}
