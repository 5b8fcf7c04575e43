/**
 * What the programs of products of a matrix and some vectors share.
 *
 * @module
 */

import { FLOAT_BYTES, type Pointer, type Program, type Steps } from "../../codegen/program.ts";
import { indicesOf } from "../../base/indices.ts";
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

/** The pointers that the programs are called with. */
export const PARAMETERS = ["input", "weight", "bias", "output", "add", "scratch"] as const;

const POINTERS = indicesOf(PARAMETERS);
export const INPUT: Pointer = POINTERS.input;
export const WEIGHT: Pointer = POINTERS.weight;
export const BIAS: Pointer = POINTERS.bias;
export const OUTPUT: Pointer = POINTERS.output;
export const ADD: Pointer = POINTERS.add;
export const SCRATCH: Pointer = POINTERS.scratch;

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
