/**
 * The stride phases along the rows of a transposed convolution, taken together: what one row of a
 * kernel contributes to the pixels of all remainders of the column stride.
 *
 * A unit is `stride` consecutive pixels, one of each phase. Unit `t` of every phase sees the inputs of
 * unit 0 moved by `t` elements, so a vector of inputs serves each phase that has a tap for it, and the
 * sums of all phases make vectors of consecutive pixels once their lanes are interleaved.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { RowShape } from "../rows/shape.ts";
import { range } from "../../base/numbers.ts";
import { mostRows, usableRegisters } from "../common/register_tile.ts";
import { LATENCY, NARROW, tuned } from "../common/tuning.ts";

/** One input element of a kernel row, and the taps through which the phases of a unit see it. */
export interface UnitStep {
  /** The input position that unit 0 sees; may lie outside the input. */
  readonly input: number;
  readonly uses: readonly UnitUse[];
}

/** One product of a step. */
export interface UnitUse {
  readonly phase: number;
  /** The tap, as a position of the kernel row. */
  readonly tap: number;
}

/** The taps and inputs of one phase, as far as they matter here. */
export interface PhaseTaps {
  readonly taps: readonly number[];
  readonly inputs: readonly number[];
}

/** The steps of a kernel row by ascending inputs. */
export function unitSteps(phases: readonly PhaseTaps[]): UnitStep[] {
  const steps = new Map<number, UnitUse[]>();
  phases.forEach(({ taps, inputs }, phase) => {
    taps.forEach((tap, i) => {
      const input = inputs[i] ?? 0;
      steps.set(input, [...steps.get(input) ?? [], { phase, tap }]);
    });
  });
  return [...steps].map(([input, uses]) => ({ input, uses })).sort((a, b) => a.input - b.input);
}

/**
 * A convolution of units. As a {@linkcode RowShape} its pixels are units: `pixelStep` leads from one
 * to the next, and `taps` has the input of each product in the order of the weights.
 */
export interface PhasedShape extends RowShape {
  readonly taps: readonly number[];
  /** Pixels of a unit. */
  readonly phases: number;
  /** Pixels that the last unit of a row lacks. */
  readonly missing: number;
  /** Bytes from the input of a channel to what each row of a kernel sees. */
  readonly kernelRows: readonly number[];
  /** The steps of every kernel row: bytes from what it sees, and the phases of the products. */
  readonly steps: readonly PhasedStep[];
}

/** One step of a kernel row. */
export interface PhasedStep {
  readonly offset: number;
  readonly phases: readonly number[];
}

/** Registers that interleaving the vectors of a unit takes besides them. */
function spareRegisters(phases: number): number {
  return isPowerOfTwo(phases) ? 2 : phases + 1;
}

/** Output channels of a register tile of so many vectors; 0 if a single one is too much. */
export function phasedChannels(target: Target, phases: number, vectors: number): number {
  if (!target.cheapBroadcast) return Math.floor(NARROW.sums / (phases * vectors));
  const free = usableRegisters(target) - spareRegisters(phases);
  const rows = Math.min(mostRows(target, vectors), Math.floor(free / vectors));
  return Math.floor(rows / phases);
}

/** Whether a register tile has room for all phases, and sums enough for each weight it broadcasts. */
export function fitsRegisters(target: Target, phases: number): boolean {
  return phasedChannels(target, phases, tuned(target, "leastUnitVectors")) > 0;
}

type TileWork = Pick<PhasedShape, "target" | "phases" | "steps">;

/** The most vectors of a tile. */
const MOST_VECTORS = 8;

/** Vectors of units that suit a number of output channels. */
export function phasedVectors(work: TileWork, outChannels: number): number {
  const { target, phases } = work;
  if (!target.cheapBroadcast) {
    return outChannels === 1 ? Math.floor(NARROW.sums / phases) : NARROW.unitVectors;
  }
  const possible = range(MOST_VECTORS).map((i) => i + 1).filter((vectors) =>
    phasedChannels(target, phases, vectors) > 0
  );
  return possible.reduce((best, vectors) =>
    phasedCost(work, outChannels, vectors) < phasedCost(work, outChannels, best) ? vectors : best
  );
}

/**
 * Cycles of a kernel row for each vector of units of an output channel: two multiply-adds a cycle, each
 * of which waits four for the one before it, and two loads, of which a vector of inputs counts twice.
 */
function phasedCost(
  { target, phases, steps }: TileWork,
  outChannels: number,
  vectors: number,
): number {
  const products = steps.reduce((sum, { phases }) => sum + phases.length, 0);
  const channels = outChannels / Math.ceil(outChannels / phasedChannels(target, phases, vectors));
  const cycles = Math.max(
    channels * products * vectors / 2,
    LATENCY * products / phases,
    steps.length * vectors + channels * products / 2,
  );
  return cycles / (channels * vectors);
}

/** Cycles to interleave and store a vector of pixels. */
const STORE_CYCLES = 3;

/** Cycles of some rows of units, about. */
export function phasedCycles(shape: PhasedShape, rows: number, units: number): number {
  const { target, phases, inChannels, outChannels, kernelRows } = shape;
  const row = phasedCost(shape, outChannels, phasedVectors(shape, outChannels));
  const vectors = rows * Math.ceil(units / target.lanes);
  const sums = tuned(target, "unitOverhead") * row * inChannels * kernelRows.length +
    STORE_CYCLES * phases;
  return vectors * outChannels * sums;
}

/** The unit's inputs of all products, in the order of the weights. */
export function phasedTaps(
  kernelRows: readonly number[],
  steps: readonly PhasedStep[],
): number[] {
  return kernelRows.flatMap((row) =>
    steps.flatMap(({ offset, phases }) => phases.map(() => row + offset))
  );
}

/** Bytes of the weights of a kernel row. */
export function kernelRowBytes({ steps }: Pick<PhasedShape, "steps">): number {
  return steps.reduce((sum, { phases }) => sum + phases.length, 0) * FLOAT_BYTES;
}

function isPowerOfTwo(count: number): boolean {
  return Number.isInteger(Math.log2(count));
}
