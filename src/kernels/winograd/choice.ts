/**
 * Whether and how a convolution is computed by Winograd's algorithm.
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
 * F(2x2,3x3) gained 1.2 to 2.0 on the same layers. Keeping a block of tiles in one thread from input to
 * output made no difference beyond 5 % where there are many channels, and was worth up to a fifth where
 * there are few.
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
 * Blocks of tiles that stay with their thread, of 64 channels at 56x56: 1 row of 14 tiles 232, 2 rows
 * 213, 4 rows 166, and 111 where transformed input goes from phase to phase. Of 256 channels, whose
 * weights are read anew for every block: 1 row 124, 2 rows 169, unfused 136 to 152.
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
 * Inputs of a tile along height and width, milliseconds likewise, the chosen ones last: fewer are better
 * where the tiles then fill the output and the vectors, and where weights are used by few tiles.
 *
 * | convolution | AVX-512 | WebAssembly |
 * | --- | --- | --- |
 * | 3x3 512>512 @7 | 6x6 1.96, 4x4 1.79 | 6x6 4.12, 4x4 3.80, 6x4 2.91 |
 * | 3x3 1024>1024 in 32 groups @7 | 6x6 0.25 | 6x6 0.43, 4x4 0.42, 6x4 0.35 |
 * | 3x3 256>256 @10 | 6x6 0.74, 4x4 0.68, 6x4 0.53 | 6x6 1.36, 4x4 1.29, 6x5 1.10 |
 * | transposed 4x4 stride 2 512>256 @8 | 6x6 2.54, 4x4 3.11, 3x3 1.98 | 6x6 6.22, 4x4 5.90, 5x3 3.79 |
 * | transposed 4x4 stride 2 256>128 @16 | 6x6 2.13, 4x4 2.04, 5x3 1.54 | 6x6 4.76, 4x4 4.14, 5x5 3.13 |
 * | transposed 4x4 stride 2 128>64 @32 | 6x6 1.86, 4x4 1.80, 5x5 1.44 | 6x6 3.93, 4x4 4.14, 5x5 2.99 |
 * | 3x3 stride 2 128>128 @56 | 6x6 2.70, 5x5 2.52 | 6x6 5.54, 5x5 4.91 |
 * | 2x2 64>64 @56 | 6x6 0.61, 6x5 0.53 | 6x6 1.09 |
 *
 * The costs below fit those of this processor and of one that takes a cycle, where the products cost half
 * as much beside the transforms.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { product } from "../../base/numbers.ts";
import type { Problem } from "../plan.ts";
import { type AxisUse, type AxisUses, type PartKernel, partKernels } from "./parts.ts";
import {
  channelTerms,
  partsOfBlock,
  RESIDENT_WEIGHT_BYTES,
  type TilePlane,
  tiling,
} from "./tiling.ts";
import type { ProductTile } from "./product.ts";
import {
  type AxisTransform,
  axisTransform,
  MOST_TAPS,
  TILE_INPUTS,
  type TileInputs,
} from "./transform.ts";

/** How the parts of a convolution that have the same weights are computed by Winograd's algorithm. */
export interface WinogradChoice {
  readonly kernel: PartKernel;
  readonly height: AxisTransform;
  readonly width: AxisTransform;
  /** Tiles of a block along height and width; several rows only where they are whole. */
  readonly blockRows: number;
  readonly blockColumns: number;
  /** Parts whose tiles lie in one block: more than one only where each has no more than a block of them. */
  readonly blockParts: number;
  /** The register tile of the products. */
  readonly tile: ProductTile;
  /** Output channels of a block that one engine tile takes, whole panels; all for one phase. */
  readonly outChannels: number;
  /**
   * How often all threads wait for each other. In one phase, an engine tile takes a block from input to
   * output: only for a kernel of one depth tap with stride 1, as others see a transformed plane several
   * times, or not at all. In two, the input is transformed in the first. In three, the outputs are
   * transformed in the last.
   */
  readonly phases: 1 | 2 | 3;
  /** Positions of which an engine tile takes the products; all but for three phases. */
  readonly positions: number;
}

/** The sizes that {@linkcode allowsWinograd} looks at: one number per axis, for 1 to 3 axes. */
export interface AlgorithmSizes {
  readonly transposed: boolean;
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
}

/** Parts of a dilated convolution: each has programs of its own. */
const MOST_PARTS = 64;

/** Terms of the sums, and depth taps: each has programs, or a part of them, of its own. */
const MOST_TERMS = 16;

/** Whether a convolution can be computed by the algorithm. */
export function allowsWinograd(sizes: AlgorithmSizes): boolean {
  return axisUses(sizes).length > 0;
}

/** In what ways the last two axes can be used such that one of them is transformed, or both. */
export function axisUses(sizes: AlgorithmSizes): AxisUses[] {
  const { transposed, kernel, stride } = sizes;
  if (transposed && kernel.length > 2 && (kernel[0] !== 1 || stride[0] !== 1)) return [];
  if (kernel.length > 2 && (kernel[0] ?? 1) > MOST_TERMS) return [];
  const [height, width] = [axisOf(sizes, -2), axisOf(sizes, -1)];
  // Every stride phase of a transposed convolution needs a tap.
  if (transposed && [height, width].some(({ kernel, stride }) => kernel < stride)) return [];
  return AXIS_USES.filter((uses) => {
    // One tap apart is no other than one tap transformed.
    if (uses.height === "apart" && height.kernel === 1) return false;
    if (uses.width === "apart" && width.kernel === 1) return false;
    const terms = transposed ? phaseTermsOf : termsOf;
    if (terms(height, uses.height) * terms(width, uses.width) > MOST_TERMS) return false;
    const transformed = [
      ...uses.height === "transformed" ? [height] : [],
      ...uses.width === "transformed" ? [width] : [],
    ];
    return transformed.every((axis) => axis.kernel === 1 || isTransformable(axis, transposed)) &&
      transformed.some((axis) => isTransformable(axis, transposed)) &&
      product(transformed.map((axis) => partsOf(axis))) <= MOST_PARTS;
  });
}

const AXIS_USES: readonly AxisUses[] = [
  { height: "transformed", width: "transformed" },
  { height: "transformed", width: "apart" },
  { height: "apart", width: "transformed" },
];

/** The sizes of one axis. */
interface Axis {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
}

/** The sizes of an axis, counted from the last; of an axis that is not there they are 1. */
function axisOf({ kernel, stride, dilation }: AlgorithmSizes, index: -1 | -2): Axis {
  const at = (sizes: readonly number[]) => sizes.at(index) ?? 1;
  return { kernel: at(kernel), stride: at(stride), dilation: at(dilation) };
}

/** Whether some outputs side by side see inputs side by side, through more than one tap. */
function isTransformable({ kernel, stride, dilation }: Axis, transposed: boolean): boolean {
  const even = dilation === 1 || stride === 1 && !transposed;
  return even && kernel > stride && kernel <= MOST_TAPS * stride;
}

/** Terms of the sums along an axis. */
function termsOf({ kernel, stride }: Axis, use: AxisUse): number {
  if (use === "apart") return kernel;
  return stride === 1 ? 1 : Math.min(stride, kernel);
}

/** The same of one stride phase of a transposed convolution. */
function phaseTermsOf({ kernel, stride }: Axis, use: AxisUse): number {
  return use === "apart" ? Math.ceil(kernel / stride) : 1;
}

/** Parts with the same weights along an axis. */
function partsOf({ kernel, stride, dilation }: Axis): number {
  return kernel === 1 || stride > 1 ? 1 : dilation;
}

/** How a convolution is computed by Winograd's algorithm, and what that takes. */
export interface WinogradWay {
  /** The tiles of each of its kernels. */
  readonly planes: readonly TilePlane[];
  /** In multiply-adds of the products of vectors, for an output plane of a group. */
  readonly cost: number;
}

/** The cheapest way to compute a convolution by Winograd's algorithm; `null` if there is none. */
export function cheapestWay(g: Geometry, target: Target): WinogradWay | null {
  const ways = axisUses(g).flatMap((uses) => {
    const planes = tilePlanes(g, uses, target);
    if (planes === null) return [];
    const cost = planes.reduce((sum, plane) => sum + winogradCost(g, plane, target), 0);
    return { planes, cost: cost + remoteCost(g, planes, target) };
  });
  const [first, ...others] = ways;
  if (first === undefined) return null;
  return others.reduce((best, way) => way.cost < best.cost ? way : best, first);
}

/** The choices for each kernel of the cheapest way; `null` if there is none. */
export function chooseWinograd(
  { geometry, target }: Pick<Problem, "geometry" | "target">,
): readonly WinogradChoice[] | null {
  return cheapestWay(geometry, target)?.planes.map((plane) => tiling(geometry, plane, target)) ??
    null;
}

/** The cheapest tiles for each kernel; `null` if no input meets some outputs at all. */
function tilePlanes(g: Geometry, uses: AxisUses, target: Target): readonly TilePlane[] | null {
  const kernels = partKernels(g, uses);
  if (kernels.some((kernel) => tapsOf(kernel) === 0)) return null;
  return kernels.map((kernel) => cheapestPlane(g, kernel, target));
}

/** Taps of all terms. */
function tapsOf({ taps }: PartKernel): number {
  return product([taps.height, taps.width].map((terms) => terms.flat().length));
}

function cheapestPlane(g: Geometry, kernel: PartKernel, target: Target): TilePlane {
  const planes = TILE_INPUTS.flatMap((height) =>
    TILE_INPUTS.flatMap((width) => tilePlane(kernel, height, width) ?? [])
  );
  const costs = planes.map((plane) => winogradCost(g, plane, target));
  const cheapest = planes[costs.indexOf(Math.min(...costs))];
  if (cheapest === undefined) throw new RangeError("No transform is for so many taps");
  return cheapest;
}

/**
 * The tiles of the parts of a kernel, with so many inputs along each axis of more than one tap.
 *
 * @returns The tiles, or `null` if there is no transform for the taps.
 */
export function tilePlane(
  kernel: PartKernel,
  heightInputs: TileInputs,
  widthInputs: TileInputs,
): TilePlane | null {
  const height = axisTransform(kernel.taps.height[0]?.length ?? 0, heightInputs);
  const width = axisTransform(kernel.taps.width[0]?.length ?? 0, widthInputs);
  if (height === null || width === null) return null;
  const tiles = (axis: "height" | "width", { outputs }: AxisTransform) =>
    Math.max(...kernel.parts.map((part) => Math.ceil(part[axis].output.count / outputs)));
  return {
    kernel,
    height,
    width,
    rows: tiles("height", height),
    columns: tiles("width", width),
    positions: height.inputs * width.inputs,
  };
}

/** What parts of a convolution cost, in multiply-adds of the products of vectors. */
interface Costs {
  /** A transform of a vector, for each position. */
  readonly input: number;
  readonly output: number;
  /** A vector of inputs that do not lie side by side, and of those that lie farther apart. */
  readonly gather: number;
  readonly farGather: number;
  /** A vector of outputs that do not lie side by side. */
  readonly scatter: number;
  /** A vector put together from two others. */
  readonly shuffle: number;
  /** Vectors of tiles over which the loading of transformed weights costs nothing. */
  readonly leastVectors: number;
  /** Vectors that it costs besides where no second-level cache keeps them. */
  readonly farWeightVectors: number;
  /** Vectors that it costs besides where they come from memory. */
  readonly remoteWeightVectors: number;
}

const COSTS: Readonly<Record<Target["name"], Costs>> = {
  wasm: {
    input: 6.4,
    output: 4.1,
    gather: 6,
    farGather: 24,
    scatter: 6,
    shuffle: 0,
    leastVectors: 1.5,
    farWeightVectors: 0,
    remoteWeightVectors: 2,
  },
  avx2: {
    input: 7,
    output: 7,
    gather: 20,
    farGather: 32,
    scatter: 24,
    shuffle: 3,
    leastVectors: 1,
    farWeightVectors: 0.5,
    remoteWeightVectors: 1,
  },
  avx512: {
    input: 4.5,
    output: 4.5,
    gather: 32,
    farGather: 64,
    scatter: 32,
    shuffle: 2,
    leastVectors: 1,
    farWeightVectors: 0.5,
    remoteWeightVectors: 1,
  },
};

/** Inputs that are closer than this come in whole vectors, of which some lanes are picked. */
const NEAR_STEP = 4;

/** The time of an output plane of a group, in vector multiply-adds of the products. */
function winogradCost(g: Geometry, plane: TilePlane, target: Target): number {
  const { kernel, height, width, rows, columns, positions } = plane;
  const { lanes } = target;
  const costs = COSTS[target.name];
  const parts = kernel.parts.length;
  const inChannels = channelTerms(g, plane);
  const outChannels = g.outChannels / g.groups;
  const rowVectors = parts * rows * Math.ceil(columns / lanes);
  const weights = weightsOf(g, plane);
  const load = weights * FLOAT_BYTES >= RESIDENT_WEIGHT_BYTES ? costs.farWeightVectors : 0;
  // Parts whose tiles lie in one block share the vectors, and the loading of the weights.
  const together = partsOfBlock(plane);
  const vectors = Math.ceil(parts / together) *
    Math.max(costs.leastVectors, Math.ceil(together * rows * columns / lanes) + load);
  // Elements that lie apart cost each by itself.
  const apart = parts * rows * columns / lanes;
  const step = kernel.parts[0]?.width.inputStep ?? 1;
  const gather = step > NEAR_STEP ? costs.farGather : costs.gather;
  const gathers = step === 1 ? 0 : apart * height.inputs * width.outputs * gather;
  const outStep = kernel.parts[0]?.width.output.step ?? 1;
  const scatters = outStep === 1 ? 0 : apart * height.outputs * width.outputs * costs.scatter;
  const sorting = costs.shuffle * oddShuffles(width.outputs);
  const input = rowVectors * (positions * costs.input + height.inputs * sorting) + gathers;
  const output = rowVectors * (positions * costs.output + height.outputs * sorting) + scatters;
  return inChannels * input + outChannels * output + weights * vectors;
}

/** Transformed weights of a group. */
function weightsOf(g: Geometry, plane: TilePlane): number {
  return plane.positions * channelTerms(g, plane) * g.kernel[0] * g.outChannels / g.groups;
}

/** More transformed weights than this come from memory, which all threads share, at every call. */
const REMOTE_WEIGHT_BYTES = 48 * 1024 * 1024;

/** What that takes, likewise. */
function remoteCost(g: Geometry, planes: readonly TilePlane[], { name }: Target): number {
  const weights = planes.reduce((sum, plane) => sum + weightsOf(g, plane), 0);
  const isRemote = g.groups * weights * FLOAT_BYTES > REMOTE_WEIGHT_BYTES;
  return isRemote ? weights * COSTS[name].remoteWeightVectors : 0;
}

/** Shuffles that sort an odd number of vectors beyond those that an even number takes, about. */
function oddShuffles(vectors: number): number {
  return vectors % 2 === 0 ? 0 : Math.max(0, vectors * (vectors - 3));
}
