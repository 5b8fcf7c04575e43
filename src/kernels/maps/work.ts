/**
 * What computes the values between convolutions: phases over some operands.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { BufferSpec, Phase, Work } from "../../engine/work.ts";

/** A buffer of a map. */
export interface MapBuffer extends BufferSpec {
  /** What it holds from the start, the same in every run. */
  readonly numbers?: Float32Array;
}

/** A map as phases. Its first buffers are the inputs in their order, then comes the output, then what else they need. */
export interface MapWork extends Work {
  readonly buffers: readonly MapBuffer[];
}

/** A map over operands of some lengths, in elements; programs touch nothing behind them. */
export function mapWork(
  inputs: readonly number[],
  output: number,
  phases: readonly Phase[],
  others: readonly MapBuffer[] = [],
): MapWork {
  const operands = [
    ...inputs.map((length, i) => [`input ${i}`, length] as const),
    [
      "output",
      output,
    ] as const,
  ];
  return {
    buffers: [
      ...operands.map(([name, length]) => ({ name, bytes: length * FLOAT_BYTES })),
      ...others,
    ],
    phases,
  };
}
