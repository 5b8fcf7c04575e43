/**
 * What the programs of a transposed convolution are made from whose outputs are taken by boxes of residues
 * and cells, and what those with taps in the lanes and those with cells in the lanes share.
 *
 * @module
 */

import type { ProgramBuilder, Register, Steps } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { Triple } from "../../convolution/geometry.ts";
import type { Epilogue } from "../../convolution/epilogue.ts";
import { indicesOf } from "../../base/indices.ts";
import { clamp, range } from "../../base/numbers.ts";

/** The pointer parameters of a tile's program, in order. */
export const INTERLEAVED_PARAMETERS = ["input", "weight", "bias", "output", "add"] as const;

export const { input: INPUT, weight: WEIGHT, bias: BIAS, output: OUTPUT, add: ADD } = indicesOf(
  INTERLEAVED_PARAMETERS,
);

/** How the pointers move along an axis, in bytes; what is added lies in the order of the output. */
export interface AxisSteps {
  readonly input: number;
  readonly weight: number;
  readonly bias: number;
  readonly output: number;
}

/** The axes of the outputs that a tile takes some of. */
export const INTERLEAVED_AXES = [
  "batch",
  "groups",
  "outChannels",
  "depthResidues",
  "rowResidues",
  "columnResidues",
  "depthCells",
  "rowCells",
  "columnCells",
] as const;

/** One of {@linkcode INTERLEAVED_AXES}. */
export type InterleavedAxis = (typeof INTERLEAVED_AXES)[number];

/** How many outputs a tile takes along each axis. */
export type InterleavedBlock = Readonly<Record<InterleavedAxis, number>>;

/** Outputs that have as many taps. */
export interface InterleavedShape {
  readonly target: Target;
  readonly hasBias: boolean;
  readonly epilogue: Epilogue;
  readonly steps: Readonly<Record<InterleavedAxis, AxisSteps>>;
  /** Input channels of a group, and the bytes from one to the next. */
  readonly inChannels: number;
  readonly channelSteps: TermSteps;
  /** Taps of an output along depth, height and width, 0 if it has none, and bytes from one to the next. */
  readonly taps: Triple;
  readonly tapSteps: readonly [depth: TermSteps, row: TermSteps, column: TermSteps];
  readonly lanes: InterleavedLanes;
}

/** What fills the lanes of a vector. */
export type InterleavedLanes = TapLanes | CellLanes;

/** Residues side by side, whose taps follow one another. */
export interface TapLanes {
  readonly of: "taps";
  /** Output channels whose taps share a vector. */
  readonly channels: number;
  /** Lanes from one of them to the next, and before the first tap of each that is used. */
  readonly perChannel: number;
  readonly skipped: number;
}

/** Cells side by side, which see inputs side by side. */
export interface CellLanes {
  readonly of: "cells";
}

/** How the pointers move from one term of a sum to the next, in bytes. */
export type TermSteps = Pick<AxisSteps, "input" | "weight">;

/** Whether outputs are no more than their biases. */
export function isBare({ taps }: Pick<InterleavedShape, "taps">): boolean {
  return taps.includes(0);
}

/** How the pointers move from one output to the next along an axis. */
export function axisSteps({ steps, epilogue }: InterleavedShape, axis: InterleavedAxis): Steps {
  const { input, weight, bias, output } = steps[axis];
  const all: Steps = [[INPUT, input], [WEIGHT, weight], [BIAS, bias], [OUTPUT, output]];
  return epilogue.add ? [...all, [ADD, output]] : all;
}

/** Multiply-adds that are written out without a loop. */
const UNROLLED_SUMS = 128;

/** Terms that are, at least and at most. */
const LEAST_UNROLL = 2;
const MOST_UNROLL = 16;

/** Writes one term of all sums, with the bytes from the pointers to its input and its weights. */
export type WriteTerm = (input: number, weight: number) => void;

/**
 * Writes all terms of `sums` sums: over taps of depth and height, then input channels, then taps of rows.
 * However many they are, few are written out.
 */
export function writeTerms(
  code: ProgramBuilder,
  { taps: [depthTaps, rowTaps, columnTaps], tapSteps, inChannels, channelSteps }: InterleavedShape,
  sums: number,
  write: WriteTerm,
): void {
  const unroll = clamp(Math.floor(UNROLLED_SUMS / sums), LEAST_UNROLL, MOST_UNROLL);
  const [depth, row, column] = tapSteps;
  const writeTaps = (channel: number) =>
    code.blocks(columnTaps, unroll, pointerSteps(column), (taps) => {
      // Inputs descend as taps ascend: offsets count from the least of them.
      code.displaced([[INPUT, column.input]], taps - 1, () => {
        for (const tap of range(taps)) {
          write(
            channel * channelSteps.input - (taps - 1 - tap) * column.input,
            channel * channelSteps.weight + tap * column.weight,
          );
        }
      });
    });
  code.sweep(depthTaps, pointerSteps(depth), () => {
    code.sweep(rowTaps, pointerSteps(row), () => {
      const turn = Math.max(1, Math.floor(unroll / columnTaps));
      code.blocks(inChannels, turn, pointerSteps(channelSteps), (channels) => {
        range(channels).forEach(writeTaps);
      });
    });
  });
}

function pointerSteps({ input, weight }: TermSteps): Steps {
  return [[INPUT, input], [WEIGHT, weight]];
}

/** The first of some sums becomes a bias or 0, and the others as well. */
export function writeInitialSums(
  code: ProgramBuilder,
  [first, ...others]: readonly Register[],
  write: (first: Register) => void,
): void {
  if (first === undefined) return;
  write(first);
  for (const other of others) code.copy(other, first);
}
