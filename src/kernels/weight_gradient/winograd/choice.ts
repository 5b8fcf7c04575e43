/**
 * Where the gradient of weights is computed by Winograd's algorithm, and with which tiles.
 *
 * Milliseconds of one thread, the shortest of turns that alternate, of the products as they are and by Winograd's
 * algorithm with the best tiles. An Intel processor (model 207) that others shared:
 *
 * | convolution | AVX-512 | AVX2 | WebAssembly |
 * | --- | --- | --- | --- |
 * | 3x3 64>64 @56 | 1.44, 0.92 | 3.76, 1.26 | 5.78, 2.17 |
 * | 3x3 64>64 @112 | 5.7, 3.8 | 11.8, 7.4 | 24.8, 11.6 |
 * | 3x3 128>128 @28, 4 items | 5.7, 3.2 | 15.0, 5.5 | 22.6, 8.9 |
 * | 3x3 256>256 @14; 8 items | 1.39, 0.93; 11.5, 6.7 | 3.8, 1.5; 29.3, 12.3 | 5.5, 2.7; 43.9, 19.1 |
 * | 3x3 512>512 @7; 8 items | 1.58, 2.08; 11.3, 7.6 | 3.9, 2.7; 28.8, 11.0 | 5.7, 5.3; 44.8, 20.7 |
 * | 3x3 32>64 @32, 8 items | 2.10, 1.38 | 4.06, 2.06 | 8.44, 3.32 |
 * | 3x3 128>128 in 4 groups @28; in 32 groups @56 | 0.42, 0.32; 0.42, 2.38 | 0.97, 0.39; 0.63, 2.31 | 1.50, 0.61; 1.09, 1.64 |
 * | 3x3 3>64 @224 | 1.5, 4.1 | 2.9, 5.6 | 5.0, 8.3 |
 * | 5x5 32>32 @56 | 0.94, 1.12 | 1.97, 1.55 | 4.46, 2.22 |
 * | 2x2 64>64 @28 | 0.17, 0.14 | 0.35, 0.20 | 0.67, 0.35 |
 * | 3x3x3 32>32 @8x28x28 | 2.16, 1.22 | 6.10, 2.26 | 9.43, 4.02 |
 * | length 3, 80>384 @3000 | 4.46, 3.97 | 9.6, 5.3 | 18.3, 14.6 |
 *
 * Sums of few tiles are stored for as many positions, and read again, as there are products to be saved; few channels
 * on either side leave all that to the transforms.
 *
 * @module
 */

import type { Target } from "../../../codegen/target.ts";
import { COPY_NANOSECONDS } from "../../common/tuning.ts";
import type { Geometry } from "../../../convolution/geometry.ts";
import { product } from "../../../base/numbers.ts";
import type { Problem } from "../../plan.ts";
import type { TilePlane } from "../../winograd/shape.ts";
import { panelNanoseconds, plainNanoseconds } from "../lanes.ts";
import { countPixels, PIXEL_AXES, productsOf } from "../shape.ts";
import { gradientPlanes } from "./planes.ts";
import { winogradGradient } from "./shape.ts";
import { winogradTiling } from "./tiling.ts";

/** A number for each target. */
type ByTarget = Readonly<Record<Target["name"], number>>;

/**
 * The gain that pays for more memory and less accuracy. In machine code for AVX-512 sums are so quick that it takes as much
 * again to pay for the way of the transforms between threads: beside another program that computes in turns, a step of
 * 3x3 64>64 @56 took two threads 6 milliseconds, and without Winograd's algorithm 2.8.
 */
const LEAST_GAIN = { wasm: 1.1, avx2: 1.1, avx512: 1.9 } as const satisfies ByTarget;

/**
 * The tiles that are to be used; `null` if the products are to be summed as they are.
 *
 * @param problem What is to be computed.
 * @param geometry The convolution whose weights they are.
 */
export function chooseTiles(problem: Problem, geometry: Geometry): TilePlane | null {
  const { algorithm, target } = problem;
  if (algorithm === "direct") return null;
  const ways = gradientPlanes(geometry).map((plane) => ({
    plane,
    nanoseconds: winogradNanoseconds({ ...problem, geometry }, plane),
  }));
  const [first, ...others] = ways;
  if (first === undefined) return null;
  const best = others.reduce((best, way) => way.nanoseconds < best.nanoseconds ? way : best, first);
  const isWanted = algorithm === "winograd" ||
    best.nanoseconds * LEAST_GAIN[target.name] <= plainNanoseconds(geometry, target);
  return isWanted ? best.plane : null;
}

/** What parts of the work take. */
const NANOSECONDS = {
  /** The transform of a vector of inputs, for each position, and each element that it stores. */
  inputVector: { wasm: 1.8, avx2: 1.4, avx512: 1.4 },
  inputElement: { wasm: 0.45, avx2: 0.3, avx512: 0.3 },
  /** An element of the gradient's transform. */
  gradientElement: { wasm: 0.6, avx2: 0.25, avx512: 0.2 },
  /** A vector of sums of a position, and of the taps that they become. */
  sum: { wasm: 1.8, avx2: 1, avx512: 2.1 },
  tap: { wasm: 1.8, avx2: 3, avx512: 5 },
} as const satisfies Record<string, ByTarget>;

/** About how long one thread takes. */
function winogradNanoseconds(problem: Problem, plane: TilePlane): number {
  const { geometry: g, target } = problem;
  const { name, lanes } = target;
  const gradient = winogradGradient(problem, plane);
  const { sums, weights, positions, result: { sumChannels }, input: { layout } } = gradient;
  const { pixels } = winogradTiling(gradient).block;
  const parts = product(PIXEL_AXES.map((axis) => Math.ceil(sums.pixels[axis] / pixels[axis])));
  const channels = Math.ceil(sums.outChannels / sumChannels) * sumChannels;
  const planes = g.batch * layout.depth * g.inChannels;
  const inputs = planes * plane.rows * (
    Math.ceil(plane.columns / lanes) * NANOSECONDS.inputVector[name] +
    plane.columns * NANOSECONDS.inputElement[name]
  );
  const tiles = countPixels(sums.pixels);
  const perGroup = channels * tiles * NANOSECONDS.gradientElement[name] +
    tiles * panelNanoseconds(sums, target) +
    parts * channels / lanes * productsOf(sums) * NANOSECONDS.sum[name];
  const packed = channels * g.batch * product(g.output) * COPY_NANOSECONDS;
  const taps = parts * channels / lanes * productsOf(weights) * NANOSECONDS.tap[name];
  return positions * (inputs + g.groups * perGroup) + g.groups * (packed + taps);
}
