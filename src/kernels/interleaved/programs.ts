/**
 * The programs of transposed convolutions whose outputs are taken by boxes of residues and cells, as
 * `runs.ts` describes them.
 *
 * @module
 */

import { type Program, ProgramBuilder } from "../../codegen/program.ts";
import { writeCellRow } from "./cells.ts";
import {
  axisSteps,
  INTERLEAVED_AXES,
  INTERLEAVED_PARAMETERS,
  type InterleavedAxis,
  type InterleavedBlock,
  type InterleavedShape,
} from "./shape.ts";
import { sweepTapVectors, writeTapVectors } from "./taps.ts";

/** The axes of the rows of cells. */
const ROW_AXES = [
  "depthResidues",
  "rowResidues",
  "columnResidues",
  "depthCells",
  "rowCells",
] as const;

/**
 * Writes the program of a tile.
 *
 * @param shape What is convolved.
 * @param block How much of it one tile does.
 * @returns A program of the pointers {@linkcode INTERLEAVED_PARAMETERS}.
 */
export function interleavedProgram(shape: InterleavedShape, block: InterleavedBlock): Program {
  const { target, inChannels, taps, lanes } = shape;
  const sizes = INTERLEAVED_AXES.map((axis) => block[axis]).join("x");
  const code = new ProgramBuilder(
    `interleaved, ${lanes.of} in the lanes, ${sizes}, ${inChannels}ic x ${taps.join("x")} taps`,
    target.lanes,
    INTERLEAVED_PARAMETERS,
  );
  const sweep = ([axis, ...others]: readonly InterleavedAxis[], body: () => void): void => {
    if (axis === undefined) return body();
    code.sweep(block[axis], axisSteps(shape, axis), () => sweep(others, body));
  };
  sweep(["batch", "groups"], () => {
    if (lanes.of === "cells") {
      return sweep(ROW_AXES, () => writeCellRow(code, shape, block));
    }
    sweepTapVectors(code, { ...shape, lanes }, block, (vectors) => {
      sweep(["depthResidues", "rowResidues", "depthCells", "rowCells"], () => {
        writeTapVectors(code, { ...shape, lanes }, block, vectors);
      });
    });
  });
  return code.build();
}
