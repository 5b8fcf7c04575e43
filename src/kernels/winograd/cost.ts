/**
 * What Winograd's algorithm costs: in all, to choose by, and for each item of a phase.
 *
 * Measured in WebAssembly, one thread, in proportion to the direct kernel's time in the same run
 * (F(4x4,3x3), or F(4,3) for 1-D; all phases but the transform of the weights):
 *
 * | convolution | direct / winograd |
 * | --- | --- |
 * | 3x3 64>64 @224 | 3.4 |
 * | 3x3 64>64 @56 | 3.2 |
 * | 3x3 128>128 @112; @28 | 3.4; 3.2 |
 * | 3x3 256>256 @56; @14 | 3.4; 3.1 |
 * | 3x3 512>512 @28; @14; @7 | 3.6; 3.3; 2.2 |
 * | 3x3 32>32, 16>16 @56; 8>8 @112 | 3.0; 2.3; 1.9 |
 * | 3x3 1024>1024 in 32 groups @7 | 1.7 |
 * | 3x3x3 64>128 @8x28x28 | 3.1 |
 * | length 3, 384>384 @1500; 80>384 @3000 | 2.0; 2.0 |
 * | length 3, 32>32, 16>16, 8>8 @3000 | 2.0; 1.7; 1.3 |
 *
 * F(2x2,3x3) gained 1.2 to 2.0 on the same layers.
 *
 * In machine code, one thread of a processor with 2 MiB of second-level cache, median GFLOP/s of the
 * direct kernel's multiply-adds:
 *
 * | convolution | AVX-512: direct, winograd | AVX2: direct, winograd |
 * | --- | --- | --- |
 * | 3x3 64>64 @224 | 61, 175 | - , 94 |
 * | 3x3 64>64 @56 | 82, 235 | 44, 125 |
 * | 3x3 128>128 @28 | 57, 200 | 45, 97 |
 * | 3x3 256>256 @56; @14 | 97, 220; 80, 190 | - ; 45, 76 |
 * | 3x3 512>512 @14; @7 | 82, 116; 71, 80 | 46, 65; 37, 40 |
 * | 3x3 16>16 @56; 8>8 @112 | 71, 160; 84, 100 | - |
 * | 3x3 1024>1024 in 32 groups @7 | 66, 75 | 35, 39 |
 * | 3x3x3 64>128 @8x28x28 | 84, 170 | - , 95 |
 * | length 3, 80>384 @3000 | 72, 95 | 41, 65 |
 *
 * There the transformed weights of many channels, which come from a third-level cache or from memory at
 * 5 to 14 GB/s, are what limits small planes: they take as long as a vector more of tiles. At 14x14,
 * F(4x4,3x3) with one vector of 16 tiles and F(2x2,3x3) with four took 1490 and 1700 microseconds for 256
 * channels, 6550 and 7120 for 512, and for AVX2 2460 and 2830, 9680 and 11900.
 *
 * Other kernels, dilation and stride phases, milliseconds of the direct kernel and of Winograd's algorithm
 * in turns that alternate, one thread of an AMD EPYC whose 512-bit multiply-adds take two cycles:
 *
 * | convolution | AVX-512: direct, winograd | WebAssembly: direct, winograd |
 * | --- | --- | --- |
 * | 3x3 256>256 @28, dilation 2 | 8.54, 4.14 | 21.7, 7.99 |
 * | 3x3 512>512 @28, dilation 2; 4 | 32.9, 14.0; 33.0, 15.9 | 85.5, 30.5; 85.2, 33.8 |
 * | 3x3 512>256 @28, dilation 6 | 16.8, 13.8 | 42.7, 29.5 |
 * | 5x5 96>256 in 2 groups @27; 64>64 @56 | 4.21, 2.39; 5.81, 2.84 | 12.4, 6.97; 15.1, 7.61 |
 * | 4x4 64>64 @56; 2x2 64>64 @56 | 3.35, 1.81; 0.98, 0.57 | 9.67, 4.61; 4.27, 3.08 |
 * | 5x5x5 16>32 @8x24x24 | 5.40, 2.51 | 14.0, 7.93 |
 * | length 5, 256>256 @1000; length 2, 512>512 @1599 | 6.20, 4.11; 15.5, 10.4 | 15.5, 11.0; 42.2, 30.5 |
 * | length 2, 64>64 @8000, dilation 4; 64 | 1.42, 1.41; 1.59, 3.27 | 8.10, 7.70; 8.20, 9.73 |
 * | transposed 4x4 stride 2 128>64 @32; 512>256 @8 | 2.57, 1.78; 2.74, 3.32 | 8.46, 6.59; 6.40, 6.78 |
 * | transposed 3x3 256>128 @14; 6x6 stride 2 64>64 @28 | 1.07, 0.48; 2.26, 1.06 | 3.06, 1.33; 6.92, 4.11 |
 * | transposed length 16 stride 8, 256>128 @800 | 9.05, 6.70 | 29.0, 20.1 |
 *
 * Strides, likewise: the tiles of a 28x28 output that F(5x5,2x2) is for leave a quarter of the lanes of 16
 * empty, and more of the time goes into the transforms of the input, whose elements lie apart.
 *
 * | convolution | AVX-512: direct, winograd | WebAssembly: direct, winograd |
 * | --- | --- | --- |
 * | 7x7 stride 2, 3>64 @224 | 2.40, 1.55 | 5.08, 2.64 |
 * | 11x11 stride 4, 3>96 @224 | 2.08, 0.99 | 4.74, 2.51 |
 * | 5x5 stride 2, 64>128 @56 | 2.94, 1.73 | 7.39, 3.23 |
 * | 4x4 stride 2, 64>128 @64; 256>512 @32 | 2.58, 1.61; 10.1, 8.24 | 5.67, 3.22; 21.5, 16.8 |
 * | 3x3 stride 2, 128>128 @56; 512>512 @14 | 2.57, 2.62; 2.49, 3.47 | 6.03, 5.34; 5.60, 8.28 |
 * | 7x3, 64>64 @32 | 1.61, 0.91 | 3.51, 2.02 |
 * | length 3 stride 2, 512>512 @3199 | 22.9, 19.8 | 49.9, 45.9 |
 * | length 8 stride 4, 64>128 @4000 | 1.36, 0.93 | 2.81, 1.80 |
 *
 * Elements that lie far apart, 64>64 @8000 in WebAssembly, one thread of an Intel processor (model 207): length 2,
 * dilation 1 3.98, 3.08; 16 3.92, 5.40; 64 3.95, 7.33; length 3, dilation 64 5.44, 8.28.
 *
 * The costs below fit those of this processor and of one that takes a cycle, where the products cost half
 * as much beside the transforms.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import type { TilePlane, WinogradBlock, WinogradShape } from "./shape.ts";
import { channelTerms, groupWeights, partsOfBlock } from "./tiling.ts";

/** A number for each target. */
type ByTarget = Readonly<Record<Target["name"], number>>;

/** What parts of a convolution cost, in multiply-adds of the products of vectors. */
const COSTS = {
  /** A transform of a vector, for each position. */
  input: { wasm: 6.4, avx2: 7, avx512: 4.5 },
  output: { wasm: 4.1, avx2: 7, avx512: 4.5 },
  /** A vector of inputs that do not lie side by side, and of those that lie farther apart. */
  gather: { wasm: 6, avx2: 20, avx512: 32 },
  farGather: { wasm: 48, avx2: 32, avx512: 64 },
  /** A vector of outputs that do not lie side by side, and of those that lie farther apart. */
  scatter: { wasm: 6, avx2: 24, avx512: 32 },
  farScatter: { wasm: 48, avx2: 32, avx512: 64 },
  /** A vector put together from two others. */
  shuffle: { wasm: 0, avx2: 3, avx512: 2 },
  /** Vectors of tiles over which the loading of transformed weights costs nothing. */
  leastVectors: { wasm: 1.5, avx2: 1, avx512: 1 },
  /** Vectors that it costs besides where no second-level cache keeps them. */
  farWeightVectors: { wasm: 0, avx2: 0.5, avx512: 0.5 },
  /** Vectors that it costs besides where they come from memory. */
  remoteWeightVectors: { wasm: 2, avx2: 1, avx512: 1 },
} as const satisfies Record<string, ByTarget>;

/** About what parts of the phases take, in microseconds. */
const MICROSECONDS = {
  /** The transform of a vector of tiles, for each of its positions. */
  input: { wasm: 0.0017, avx2: 0.0035, avx512: 0.0035 },
  output: { wasm: 0.0011, avx2: 0.003, avx512: 0.003 },
  /** A multiply-add of vectors. */
  multiplyAdd: { wasm: 0.00027, avx2: 0.00035, avx512: 0.0004 },
} as const satisfies Record<string, ByTarget>;

/** Transformed weights that a second-level cache keeps beside a block. */
const RESIDENT_WEIGHT_BYTES = 1024 * 1024;

/** Inputs that are closer than this come in whole vectors, of which some lanes are picked. */
const NEAR_STEP = 4;

/** The time of an output plane of a group, in vector multiply-adds of the products. */
export function planeCost(g: Geometry, plane: TilePlane, { name, lanes }: Target): number {
  const { kernel, height, width, rows, columns, positions } = plane;
  const parts = kernel.parts.length;
  const inChannels = channelTerms(g, plane);
  const outChannels = g.outChannels / g.groups;
  const rowVectors = parts * rows * Math.ceil(columns / lanes);
  const weights = groupWeights(g, plane);
  const load = weights * FLOAT_BYTES >= RESIDENT_WEIGHT_BYTES ? COSTS.farWeightVectors[name] : 0;
  // Parts whose tiles lie in one block share the vectors, and the loading of the weights.
  const together = partsOfBlock(plane);
  const vectors = Math.ceil(parts / together) *
    Math.max(COSTS.leastVectors[name], Math.ceil(together * rows * columns / lanes) + load);
  // Elements that lie apart cost each by itself.
  const apart = parts * rows * columns / lanes;
  const step = kernel.parts[0]?.width.inputStep ?? 1;
  const gather = step > NEAR_STEP ? COSTS.farGather[name] : COSTS.gather[name];
  const gathers = step === 1 ? 0 : apart * height.inputs * width.outputs * gather;
  const outStep = kernel.parts[0]?.width.output.step ?? 1;
  const scatter = outStep > NEAR_STEP ? COSTS.farScatter[name] : COSTS.scatter[name];
  const scatters = outStep === 1 ? 0 : apart * height.outputs * width.outputs * scatter;
  const sorting = COSTS.shuffle[name] * oddShuffles(width.outputs);
  const input = rowVectors * (positions * COSTS.input[name] + height.inputs * sorting) + gathers;
  const output = rowVectors * (positions * COSTS.output[name] + height.outputs * sorting) +
    scatters;
  return inChannels * input + outChannels * output + weights * vectors;
}

/** More transformed weights than this come from memory, which all threads share, at every call. */
const REMOTE_WEIGHT_BYTES = 48 * 1024 * 1024;

/** What those of all kernels of a convolution take there, likewise. */
export function remoteCost(g: Geometry, planes: readonly TilePlane[], { name }: Target): number {
  const weights = planes.reduce((sum, plane) => sum + groupWeights(g, plane), 0);
  const isRemote = g.groups * weights * FLOAT_BYTES > REMOTE_WEIGHT_BYTES;
  return isRemote ? weights * COSTS.remoteWeightVectors[name] : 0;
}

/** Shuffles that sort an odd number of vectors beyond those that an even number takes, about. */
function oddShuffles(vectors: number): number {
  return vectors % 2 === 0 ? 0 : Math.max(0, vectors * (vectors - 3));
}

/** Vectors of tiles of a block, as its transforms see them. */
function rowVectors({ target }: WinogradShape, { rows, columns }: WinogradBlock): number {
  return rows.tiles * Math.ceil(columns.tiles / target.lanes);
}

/** Microseconds for one input channel of a block. */
export function transformCost(shape: WinogradShape, block: WinogradBlock): number {
  return rowVectors(shape, block) * shape.positions * MICROSECONDS.input[shape.target.name];
}

/** Microseconds for one output channel of a block. */
export function multiplyCost(shape: WinogradShape, block: WinogradBlock): number {
  const products = productsCost(shape, block.rows.tiles * block.columns.tiles);
  return shape.positions * products + outputCost(shape, block);
}

/** Microseconds for one output channel of a block of some tiles at one position. */
export function productsCost(shape: WinogradShape, tiles: number): number {
  const vectors = Math.ceil(tiles / shape.target.lanes);
  return vectors * shape.inChannels * shape.depthTaps.length *
    MICROSECONDS.multiplyAdd[shape.target.name];
}

/** Microseconds for the transform of one output channel of a block. */
export function outputCost(shape: WinogradShape, block: WinogradBlock): number {
  return shape.positions * rowVectors(shape, block) * MICROSECONDS.output[shape.target.name];
}
