/**
 * What the kernels have in common that compute rows of outputs: what is convolved, how a tile's pointers
 * move through it, and how an output begins and ends.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  ProgramBuilder,
  type Register,
  type Steps,
} from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { indicesOf } from "../../base/indices.ts";
import type { Epilogue } from "../../convolution/epilogue.ts";
import { type Pixels, writeOutput } from "../common/store.ts";
import { countTerms, repeated, type Terms } from "../common/terms.ts";

/** One convolution of one group of channels: what the program of a tile is made from. */
export interface RowShape {
  readonly target: Target;
  /** Input channels of a group. */
  readonly inChannels: number;
  /** Output channels of a group. */
  readonly outChannels: number;
  /** For each tap, in the order of the weights: bytes from the pixel that tap 0 sees first. */
  readonly taps: Terms;
  /** Where those are not all taps of the kernel: how many it has, and which they are. */
  readonly someTaps?: { readonly of: number; readonly positions: readonly number[] };
  readonly hasBias: boolean;
  readonly epilogue: Epilogue;
  /** Input bytes from one channel to the next. */
  readonly channelPitch: number;
  /** Input bytes from the window of one output row to the next. */
  readonly rowStep: number;
  /** Input bytes from the window of one pixel to the next: an element where pixels fill the lanes. */
  readonly inputPixelStep: number;
  /** Output bytes from one pixel to the next; more than an element in a stride phase. */
  readonly pixelStep: number;
  /** Output bytes from one row to the next. */
  readonly outputRowStep: number;
  /** Output bytes from one channel to the next. */
  readonly outputChannelPitch: number;
}

/** The pointer parameters of a tile's program, in order. */
export const ROW_PARAMETERS = [
  "input",
  "weight",
  "bias",
  "output",
  "scratch",
  "add",
] as const;

/** The pointers themselves. */
export const ROW_POINTERS: Readonly<Record<typeof ROW_PARAMETERS[number], Pointer>> = indicesOf(
  ROW_PARAMETERS,
);

const { input: INPUT, weight: WEIGHT, bias: BIAS, output: OUTPUT, add: ADD } = ROW_POINTERS;

/** What one tile of work covers. */
export interface TileBlock {
  readonly groups: number;
  /** Output channels of each group. */
  readonly outChannels: number;
  readonly rows: number;
  /** Pixels of a row. */
  readonly columns: number;
}

/** A builder for the program of a tile, named after what it covers. */
export function tileBuilder(
  family: string,
  { target, inChannels, taps }: RowShape,
  { groups, outChannels, rows, columns }: TileBlock,
): ProgramBuilder {
  return new ProgramBuilder(
    `${family} ${groups}g x ${outChannels}oc x ${rows}x${columns}px, ${inChannels}ic x ${
      countTerms(taps)
    } taps`,
    target.lanes,
    ROW_PARAMETERS,
  );
}

/** Repeats `body` for each of `groups` groups of channels. */
export function sweepGroups(
  code: ProgramBuilder,
  shape: RowShape,
  groups: number,
  body: () => void,
): void {
  const { inChannels, outChannels, channelPitch, taps, outputChannelPitch } = shape;
  code.sweep(groups, [
    [INPUT, inChannels * channelPitch],
    [WEIGHT, outChannels * inChannels * countTerms(taps) * FLOAT_BYTES],
    [BIAS, outChannels * FLOAT_BYTES],
    ...outputSteps(shape, outChannels * outputChannelPitch),
  ], body);
}

/** The sums of a channel start as its bias. */
export function writeInitialSums(
  code: ProgramBuilder,
  { hasBias }: Pick<RowShape, "hasBias">,
  [first, ...others]: readonly Register[],
  channel: number,
): void {
  if (first === undefined) return;
  if (hasBias) code.broadcast(first, BIAS, channel * FLOAT_BYTES);
  else code.zero(first);
  for (const other of others) code.copy(other, first);
}

/** Input offsets of a sum, in the order of the weights: channels, then taps. */
export function reductionOffsets({ channelPitch, taps }: RowShape, channels: number): Terms {
  return repeated(channels, channelPitch, taps);
}

/** Taps that the weights of a kernel are for. */
export function kernelTaps({ taps, someTaps }: Pick<RowShape, "taps" | "someTaps">): number {
  return someTaps?.of ?? countTerms(taps);
}

/** Finishes a vector of sums and stores it, its lanes `pixelStep` bytes apart. */
export function storeLanes(
  code: ProgramBuilder,
  epilogue: Epilogue,
  sum: Register,
  lanes: Pick<Pixels, "offset" | "pixelStep" | "lanes">,
): void {
  writeOutput(code, sum, { output: OUTPUT, add: ADD, ...lanes }, epilogue);
}

/** How the output's pointer moves, and with it that of what is added. */
export function outputSteps({ epilogue }: Pick<RowShape, "epilogue">, bytes: number): Steps {
  return epilogue.add ? [[OUTPUT, bytes], [ADD, bytes]] : [[OUTPUT, bytes]];
}
