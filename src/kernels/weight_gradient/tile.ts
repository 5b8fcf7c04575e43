/**
 * The program of a tile of a weight's gradient: the sums of some output channels by some input channels over some pixels.
 *
 * Where the pixels are few, sums stay in registers until they are complete. Otherwise they are taken in chunks of
 * pixels that stay in a cache while all sums of the tile pass by, and which are added up in scratch memory: a sum of many
 * terms is a sum of sums, too, which rounds less.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder, type Steps } from "../../codegen/program.ts";
import { range } from "../../base/numbers.ts";
import { evenParts } from "../common/register_tile.ts";
import {
  GRADIENT,
  type GradientKernel,
  type GradientShape,
  INPUT,
  PARAMETERS,
  PIXEL_AXES,
  type PixelBox,
  productsOf,
  RESULT,
  SCRATCH,
  stepsAlong,
  type SumKernel,
  sweepProducts,
  tapsOf,
  type Unit,
  type WeightShape,
} from "./shape.ts";

/** What one tile of work covers. */
export interface GradientBlock {
  readonly groups: number;
  readonly outChannels: number;
  readonly inChannels: number;
  readonly pixels: PixelBox;
}

/** Whether the result is complete, or a part of the sums that is to be added to others. */
export type ResultKind = "whole" | "part";

/** How the tiles of a gradient are made. */
export interface TileMaker {
  readonly shape: GradientShape;
  readonly kernel: GradientKernel;
  /** Pixels that are summed at once. */
  readonly chunk: PixelBox;
  readonly result: ResultKind;
}

/** The same as far as it says what becomes of sums in scratch memory. */
export interface SumMaker {
  readonly shape: WeightShape;
  readonly kernel: SumKernel;
  readonly result: ResultKind;
}

/** Whether the sums of a tile go straight to the result. */
function isDirect(maker: TileMaker, block: GradientBlock): boolean {
  return maker.result === "whole" && isOneChunk(maker, block);
}

function isOneChunk({ chunk }: TileMaker, { pixels }: GradientBlock): boolean {
  return PIXEL_AXES.every((axis) => pixels[axis] <= chunk[axis]);
}

/** Bytes of scratch memory that a tile uses. */
export function scratchBytes(maker: TileMaker, block: GradientBlock): number {
  if (isDirect(maker, block)) return 0;
  return scratchSums(maker, block) * FLOAT_BYTES;
}

/** Sums of a tile as they lie in scratch memory, blocks of channels whole. */
export function scratchSums(
  { shape, kernel: { sumChannels } }: SumMaker,
  block: Pick<GradientBlock, "inChannels" | "outChannels">,
): number {
  const channels = Math.ceil(block.outChannels / sumChannels) * sumChannels;
  return channels * block.inChannels * tapsOf(shape);
}

/** How the pointers move from one group to the next: panels and parts are of whole blocks of channels. */
export function groupSteps(
  { inChannels, outChannels, input, ...shape }: GradientShape,
  { sumChannels, gradientStep }: GradientKernel,
  result: ResultKind,
): Readonly<Record<"input" | "gradient" | "result", number>> {
  const blocks = Math.ceil(outChannels / sumChannels) * sumChannels;
  const channelBytes = productsOf({ ...shape, inChannels }) * FLOAT_BYTES;
  return {
    input: inChannels * input.channelPitch,
    gradient: blocks * gradientStep,
    result: (result === "part" ? blocks : outChannels) * channelBytes,
  };
}

/** Writes the program of a tile. */
export function tileProgram(maker: TileMaker, block: GradientBlock): Program {
  const { shape, kernel, result } = maker;
  const { groups, outChannels, inChannels, pixels } = block;
  const code = new ProgramBuilder(
    `weight gradient, ${kernel.name}, ${groups}x${outChannels}oc x ${inChannels}ic x ${
      tapsOf(shape)
    } taps, ` +
      `${Object.values(pixels).join("x")}px, tile ${nameOf(kernel.tile)}`,
    shape.target.lanes,
    PARAMETERS,
  );
  const steps = groupSteps(shape, kernel, result);
  const along = [[INPUT, steps.input], [GRADIENT, steps.gradient], [RESULT, steps.result]] as const;
  code.sweep(groups, along, () => writeGroup(code, maker, block));
  return code.build();
}

/** What a tile takes of a group. */
function writeGroup(code: ProgramBuilder, maker: TileMaker, block: GradientBlock): void {
  const { shape, kernel } = maker;
  const { pixels } = block;
  if (isDirect(maker, block)) {
    const perChannel = productsOf(shape) * FLOAT_BYTES;
    sweepUnits(
      code,
      maker,
      block,
      { channel: perChannel, pointer: RESULT, product: FLOAT_BYTES },
      (unit) => {
        kernel.store(code, unit, kernel.sum(code, unit, pixels));
      },
    );
    return;
  }
  sumInScratch(code, maker, block);
  finish(code, maker, block);
}

/** Sums of a tile in scratch memory, a chunk of pixels after the other. */
export function sumInScratch(
  code: ProgramBuilder,
  maker: TileMaker,
  block: GradientBlock,
): void {
  const { shape, kernel } = maker;
  const products = block.inChannels * tapsOf(shape);
  const scratch = {
    pointer: SCRATCH,
    channel: products * FLOAT_BYTES,
    product: kernel.sumChannels * FLOAT_BYTES,
  };
  if (isOneChunk(maker, block)) {
    sweepUnits(code, maker, block, scratch, (unit) => {
      kernel.keep(code, unit, kernel.sum(code, unit, block.pixels), products);
    });
    return;
  }
  clearScratch(code, scratchSums(maker, block));
  sweepChunks(code, maker, block, (pixels) => {
    sweepUnits(code, maker, block, scratch, (unit) => {
      kernel.add(code, unit, kernel.sum(code, unit, pixels), products);
    });
  });
}

function nameOf({ outChannels, products: { inChannels, depth, rows, columns } }: Unit): string {
  return `${outChannels}oc x ${inChannels}ic x ${depth}x${rows}x${columns}`;
}

/** Where the sums of a tile go. */
interface Target {
  readonly pointer: number;
  /** Bytes from one output channel to the next, and from one product to the next. */
  readonly channel: number;
  readonly product: number;
}

/** Repeats `body` for every register tile. */
function sweepUnits(
  code: ProgramBuilder,
  { shape, kernel }: TileMaker,
  { outChannels, inChannels }: GradientBlock,
  { pointer, channel, product }: Target,
  body: (unit: Unit) => void,
): void {
  const { tile, gradientStep } = kernel;
  const steps: Steps = [[GRADIENT, gradientStep], [pointer, channel]];
  code.blocks(outChannels, tile.outChannels, steps, (outChannels) => {
    sweepProducts(code, shape, inChannels, tile.products, [[pointer, product]], (products) => {
      body({ outChannels, products });
    });
  });
}

/** Repeats `body` for every chunk of a tile's pixels. */
function sweepChunks(
  code: ProgramBuilder,
  { chunk, kernel: { walk } }: TileMaker,
  { pixels }: GradientBlock,
  body: (pixels: PixelBox) => void,
): void {
  const along = (axis: keyof PixelBox, body: (count: number) => void) =>
    code.evenBlocks(evenParts(pixels[axis], chunk[axis]), stepsAlong(walk, axis), body);
  along("items", (items) => {
    along("depth", (depth) => {
      along("rows", (rows) => {
        along("columns", (columns) => body({ items, depth, rows, columns }));
      });
    });
  });
}

/** Vectors that are cleared without a loop. */
const CLEARED_VECTORS = 8;

function clearScratch(code: ProgramBuilder, sums: number): void {
  const { lanes } = code;
  const zero = code.register();
  code.zero(zero);
  const vectors = Math.floor(sums / lanes);
  const steps = [[SCRATCH, lanes * FLOAT_BYTES]] as const;
  code.blocks(vectors, CLEARED_VECTORS, steps, (count) => {
    for (const i of range(count)) code.store(zero, SCRATCH, i * lanes * FLOAT_BYTES);
  });
  const rest = sums % lanes;
  if (rest > 0) code.displaced(steps, vectors, () => code.store(zero, SCRATCH, 0, rest));
}

/** Brings the sums from scratch memory to the result. */
export function finish(
  code: ProgramBuilder,
  { shape, kernel, result }: SumMaker,
  { outChannels, inChannels }: Pick<GradientBlock, "inChannels" | "outChannels">,
): void {
  const products = inChannels * tapsOf(shape);
  const steps: Steps = [
    [SCRATCH, products * FLOAT_BYTES],
    [RESULT, productsOf(shape) * FLOAT_BYTES],
  ];
  const { sumChannels } = kernel;
  code.blocks(outChannels, sumChannels, steps, (channels) => {
    if (result === "whole") {
      kernel.finish(code, channels, products, { from: SCRATCH, to: RESULT, parts: [] });
    } else copySums(code, products * sumChannels);
  });
}

/** Copies sums that lie side by side. */
function copySums(code: ProgramBuilder, sums: number): void {
  const { lanes } = code;
  const value = code.register();
  const vectors = Math.floor(sums / lanes);
  const steps = [[SCRATCH, lanes * FLOAT_BYTES], [RESULT, lanes * FLOAT_BYTES]] as const;
  const copy = (offset: number, count: number) => {
    code.load(value, SCRATCH, offset, count);
    code.store(value, RESULT, offset, count);
  };
  code.blocks(vectors, CLEARED_VECTORS, steps, (count) => {
    for (const i of range(count)) copy(i * lanes * FLOAT_BYTES, lanes);
  });
  const rest = sums % lanes;
  if (rest > 0) code.displaced(steps, vectors, () => copy(0, rest));
}
