/**
 * Transposed convolutions with taps in the lanes. What an input contributes to the outputs of a cell are
 * its products with taps side by side, and those outputs lie side by side as well: weights are loaded by
 * the vector, inputs are brought into every lane, and sums are stored where they belong. So a kernel as
 * long as its stride is a product of matrices whose result is stored interleaved.
 *
 * Where a row of taps leaves half a vector empty, rows of several output channels share it.
 *
 * @module
 */

import type { ProgramBuilder, Register } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { writeOutput } from "../common/store.ts";
import {
  ADD,
  axisSteps,
  BIAS,
  INPUT,
  type InterleavedBlock,
  type InterleavedShape,
  isBare,
  OUTPUT,
  type TapLanes,
  WEIGHT,
  writeInitialSums,
  writeTerms,
} from "./shape.ts";
import { range } from "../../base/numbers.ts";
import { evenParts, usableRegisters } from "../common/register_tile.ts";
import { LATENCY, NARROW, tuned } from "../common/tuning.ts";

/** A shape with taps in the lanes. */
export interface TapShape extends InterleavedShape {
  readonly lanes: TapLanes;
}

/** A register tile: vectors of taps by cells. */
export interface TapTile {
  readonly vectors: number;
  readonly cells: number;
}

/** Registers that finishing a sum takes: a piece of it, what is added, a bound. */
const FINISHING = 3;

/** The register tile for so many vectors of taps and cells side by side that takes the fewest cycles. */
export function tapTile(target: Target, vectors: number, cells: number): TapTile {
  const most = Math.min(vectors, tuned(target, "tapVectors"));
  const tiles = range(most).map((i) => {
    return { vectors: i + 1, cells: evenParts(cells, mostCells(target, i + 1)).size };
  });
  const cost = (tile: TapTile) => stepCycles(target, tile, vectors, cells);
  return tiles.reduce((best, tile) => cost(tile) < cost(best) ? tile : best);
}

/** Cells of a register tile of so many vectors: weights are held, inputs pass one at a time. */
function mostCells(target: Target, vectors: number): number {
  if (!target.cheapBroadcast) return Math.floor(NARROW.sums / vectors);
  const free = usableRegisters(target) - Math.max(FINISHING, vectors + 1);
  return Math.floor(free / vectors);
}

/** Cycles of a term of all sums: two multiply-adds, loads or broadcasts of a lane a cycle. */
function stepCycles(
  { cheapBroadcast, lanes }: Target,
  tile: TapTile,
  vectors: number,
  cells: number,
): number {
  const inputs = cheapBroadcast ? tile.cells : tile.cells + Math.ceil(tile.cells / lanes);
  const cycles = Math.max(
    tile.vectors * tile.cells / 2,
    LATENCY,
    (tile.vectors * LOADS_OF_WEIGHTS + inputs) / 2,
  );
  return cycles * Math.ceil(vectors / tile.vectors) * Math.ceil(cells / tile.cells);
}

/** A vector of weights may cross a cache line, and counts twice then. */
const LOADS_OF_WEIGHTS = 1.5;

/** Vectors of taps of an output channel, or of some that share one. */
export function vectorsOfRow(
  { target, lanes }: Pick<TapShape, "target" | "lanes">,
  residues: number,
): number {
  return lanes.channels > 1 ? 1 : Math.ceil(residues / target.lanes);
}

/** One vector of taps of a register tile. */
export interface TapVector {
  /** Bytes of its first lane from the pointers. */
  readonly weight: number;
  readonly bias: number;
  readonly output: number;
  /** Output channels that share it, and residues of each. */
  readonly channels: number;
  readonly residues: number;
}

/** `body` for each set of vectors that are in registers together. */
export function sweepTapVectors(
  code: ProgramBuilder,
  shape: TapShape,
  block: InterleavedBlock,
  body: (vectors: readonly TapVector[]) => void,
): void {
  const { outChannels, columnResidues, columnCells } = block;
  const perRow = vectorsOfRow(shape, columnResidues);
  const rows = Math.ceil(outChannels / shape.lanes.channels);
  const { vectors } = tapTile(shape.target, perRow * rows, columnCells);
  if (vectors >= perRow) sweepRows(code, shape, block, Math.floor(vectors / perRow), body);
  else sweepSegments(code, shape, block, evenParts(perRow, vectors).size, body);
}

/** Whole rows of taps, at most so many together; in the last vector some channels may be missing. */
function sweepRows(
  code: ProgramBuilder,
  shape: TapShape,
  { outChannels, columnResidues }: InterleavedBlock,
  most: number,
  body: (vectors: readonly TapVector[]) => void,
): void {
  const channelsOfVector = shape.lanes.channels;
  const { size, full, parts } = evenParts(Math.ceil(outChannels / channelsOfVector), most);
  const steps = axisSteps(shape, "outChannels");
  const write = (channels: number) => body(rowVectors(shape, channels, columnResidues));
  const rest = outChannels % channelsOfVector;
  const [larger, smaller] = full < parts ? [full, parts - full] : [full - 1, 1];
  const lastSize = full < parts ? size - 1 : size;
  code.runs(
    [
      { size: size * channelsOfVector, count: larger },
      { size: lastSize * channelsOfVector, count: rest === 0 ? smaller : smaller - 1 },
      { size: (lastSize - 1) * channelsOfVector + rest, count: rest === 0 ? 0 : 1 },
    ],
    steps,
    write,
  );
}

/** A row of taps at a time, in segments of some vectors. */
function sweepSegments(
  code: ProgramBuilder,
  shape: TapShape,
  { outChannels, columnResidues }: InterleavedBlock,
  vectors: number,
  body: (vectors: readonly TapVector[]) => void,
): void {
  const segment = vectors * shape.target.lanes;
  const steps = axisSteps(shape, "columnResidues");
  code.sweep(outChannels, axisSteps(shape, "outChannels"), () => {
    code.blocks(columnResidues, segment, steps, (residues) => {
      body(rowVectors(shape, 1, residues));
    });
  });
}

/** The vectors of the rows of taps of some channels. */
function rowVectors(shape: TapShape, outChannels: number, residues: number): TapVector[] {
  const { target: { lanes }, steps } = shape;
  const channelsOfVector = shape.lanes.channels;
  return range(Math.ceil(outChannels / channelsOfVector)).flatMap((row) =>
    range(vectorsOfRow(shape, residues)).map((vector) => {
      const channel = row * channelsOfVector;
      const first = vector * lanes;
      return {
        weight: channel * steps.outChannels.weight + first * steps.columnResidues.weight,
        bias: channel * steps.outChannels.bias,
        output: channel * steps.outChannels.output + first * steps.columnResidues.output,
        channels: Math.min(channelsOfVector, outChannels - channel),
        residues: Math.min(lanes, residues - first),
      };
    })
  );
}

/** Writes some vectors of taps for all cells of a row. */
export function writeTapVectors(
  code: ProgramBuilder,
  shape: TapShape,
  { columnCells }: InterleavedBlock,
  vectors: readonly TapVector[],
): void {
  const parts = evenParts(columnCells, mostCells(shape.target, vectors.length));
  code.evenBlocks(parts, axisSteps(shape, "columnCells"), (cells) => {
    writeRegisterTile(code, shape, vectors, cells);
  });
}

/** Some vectors of taps by some cells, in registers throughout: `sums[vector][cell]`. */
function writeRegisterTile(
  code: ProgramBuilder,
  shape: TapShape,
  vectors: readonly TapVector[],
  cells: number,
): void {
  const sums = vectors.map(() => code.registers(cells));
  sums.forEach((row, v) => {
    const vector = vectors[v];
    if (vector === undefined) return;
    writeInitialSums(code, row, (first) => writeBias(code, shape, first, vector));
  });
  if (!isBare(shape)) writeSums(code, shape, vectors, sums);
  sums.forEach((row, v) => {
    row.forEach((sum, cell) => {
      const vector = vectors[v];
      if (vector === undefined) return;
      const { output } = shape.steps.columnCells;
      storeSums(code, shape, sum, { ...vector, output: vector.output + cell * output });
    });
  });
}

/** A sum starts as its channel's bias. */
function writeBias(
  code: ProgramBuilder,
  { hasBias, lanes }: TapShape,
  sum: Register,
  { bias, channels }: TapVector,
): void {
  if (!hasBias) return code.zero(sum);
  if (channels === 1) return code.broadcast(sum, BIAS, bias);
  code.load(sum, BIAS, bias, channels);
  const channelOf = (lane: number) => Math.min(channels - 1, Math.floor(lane / lanes.perChannel));
  code.shuffle(sum, sum, sum, range(code.lanes).map(channelOf));
}

/** Adds all products to the sums. */
function writeSums(
  code: ProgramBuilder,
  shape: TapShape,
  vectors: readonly TapVector[],
  sums: readonly (readonly Register[])[],
): void {
  const cells = sums[0]?.length ?? 0;
  const pitch = shape.steps.columnCells.input;
  const weights = code.registers(vectors.length);
  const inputOf = shape.target.cheapBroadcast ? broadcastInput(code) : laneInput(code);
  writeTerms(code, shape, vectors.length * cells, (input, weight) => {
    weights.forEach((register, v) => {
      code.load(register, WEIGHT, weight + (vectors[v]?.weight ?? 0));
    });
    for (const cell of range(cells)) {
      const factor = inputOf(input, cell, pitch);
      sums.forEach((row, v) => {
        const [sum, register] = [row[cell], weights[v]];
        if (sum !== undefined && register !== undefined) code.fma(sum, register, factor);
      });
    }
  });
}

/** Brings the input of a cell into every lane; those of a step begin at `offset`, `pitch` apart. */
type InputOf = (offset: number, cell: number, pitch: number) => Register;

function broadcastInput(code: ProgramBuilder): InputOf {
  const factor = code.register();
  return (offset, cell, pitch) => {
    code.broadcast(factor, INPUT, offset + cell * pitch);
    return factor;
  };
}

/** Inputs lie side by side: they are loaded by the vector and broadcast lane by lane. */
function laneInput(code: ProgramBuilder): InputOf {
  const together = code.register();
  const factor = code.register();
  return (offset, cell, pitch) => {
    const lane = cell % code.lanes;
    if (lane === 0) code.load(together, INPUT, offset + cell * pitch);
    code.lane(factor, together, lane);
    return factor;
  };
}

/** Finishes the sums of a vector and stores those of each channel. */
function storeSums(
  code: ProgramBuilder,
  shape: TapShape,
  sum: Register,
  { output, channels, residues }: TapVector,
): void {
  const { epilogue, lanes: { perChannel, skipped }, steps } = shape;
  // The first channel's come last: they may lie in their lanes already.
  for (const channel of range(channels).toReversed()) {
    const first = channel * perChannel + skipped;
    const piece = first === 0 ? sum : code.register();
    if (first > 0) {
      const lanes = range(code.lanes).map((lane) => (first + lane) % code.lanes);
      code.shuffle(piece, sum, sum, lanes);
    }
    writeOutput(code, piece, {
      output: OUTPUT,
      add: ADD,
      offset: output + channel * steps.outChannels.output,
      pixelStep: steps.columnResidues.output,
      lanes: residues,
    }, epilogue);
  }
}
