/**
 * The end of an output in its register: its epilogue is applied, and it is stored.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type ProgramBuilder,
  type Register,
} from "../../codegen/program.ts";
import { type Epilogue, RELU6_LIMIT } from "../../convolution/epilogue.ts";
import { atLeast, atMost } from "./bounds.ts";

/** How pointers named so move: what is added lies in the order of the output. */
export function resultSteps(bytes: number): { readonly output: number; readonly add: number } {
  return { output: bytes, add: bytes };
}

/** Pixels of the output, in memory. */
export interface Pixels {
  readonly output: Pointer;
  readonly add: Pointer;
  /** Bytes from the pointers. */
  readonly offset: number;
  /** Bytes from one pixel to the next; more than an element in a stride phase. */
  readonly pixelStep: number;
  readonly lanes: number;
}

/**
 * Finishes a vector of sums and stores it.
 *
 * @param code Where to write.
 * @param sum The sums; changed.
 * @param pixels Where they go.
 * @param epilogue What is done to them first.
 */
export function writeOutput(
  code: ProgramBuilder,
  sum: Register,
  { output, add, offset, pixelStep, lanes }: Pixels,
  epilogue: Epilogue,
): void {
  const side = pixelStep === FLOAT_BYTES;
  const offsets = Array.from({ length: lanes }, (_, i) => offset + i * pixelStep);
  if (epilogue.add) {
    const addend = code.register();
    if (side) code.load(addend, add, offset, lanes);
    else code.gather(addend, add, offsets);
    code.add(sum, sum, addend);
  }
  writeActivation(code, sum, epilogue);
  if (side) code.store(sum, output, offset, lanes);
  else code.scatter(sum, output, offsets);
}

function writeActivation(
  code: ProgramBuilder,
  sum: Register,
  { activation, negativeSlope }: Epilogue,
): void {
  if (activation === null) return;
  if (activation === "leakyRelu") {
    const bound = code.register();
    code.constant(bound, negativeSlope);
    code.mul(bound, bound, sum);
    // Of x and slope * x the activation is the larger one, or for steeper slopes the smaller.
    if (negativeSlope > 1) code.min(sum, sum, bound);
    else if (negativeSlope > 0) code.pmax(sum, bound, sum);
    else code.max(sum, sum, bound);
    return;
  }
  atLeast(code, sum, sum, 0);
  if (activation === "relu6") atMost(code, sum, sum, RELU6_LIMIT);
}
