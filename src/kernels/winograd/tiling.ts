/**
 * How a convolution by Winograd's algorithm is cut into phases and engine tiles.
 *
 * Microseconds in machine code for AVX-512 of the phases' engine tiles run one after the other by one
 * thread, and by the slowest of 16 threads that each begin with empty caches, for one phase (1), two (2)
 * and three (3), with the engine tiles of the costliest phase:
 *
 * | 3x3 convolution | 1 thread | 16 threads |
 * | --- | --- | --- |
 * | 64>64 @56 | (1) 14: 1040; (2) 42: 1690; (3) 72: 1840 | 113; 229; 252 |
 * | 128>128 @56 | (1) 7: 3830; (1) 14: 3750; (3) 144: 5010 | 614; 326; 446 |
 * | 128>128 @28 | (1) 4: 1220; (2) 10: 1280; (3) 36: 1320 | 391; 284; 203 |
 * | 256>256 @56 | (1) 7: 13300; (3) 144: 14500 | 1930; 1120 |
 * | 256>256 @28 | (2) 20: 6340; (3) 36: 4370 | 960; 490 |
 * | 512>512 @14 | (2) 20: 9570; (3) 32: 7650 | 1270; 560 |
 * | 64>128 @8x28x28 | (2) 24: 22000; (3) 288: 17900 | 1470; 1260 |
 *
 * Blocks that stay with their thread, GFLOP/s for AVX-512: of 64 channels at 56x56, 1 row of 14 tiles 232, 2
 * rows 213, 4 rows 166, and 111 where transformed input goes from phase to phase. Of 256 channels, whose
 * weights are read anew for every block: 1 row 124, 2 rows 169, unfused 136 to 152. In WebAssembly it made no
 * difference beyond 5 % where there are many channels, and was worth up to a fifth where there are few.
 *
 * One phase moves least between threads and caches as long as a second-level cache keeps the weights.
 * Where it does not, two phases make every engine tile read all of the transformed input, and three make
 * it read nothing that another one reads.
 *
 * Two phases are for few weights where one phase cannot be had. There three took 1.17 times as long as two,
 * the geometric mean over 8 convolutions of 8 to 64 channels with a kernel of some depth and three targets,
 * the shortest times of turns that alternate, one thread and two, on a machine that others shared:
 *
 * | convolution, milliseconds of one thread: two phases, three | AVX-512 | WebAssembly |
 * | --- | --- | --- |
 * | 3x5x2 stride 2x1x1, 16>33 @10x50x100 | 7.65, 9.82 | 18.4, 22.9 |
 * | 3x3x3 16>16 @8x16x16 | 0.088, 0.117 | 0.199, 0.211 |
 * | 3x3x3 32>32 @8x28x28 | 1.11, 1.15 | 2.68, 2.69 |
 * | 3x3x3 16>32 @16x56x56 | 5.27, 6.55 | 11.5, 12.6 |
 * | 3x3x3 8>16 @32x64x64 | 3.82, 4.50 | 9.80, 9.75 |
 * | 3x3x3 stride 2, 32>64 @16x32x32 | 1.88, 1.75 | |
 * | 5x5x5 16>32 @8x24x24 | 1.71, 2.00 | 5.70, 5.97 |
 *
 * Where one phase can be had, two took 1.11 times as long as the better of one and three (19 convolutions with
 * few weights). The choice between these, by the number of engine tiles, takes 0.94 to 0.97 of the time of two
 * phases with one thread and 0.80 to 0.84 with two; 0.85 to 0.98 with 4 to 16, as far as the times of the phases
 * and the numbers of their engine tiles tell.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { clamp } from "../../base/numbers.ts";
import { evenParts } from "../common/register_tile.ts";
import { type PartKernel, termsOf } from "./parts.ts";
import { type ProductTile, productTile } from "./product.ts";
import type { TilePlane, WinogradChoice } from "./shape.ts";
import { type AxisTransform, axisTransform, type TileInputs } from "./transform.ts";

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

/** Input channels of a group, once for each term of the sums. */
export function channelTerms(g: Geometry, { kernel }: TilePlane): number {
  return g.inChannels / g.groups * termsOf(kernel);
}

/** Transformed weights of a group. */
export function groupWeights(g: Geometry, plane: TilePlane): number {
  return plane.positions * channelTerms(g, plane) * g.kernel[0] * g.outChannels / g.groups;
}

/** Tiles of a block: enough for the weights, which every block reads, not to matter. */
const MOST_BLOCK_TILES = 64;

/** What blocks are to be fused. */
interface FusedLimits {
  /** What transformed input and products may take of a second-level cache. */
  readonly bytes: number;
  /** Tiles of the least block, and tiles that are enough for its weights. */
  readonly least: number;
  readonly enough: number;
  /** Engine tiles that make it worth while. */
  readonly engineTiles: number;
}

/** Engine tiles that balance threads, if the blocks are not to be larger. */
const ENGINE_TILES = 24;

/** Vector multiply-adds of an engine tile that takes about 25 microseconds. */
const TILE_MULTIPLY_ADDS = 60_000;

/** With few output channels the transforms matter more. */
const FEW_CHANNELS = 48;

/** Transformed weights that come from a third-level cache as fast as a vector of tiles needs them. */
const NEAR_WEIGHT_BYTES = 3 * 1024 * 1024;

/**
 * With so few weights, every block may read them, and the way of the products from phase to phase costs one
 * thread more than they do. The slower the products, the less that way matters.
 */
const FEW_WEIGHT_BYTES: Readonly<Record<Target["name"], number>> = {
  wasm: 512 * 1024,
  avx2: 1024 * 1024,
  avx512: 1536 * 1024,
};

function fusedLimits(g: Geometry, plane: TilePlane, { name, lanes }: Target): FusedLimits {
  const weights = groupWeights(g, plane);
  const bytes = (name === "wasm" ? 1 : 2) * 1024 * 1024;
  const enoughWasm = g.outChannels / g.groups < FEW_CHANNELS ? 12 : 24;
  const enough = name === "wasm" ? enoughWasm : 16;
  if (weights * FLOAT_BYTES <= FEW_WEIGHT_BYTES[name]) {
    const work = planesOf(g, plane) * plane.rows * plane.columns / lanes * weights;
    // Each may take longer, as nobody waits for it in the middle.
    const engineTiles = Math.min(4, work / (2 * TILE_MULTIPLY_ADDS));
    return { bytes, least: 1, enough, engineTiles };
  }
  if (name === "wasm") return { bytes, least: enough, enough, engineTiles: 12 };
  return weights * FLOAT_BYTES <= NEAR_WEIGHT_BYTES
    ? { bytes, least: 12, enough, engineTiles: 12 }
    : { bytes, least: 24, enough: 32, engineTiles: 14 };
}

/** Whether a block takes the tiles of several parts: each has few, and the weights are the same. */
function isMerged({ kernel, rows, columns }: TilePlane): boolean {
  return kernel.parts.length > 1 && 2 * rows * columns <= MOST_BLOCK_TILES;
}

/** Parts whose tiles lie in one block. */
export function partsOfBlock(plane: TilePlane): number {
  const { kernel, rows, columns } = plane;
  if (!isMerged(plane)) return 1;
  return evenParts(kernel.parts.length, Math.floor(MOST_BLOCK_TILES / (rows * columns))).size;
}

/** The blocks of the parts of a convolution that have the same weights. */
export function tiling(g: Geometry, plane: TilePlane, target: Target): WinogradChoice {
  const { positions } = plane;
  if (isMerged(plane)) return threePhases(g, plane, target);
  const outChannels = g.outChannels / g.groups;
  const limits = fusedLimits(g, plane, target);
  const fused = fusedBlock(g, plane, target, limits);
  if (fused !== null && fused.blocks * planesOf(g, plane) >= limits.engineTiles) {
    const tile = blockTile(target, outChannels, fused);
    const shares = fusedShares(g, fused.blocks * planesOf(g, plane));
    const channels = wholePanels(outChannels / shares, outChannels, tile);
    return { ...common(plane, fused), tile, outChannels: channels, phases: 1, positions };
  }
  const weightBytes = groupWeights(g, plane) * FLOAT_BYTES;
  return canBeFused(g) || weightBytes > FEW_WEIGHT_BYTES[target.name]
    ? threePhases(g, plane, target)
    : twoPhases(g, plane, target);
}

/** Planes of tiles of a group, in all. */
function planesOf({ batch, groups, output }: Geometry, { kernel }: TilePlane): number {
  return batch * groups * output[0] * kernel.parts.length;
}

/** What a choice has of its plane and block; parts by themselves. */
function common({ kernel, height, width }: TilePlane, { blockRows, blockColumns }: Block) {
  return { kernel, height, width, blockRows, blockColumns, blockParts: 1 };
}

/** Whole panels of about so many output channels. */
function wholePanels(channels: number, all: number, { panel }: ProductTile): number {
  return Math.min(all, Math.ceil(channels / panel) * panel);
}

/** Output channels of an engine tile: fewer read the transformed input too often. */
const LEAST_OUT_CHANNELS = 8;

function twoPhases(g: Geometry, plane: TilePlane, target: Target): WinogradChoice {
  const { rows, columns, positions } = plane;
  const outChannels = g.outChannels / g.groups;
  const block = blockOf(rows, columns, MOST_BLOCK_TILES, target.lanes);
  const shares = Math.max(1, Math.floor(ENGINE_TILES / (planesOf(g, plane) * block.blocks)));
  const share = Math.max(LEAST_OUT_CHANNELS, Math.ceil(outChannels / shares));
  const tile = blockTile(target, outChannels, block);
  const channels = wholePanels(share, outChannels, tile);
  return { ...common(plane, block), tile, outChannels: channels, phases: 2, positions };
}

/** Engine tiles of the products that balance threads, and that are more than enough. */
const LEAST_TILES = 32;
const ENOUGH_TILES = 128;

/** Engine tiles of a position each, of several where there are many, or of some output channels. */
function threePhases(g: Geometry, plane: TilePlane, target: Target): WinogradChoice {
  const { rows, columns, positions } = plane;
  const outChannels = g.outChannels / g.groups;
  const block = blockOf(rows, columns, MOST_BLOCK_TILES, target.lanes);
  const blockParts = partsOfBlock(plane);
  const tiles = blockParts * block.blockRows * block.blockColumns;
  const vectors = Math.ceil(tiles / target.lanes);
  const tile = productTile(target, outChannels, vectors);
  const blocks = Math.ceil(planesOf(g, plane) / blockParts) * block.blocks;
  const work = blocks * vectors * groupWeights(g, plane);
  const wanted = clamp(work / TILE_MULTIPLY_ADDS, LEAST_TILES, ENOUGH_TILES);
  // Every share of the channels reads the transformed input, which is to be less than its weights.
  const most = Math.max(1, Math.floor(outChannels / (2 * vectors * target.lanes)));
  const shares = clamp(Math.round(wanted / (positions * blocks)), 1, most);
  const together = Math.ceil(positions * blocks / (2 * ENOUGH_TILES));
  return {
    ...common(plane, block),
    blockParts,
    tile,
    outChannels: wholePanels(outChannels / shares, outChannels, tile),
    phases: 3,
    positions: Math.min(positions, together),
  };
}

/** The register tile for the products of a block. */
function blockTile(
  target: Target,
  outChannels: number,
  { blockRows, blockColumns }: Block,
): ProductTile {
  return productTile(target, outChannels, Math.ceil(blockRows * blockColumns / target.lanes));
}

/** Whether an output plane sees a transformed plane that no other one sees. */
function canBeFused({ kernel, stride }: Geometry): boolean {
  return kernel[0] === 1 && stride[0] === 1;
}

/** A block to be fused, if one fits into the cache that is large enough for its weights. */
function fusedBlock(
  g: Geometry,
  plane: TilePlane,
  { name, lanes }: Target,
  limits: FusedLimits,
): Block | null {
  const { rows, columns, positions } = plane;
  if (!canBeFused(g)) return null;
  const tileBytes = positions * FLOAT_BYTES * (channelTerms(g, plane) + g.outChannels / g.groups);
  const least = Math.min(limits.least, rows * columns);
  const enough = Math.min(limits.enough, rows * columns);
  // Short pieces of many long rows lie each on a page of their own.
  const share = rows === 1 && name !== "wasm"
    ? MOST_BLOCK_TILES
    : rows * columns * planesOf(g, plane) / ENGINE_TILES;
  const most = Math.min(MOST_BLOCK_TILES, limits.bytes / tileBytes, Math.max(enough, share));
  const block = blockOf(rows, columns, most, lanes);
  return block.blockRows * block.blockColumns >= least ? block : null;
}

/** What the transform of an input channel costs, in products of as many output channels. */
const INPUT_CHANNELS = 9;

/** What part of the products' time the repeated transform of the input may take. */
const MOST_REPETITION = 0.05;

/** Into how many shares the output channels of few blocks may be cut, each with a transform of its own. */
function fusedShares(g: Geometry, blocks: number): number {
  const most = 1 + MOST_REPETITION * g.outChannels / g.groups / INPUT_CHANNELS;
  const wanted = LEAST_TILES / blocks;
  return clamp(Math.ceil(wanted), 1, Math.floor(most));
}

interface Block {
  readonly blockRows: number;
  readonly blockColumns: number;
  /** How many there are. */
  readonly blocks: number;
}

/** Blocks of about equal size and at most so many tiles: some rows, or a part of a row. */
function blockOf(rows: number, columns: number, most: number, lanes: number): Block {
  if (columns > most) {
    // A register tile is two vectors wide.
    const step = 2 * lanes;
    const even = Math.ceil(columns / Math.ceil(columns / Math.max(step, most)));
    const blockColumns = Math.min(columns, Math.ceil(even / step) * step);
    return { blockRows: 1, blockColumns, blocks: rows * Math.ceil(columns / blockColumns) };
  }
  const blockRows = Math.ceil(rows / Math.ceil(rows / Math.max(1, Math.floor(most / columns))));
  return { blockRows, blockColumns: columns, blocks: Math.ceil(rows / blockRows) };
}
