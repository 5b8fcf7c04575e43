/**
 * What the programs of products of a matrix and some vectors share.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type Program,
  type ProgramBuilder,
  type Steps,
} from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { Epilogue } from "../../convolution/epilogue.ts";

/** The products of all groups. */
export interface MatrixShape {
  readonly target: Target;
  /** Terms of a sum: elements of a vector that a group sees. */
  readonly terms: number;
  /** Output channels of a group. */
  readonly outChannels: number;
  /** Bytes from an item to the next. */
  readonly inputPitch: number;
  readonly outputPitch: number;
  readonly hasBias: boolean;
  readonly epilogue: Epilogue;
}

/** What one tile of work covers. */
export interface MatrixBlock {
  readonly groups: number;
  readonly outChannels: number;
  readonly items: number;
}

/** What writes the programs of tiles. */
export interface MatrixKernel {
  /** Output channels that a tile has a whole number of times, unless it is the last. */
  readonly outChannels: number;
  /** Bytes of weights from an output channel to the next. */
  readonly weightStep: number;
  /** Bytes of scratch memory that a tile uses. */
  scratchBytes(block: MatrixBlock): number;
  write(block: MatrixBlock): Program;
}

export const INPUT: Pointer = 0;
export const WEIGHT: Pointer = 1;
export const BIAS: Pointer = 2;
export const OUTPUT: Pointer = 3;
export const ADD: Pointer = 4;
export const SCRATCH: Pointer = 5;

/** How many pointers the programs are called with. */
export const PARAMETERS = 6;

/** Writes `block` of something at a time, then what is left; the pointers move by `steps` for each. */
export function writeBlocks(
  code: ProgramBuilder,
  count: number,
  block: number,
  steps: Steps,
  write: (size: number) => void,
): void {
  const full = Math.floor(count / block);
  const stepsOfBlock = steps.map(([ptr, bytes]) => [ptr, bytes * block] as const);
  code.sweep(full, stepsOfBlock, () => write(block));
  const rest = count % block;
  if (rest > 0) code.displaced(stepsOfBlock, full, () => write(rest));
}

/** How the pointers move from a group to the next. */
export function groupSteps(shape: MatrixShape): Steps {
  const { terms, outChannels } = shape;
  return [
    [INPUT, terms * FLOAT_BYTES],
    [WEIGHT, terms * outChannels * FLOAT_BYTES],
    ...outputSteps(shape, outChannels * FLOAT_BYTES),
  ];
}

/** How the pointers move from an item to the next. */
export function itemSteps({ inputPitch, outputPitch, epilogue }: MatrixShape): Steps {
  const results = epilogue.add ? [OUTPUT, ADD] : [OUTPUT];
  return [[INPUT, inputPitch], ...results.map((ptr) => [ptr, outputPitch] as const)];
}

/** How those pointers move that go along with the outputs of an item. */
export function outputSteps({ hasBias, epilogue }: MatrixShape, bytes: number): Steps {
  const pointers = [OUTPUT, ...hasBias ? [BIAS] : [], ...epilogue.add ? [ADD] : []];
  return pointers.map((ptr) => [ptr, bytes] as const);
}
