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
 * @module
 */

import { FLOAT_BYTES } from "../codegen/program.ts";
import type { Target } from "../codegen/target.ts";
import type { Geometry } from "../geometry.ts";
import { collapse } from "./collapse.ts";
import { laneWork } from "./convolution.ts";
import { directCycles } from "./lane_choice.ts";
import type { PlanRequest } from "./plan.ts";
import type { ProductTile } from "./winograd_product.ts";
import { RESIDENT_WEIGHT_BYTES, tiling } from "./winograd_tiling.ts";
import { type AxisTransform, F2_3, F4_3, IDENTITY } from "./winograd_transform.ts";

/** How a convolution is computed by Winograd's algorithm. */
export interface WinogradChoice {
  /** The transform of an axis with three taps. */
  readonly transform: AxisTransform;
  /** Tiles of a block along height and width; several rows only where they are whole. */
  readonly blockRows: number;
  readonly blockColumns: number;
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

/** What of a convolution keeps it from being computed by the algorithm. */
export type Obstacle = "kernel" | "stride" | "dilation";

/**
 * What keeps a convolution from being computed by the algorithm, or `null` if nothing does.
 *
 * @param sizes One number per axis, for 1 to 3 axes.
 */
export function winogradObstacle(
  { kernel, stride, dilation }: Readonly<Record<Obstacle, readonly number[]>>,
): Obstacle | null {
  const lastTwo = (sizes: readonly number[]) => [sizes.at(-2) ?? 1, sizes.at(-1) ?? 1];
  const sizes = lastTwo(kernel);
  if (sizes.some((size) => size !== 1 && size !== 3) || !sizes.includes(3)) return "kernel";
  if (lastTwo(stride).some((step) => step !== 1)) return "stride";
  const dilated = lastTwo(dilation).some((step, axis) => step !== 1 && sizes[axis] === 3);
  return dilated ? "dilation" : null;
}

/** The transform of one axis of a convolution. */
export function axisTransform(
  { kernel }: Pick<Geometry, "kernel">,
  axis: 1 | 2,
  transform: AxisTransform,
): AxisTransform {
  return kernel[axis] === 1 ? IDENTITY : transform;
}

/** With fewer input channels the error of the transforms is large beside that of the sum. */
const LEAST_CHANNELS = 8;

/** The gain that pays for more memory and less accuracy on few channels. */
const LEAST_GAIN = 1.2;

/** How to compute a convolution by Winograd's algorithm; `null` if another is to be preferred. */
export function chooseWinograd(request: PlanRequest): WinogradChoice | null {
  const { geometry: g, algorithm, target } = request;
  if (algorithm === "direct" || g.transposed || winogradObstacle(g) !== null) return null;
  const [transform, cost] = [F4_3, F2_3]
    .map((transform) => [transform, winogradCost(g, transform, target)] as const)
    .reduce((best, other) => other[1] < best[1] ? other : best);
  if (algorithm === "auto") {
    if (g.inChannels / g.groups < LEAST_CHANNELS) return null;
    if (cost * LEAST_GAIN > directCost(g, target)) return null;
  }
  const [rows, columns] = tileCounts(g, transform);
  return tiling(g, { transform, rows, columns, positions: positionsOf(g, transform) }, target);
}

/** Tiles along height and width. */
function tileCounts(g: Geometry, transform: AxisTransform): readonly [number, number] {
  const along = (axis: 1 | 2) =>
    Math.ceil(g.output[axis] / axisTransform(g, axis, transform).outputs);
  return [along(1), along(2)];
}

function positionsOf(g: Geometry, transform: AxisTransform): number {
  return axisTransform(g, 1, transform).inputs * axisTransform(g, 2, transform).inputs;
}

/** What parts of a convolution cost, in multiply-adds of the products of vectors. */
interface Costs {
  /** A transform of a vector, for each position. */
  readonly input: number;
  readonly output: number;
  /** Vectors of tiles over which the loading of transformed weights costs nothing. */
  readonly leastVectors: number;
  /** Vectors that it costs besides where no second-level cache keeps them. */
  readonly farWeightVectors: number;
  /**
   * A multiply-add of the direct kernel: in machine code beyond the cycles that the choice of lanes
   * counts, else with its operands' loads.
   */
  readonly direct: number;
}

const COSTS: Readonly<Record<Target["name"], Costs>> = {
  wasm: { input: 6.4, output: 4.1, leastVectors: 1.5, farWeightVectors: 0, direct: 1.2 },
  avx2: { input: 9, output: 9, leastVectors: 1, farWeightVectors: 1, direct: 1.1 },
  avx512: { input: 9, output: 9, leastVectors: 1, farWeightVectors: 1, direct: 1.1 },
};

/** The time of an output plane of a group, in vector multiply-adds of the products. */
function winogradCost(g: Geometry, transform: AxisTransform, target: Target): number {
  const { lanes } = target;
  const costs = COSTS[target.name];
  const [rows, columns] = tileCounts(g, transform);
  const inChannels = g.inChannels / g.groups;
  const outChannels = g.outChannels / g.groups;
  const rowVectors = rows * Math.ceil(columns / lanes);
  const weights = positionsOf(g, transform) * inChannels * g.kernel[0] * outChannels;
  const load = weights * FLOAT_BYTES >= RESIDENT_WEIGHT_BYTES ? costs.farWeightVectors : 0;
  const vectors = Math.max(costs.leastVectors, Math.ceil(rows * columns / lanes) + load);
  const perPosition = inChannels * rowVectors * costs.input +
    outChannels * rowVectors * costs.output +
    inChannels * g.kernel[0] * outChannels * vectors;
  return positionsOf(g, transform) * perPosition;
}

/** The time of an output plane of a group, likewise. */
function directCost(g: Geometry, target: Target): number {
  const { direct } = COSTS[target.name];
  if (target.cheapBroadcast) {
    const cycles = directCycles(laneWork(collapse(g), target));
    return cycles * MULTIPLY_ADDS_PER_CYCLE / g.output[0] * direct;
  }
  const taps = g.kernel[0] * g.kernel[1] * g.kernel[2];
  const vectors = g.outChannels / g.groups * g.output[1] * Math.ceil(g.output[2] / target.lanes);
  return g.inChannels / g.groups * taps * vectors * direct;
}

const MULTIPLY_ADDS_PER_CYCLE = 2;
