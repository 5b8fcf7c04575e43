/**
 * Transposed convolutions with cells in the lanes, for kernels so much longer than their stride that a
 * list of the taps of a residue is long: cells side by side see inputs side by side through every tap of
 * one residue, so inputs are loaded by the vector and weights brought into every lane.
 *
 * @module
 */

import { FLOAT_BYTES, type ProgramBuilder, type Register } from "../../codegen/program.ts";
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
  WEIGHT,
  writeInitialSums,
  writeTerms,
} from "./shape.ts";
import { range } from "../../base/numbers.ts";
import { channelsOf, evenParts, preferredVectors } from "../common/register_tile.ts";

/** Vectors of cells and output channels of a register tile. */
export interface CellTile {
  readonly vectors: number;
  readonly channels: number;
}

/** The register tile for some output channels and cells side by side. */
export function cellTile(target: Target, outChannels: number, cells: number): CellTile {
  const vectors = Math.min(
    preferredVectors(target, outChannels),
    Math.ceil(cells / target.lanes),
  );
  return { vectors, channels: Math.min(outChannels, channelsOf(target, vectors)) };
}

/** Writes all output channels and cells of a row, for one residue. */
export function writeCellRow(
  code: ProgramBuilder,
  shape: InterleavedShape,
  { outChannels, columnCells }: InterleavedBlock,
): void {
  const { target, target: { lanes } } = shape;
  const { vectors, channels } = cellTile(target, outChannels, columnCells);
  const parts = evenParts(outChannels, channels);
  const cellSteps = axisSteps(shape, "columnCells");
  code.evenBlocks(parts, axisSteps(shape, "outChannels"), (channels) => {
    code.blocks(columnCells, vectors * lanes, cellSteps, (cells) => {
      writeRegisterTile(code, shape, channels, cells);
    });
  });
}

/** The sums of some output channels and cells, in registers throughout: `sums[channel][vector]`. */
function writeRegisterTile(
  code: ProgramBuilder,
  shape: InterleavedShape,
  channels: number,
  cells: number,
): void {
  const { target: { lanes }, hasBias, epilogue, steps: { outChannels, columnCells } } = shape;
  const vectors = Math.ceil(cells / lanes);
  const sums = range(channels).map(() => code.registers(vectors));
  sums.forEach((row, channel) =>
    writeInitialSums(code, row, (first) => {
      if (hasBias) code.broadcast(first, BIAS, channel * outChannels.bias);
      else code.zero(first);
    })
  );
  if (!isBare(shape)) writeSums(code, shape, sums);
  sums.forEach((row, channel) => {
    row.forEach((sum, v) => {
      writeOutput(code, sum, {
        output: OUTPUT,
        add: ADD,
        offset: channel * outChannels.output + v * lanes * columnCells.output,
        pixelStep: columnCells.output,
        lanes: Math.min(lanes, cells - v * lanes),
      }, epilogue);
    });
  });
}

/** Adds all products to the sums: of fewer vectors or channels registers hold one for each, one passes. */
function writeSums(
  code: ProgramBuilder,
  shape: InterleavedShape,
  sums: readonly (readonly Register[])[],
): void {
  const { target: { lanes }, steps: { outChannels } } = shape;
  const vectors = sums[0]?.length ?? 0;
  const holdInputs = vectors <= sums.length;
  const inputs = code.registers(holdInputs ? vectors : 1);
  const weights = code.registers(holdInputs ? 1 : sums.length);
  writeTerms(code, shape, sums.length * vectors, (input, weight) => {
    const loadInput = (v: number): Register => {
      const register = inputs[holdInputs ? v : 0] ?? 0;
      code.load(register, INPUT, input + v * lanes * FLOAT_BYTES);
      return register;
    };
    const broadcastWeight = (channel: number): Register => {
      const register = weights[holdInputs ? 0 : channel] ?? 0;
      code.broadcast(register, WEIGHT, weight + channel * outChannels.weight);
      return register;
    };
    if (holdInputs) {
      const held = range(vectors).map(loadInput);
      sums.forEach((row, channel) => {
        const factor = broadcastWeight(channel);
        row.forEach((sum, v) => code.fma(sum, held[v] ?? 0, factor));
      });
    } else {
      const held = sums.map((_, channel) => broadcastWeight(channel));
      range(vectors).forEach((v) => {
        const register = loadInput(v);
        sums.forEach((row, channel) => code.fma(row[v] ?? 0, register, held[channel] ?? 0));
      });
    }
  });
}
