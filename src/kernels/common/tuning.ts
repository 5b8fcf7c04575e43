/**
 * The numbers of the targets: what their instructions take, and what is tuned to them by measurement. They are of
 * cores of some 3 GHz, of which one with AVX2 or AVX-512 does two multiply-adds a cycle.
 *
 * @module
 */

import type { InstructionSet, Target } from "../../codegen/target.ts";

/** A number for each target. */
type Numbers = Readonly<Record<InstructionSet, number>>;

/** Nanoseconds of a cycle of machine code. */
export const CYCLE_NANOSECONDS = 0.33;

/** Cycles that a multiply-add waits for the one before it. */
export const LATENCY = 4;

/** Nanoseconds to bring an element in, or out, where there is little to compute beside it. */
export const MOVE_NANOSECONDS = 0.25;

/** Nanoseconds to pack an element. */
export const COPY_NANOSECONDS = 0.33;

/** One row a number, one column a target. */
const TABLE = {
  /**
   * Nanoseconds of a multiply-add of vectors inside a register tile, beside its loads and, in WebAssembly, the
   * checks of its accesses.
   */
  multiplyAddNanoseconds: {
    wasm: 0.21,
    avx2: CYCLE_NANOSECONDS / 2,
    avx512: CYCLE_NANOSECONDS / 2,
  },

  /** Multiply-adds that a thread does in a microsecond, about, by which it is said how long tiles take. */
  multiplyAddsPerMicrosecond: { wasm: 15_000, avx2: 20_000, avx512: 30_000 },

  /**
   * Vectors of output channels in a register tile that has them in its lanes. With AVX-512 an element of memory can
   * be an operand of the multiply-add itself: one vector by many pixels is one load, and then an instruction a
   * product. Measured beside others in `direct/channels.ts`.
   */
  panelVectors: { wasm: 2, avx2: 2, avx512: 1 },

  /**
   * Pixels from which on a product of matrices pays: on fewer a tile reads its weights for too little; machine code
   * has channels in the lanes there.
   */
  matrixPixels: { wasm: 32, avx2: 256, avx512: 256 },

  /** How much longer the sums of stride phases take than their multiply-adds. */
  stridePhaseOverhead: { wasm: 1, avx2: 1.1, avx512: 1.1 },

  /**
   * How much longer the sums of units take than their cycles say, as measured beside tiles of channels: their
   * weights come from as many places as there are channels. Of shorter vectors fewer cross cache lines.
   */
  unitOverhead: { wasm: 0.95, avx2: 0.95, avx512: 1.1 },

  /** Vectors of units that registers must have room for, so that there are sums enough for each weight. */
  leastUnitVectors: { wasm: 2, avx2: 1, avx512: 1 },

  /** Vectors of taps of a register tile at most: their weights are used from memory or take registers as well. */
  tapVectors: { wasm: 4, avx2: 6, avx512: 6 },

  /** What a tap of a depthwise vector takes, in multiply-adds: in machine code its load crosses cache lines. */
  depthwiseTap: { wasm: 1, avx2: 2, avx512: 2 },

  /**
   * Output rows of a depthwise register tile, or vectors of a row, at most: enough to hide the latency. In
   * WebAssembly 4 to 8 rows were equal for 3x3; 7 were up to a sixth better than 5 for larger kernels.
   */
  depthwiseSums: { wasm: 7, avx2: 8, avx512: 8 },

  /**
   * Taps of a depthwise kernel whose weights are all held: in registers that its sums and seven others leave free,
   * in WebAssembly on the stack, which is read without a check; more are better held class by class.
   */
  depthwiseWeights: { wasm: 10, avx2: 1, avx512: 17 },
} satisfies Readonly<Record<string, Numbers>>;

/** What is in the table. */
export type TunedNumber = keyof typeof TABLE;

/** A number of a target. */
export function tuned({ name }: Target, number: TunedNumber): number {
  return TABLE[number][name];
}

/**
 * Where elements are not broadcast cheaply, in WebAssembly: weights are loaded by the vector, and those broadcast
 * lane by lane take registers of their own.
 */
export const NARROW = {
  /** Sums of a register tile. */
  sums: 8,
  /** Vectors of units that a weight brought into every lane is used for. */
  unitVectors: 2,
  /** Products of an output channel that are written out without a loop. */
  unroll: 40,
  /** Output channels of a register tile by its vectors of pixels (index 0 is not used); see `direct/pixels.ts`. */
  channelsByVectors: [0, 6, 4, 3, 2, 2, 1, 1, 1],
  /** Vectors of pixels that suit a number of output channels: 2 for more channels than these. */
  vectorsByChannels: [8, 8, 4, 3],
} as const;

/**
 * Multiply-adds of a tile: at least what pays for claiming it, some 10 microseconds on the fastest target, at most
 * what balances threads.
 */
export const LEAST_TILE_WORK = 400_000;
export const MOST_TILE_WORK = 8_000_000;
