/**
 * Sums that are taken over a block of input channels at a time, for all output channels of a tile, and kept in
 * scratch memory in between: where what a tile sees of all input channels is too much for a cache.
 *
 * @module
 */

import { FLOAT_BYTES, type ProgramBuilder } from "../../codegen/program.ts";
import { countTerms } from "../common/terms.ts";
import { outputSteps, ROW_POINTERS, type RowShape, writeInitialSums } from "./shape.ts";

const { input: INPUT, weight: WEIGHT, bias: BIAS, scratch: SCRATCH } = ROW_POINTERS;

/** Sums that lie in scratch memory: `[output channel][vector]`. */
export interface PartialSums {
  readonly outChannels: number;
  /** Vectors of an output channel. */
  readonly vectors: number;
  /** Input channels at a time. */
  readonly block: number;
}

/** What is done to them. */
export interface PartialSteps {
  /** Adds the products of so many input channels to all sums. */
  readonly add: (channels: number) => void;
  /** Stores the outputs of a channel; its vectors lie where `placeOf` says, in bytes from the scratch pointer. */
  readonly finish: (placeOf: (vector: number) => number) => void;
}

/** Writes sums in parts. */
export function writeInParts(
  code: ProgramBuilder,
  shape: RowShape,
  { outChannels, vectors, block }: PartialSums,
  { add, finish }: PartialSteps,
): void {
  const vectorBytes = shape.target.lanes * FLOAT_BYTES;
  const placeOf = (vector: number) => vector * vectorBytes;
  const pitch = vectors * vectorBytes;
  const initial = code.register();
  code.sweep(outChannels, [[BIAS, FLOAT_BYTES], [SCRATCH, pitch]], () => {
    writeInitialSums(code, shape, [initial], 0);
    for (let vector = 0; vector < vectors; vector++) code.store(initial, SCRATCH, placeOf(vector));
  });
  const { inChannels, channelPitch, taps } = shape;
  const channelSteps = [
    [INPUT, channelPitch],
    [WEIGHT, countTerms(taps) * FLOAT_BYTES],
  ] as const;
  code.blocks(inChannels, block, channelSteps, add);
  const steps = [...outputSteps(shape, shape.outputChannelPitch), [SCRATCH, pitch]] as const;
  code.sweep(outChannels, steps, () => finish(placeOf));
}
