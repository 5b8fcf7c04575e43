/**
 * What the programs of a weight's gradient share: what is summed, over which pixels, and how the pointers move.
 *
 * The gradient of a weight is the sum over all pixels of the output, of every item, of the output's gradient times the
 * element of the input that the weight's tap sees. A *product* is one such sum: of one output channel, one input
 * channel and one tap.
 *
 * @module
 */

import type { Pointer, ProgramBuilder, Register, Steps } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { Triple } from "../../convolution/geometry.ts";
import { indicesOf } from "../../base/indices.ts";
import { product, range } from "../../base/numbers.ts";
import { evenParts } from "../common/register_tile.ts";
import type { InputView } from "../packing/view.ts";

/** Pixels of the output's gradient. */
export interface PixelBox {
  readonly items: number;
  readonly depth: number;
  readonly rows: number;
  readonly columns: number;
}

/** More taps of a row are in no register tile. */
export const MOST_COLUMNS = 64;

/** The axes of a box of pixels, outermost first. */
export const PIXEL_AXES = ["items", "depth", "rows", "columns"] as const;

/** Bytes from one pixel to the next along each axis. */
export type PixelSteps = PixelBox;

/** The weights of one group of channels, whose gradient is computed. */
export interface GradientShape {
  readonly target: Target;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: Triple;
  readonly pixels: PixelBox;
  readonly input: InputView;
  /** Where the first taps of a row find their pixels; where these are not all, bytes from one tap to the next. */
  readonly columnTaps: readonly number[];
  readonly columnStep: number;
}

/** What of a group its gradient's arrays depend on. */
export type WeightShape = Pick<
  GradientShape,
  "target" | "kernel" | "inChannels" | "outChannels"
>;

/** Products of an output channel: some input channels with some taps of each, which lie side by side in the weights. */
export interface ProductBox {
  readonly inChannels: number;
  readonly depth: number;
  readonly rows: number;
  readonly columns: number;
}

/** The pointer parameters of a tile's program: the result is the weights' gradient, or a part of it. */
export const PARAMETERS = ["input", "gradient", "result", "scratch"] as const;

const POINTERS = indicesOf(PARAMETERS);
export const INPUT: Pointer = POINTERS.input;
export const GRADIENT: Pointer = POINTERS.gradient;
export const RESULT: Pointer = POINTERS.result;
export const SCRATCH: Pointer = POINTERS.scratch;

/** Products of an output channel with one input channel. */
export function tapsOf({ kernel }: Pick<GradientShape, "kernel">): number {
  return product(kernel);
}

/** Products of an output channel with all input channels of its group. */
export function productsOf(shape: Pick<GradientShape, "kernel" | "inChannels">): number {
  return shape.inChannels * tapsOf(shape);
}

export function countPixels({ items, depth, rows, columns }: PixelBox): number {
  return items * depth * rows * columns;
}

export function countProducts({ inChannels, depth, rows, columns }: ProductBox): number {
  return inChannels * depth * rows * columns;
}

/** The most products, at most so many, that lie side by side in the weights and are cut from them evenly. */
export function productBox(
  { kernel, inChannels }: Pick<GradientShape, "kernel" | "inChannels">,
  most: number,
): ProductBox {
  const [depth, rows, columns] = kernel;
  const part = (count: number, inner: number) =>
    evenParts(count, Math.max(1, Math.floor(most / inner))).size;
  const box = { inChannels: 1, depth: 1, rows: 1, columns };
  if (columns > most) return { ...box, columns: part(columns, 1) };
  if (rows * columns > most) return { ...box, rows: part(rows, columns) };
  if (depth * rows * columns > most) return { ...box, rows, depth: part(depth, rows * columns) };
  return { inChannels: part(inChannels, depth * rows * columns), depth, rows, columns };
}

/** Input bytes to what each product of a box sees from what the first one sees. */
export function productOffsets({ input, columnTaps }: GradientShape, box: ProductBox): number[] {
  const { channelPitch, depthTap, rowTap } = input;
  const columns = columnTaps.slice(0, box.columns);
  return range(box.inChannels).flatMap((channel) =>
    range(box.depth).flatMap((depth) =>
      range(box.rows).flatMap((row) =>
        columns.map((column) => channel * channelPitch + depth * depthTap + row * rowTap + column)
      )
    )
  );
}

/**
 * Writes `body` for all products of some input channels, a box after the other.
 *
 * @param results Where the sums go: pointers, and bytes from one product to the next.
 */
export function sweepProducts(
  code: ProgramBuilder,
  { kernel, input, columnStep }: GradientShape,
  inChannels: number,
  box: ProductBox,
  results: Steps,
  body: (box: ProductBox) => void,
): void {
  const [depths, rows, columns] = kernel;
  const steps = (inputStep: number, products: number): Steps => [
    [INPUT, inputStep],
    ...results.map(([ptr, bytes]) => [ptr, products * bytes] as const),
  ];
  const channelSteps = steps(input.channelPitch, depths * rows * columns);
  code.evenBlocks(evenParts(inChannels, box.inChannels), channelSteps, (inChannels) => {
    const depthSteps = steps(input.depthTap, rows * columns);
    code.evenBlocks(evenParts(depths, box.depth), depthSteps, (depth) => {
      code.evenBlocks(evenParts(rows, box.rows), steps(input.rowTap, columns), (rows) => {
        const columnSteps = steps(columnStep, 1);
        code.evenBlocks(evenParts(columns, box.columns), columnSteps, (columns) => {
          body({ inChannels, depth, rows, columns });
        });
      });
    });
  });
}

/** How far the input and the output's gradient are read on for one pixel along each axis. */
export interface PixelWalk {
  readonly input: PixelSteps;
  readonly gradient: PixelSteps;
}

/** The steps of an axis. */
export function stepsAlong({ input, gradient }: PixelWalk, axis: keyof PixelBox): Steps {
  return [[INPUT, input[axis]], [GRADIENT, gradient[axis]]];
}

/** Input bytes from one pixel to the next. */
export function inputSteps({ itemPitch, depthStep, rowStep, pixelStep }: InputView): PixelSteps {
  return { items: itemPitch, depth: depthStep, rows: rowStep, columns: pixelStep };
}

/** Bytes of the gradient from one pixel to the next where those of an item lie side by side. */
export function gradientSteps(
  { rows, columns }: Pick<PixelBox, "rows" | "columns">,
  pixel: number,
  item: number,
): PixelSteps {
  return { items: item, depth: rows * columns * pixel, rows: columns * pixel, columns: pixel };
}

/** Some output channels by some products, whose sums are in registers together. */
export interface Unit {
  readonly outChannels: number;
  readonly products: ProductBox;
}

/** Sums in registers: for each product some vectors, or for each output channel a vector of each product. */
export type Sums = readonly (readonly Register[])[];

/** What sums a unit, and where its sums go. */
export interface GradientKernel {
  readonly name: string;
  /** How the pointers move from one pixel to the next. */
  readonly walk: PixelWalk;
  /** What a full register tile holds. */
  readonly tile: Unit;
  /**
   * Output channels whose sums lie side by side in scratch memory and in parts of the result:
   * `[block of channels][product][channel of the block]`.
   */
  readonly sumChannels: number;
  /** Bytes of the gradient from one output channel to the next. */
  readonly gradientStep: number;
  /** Adds up the products of some pixels. */
  sum(code: ProgramBuilder, unit: Unit, pixels: PixelBox): Sums;
  /** Stores sums as the weights' gradient. */
  store(code: ProgramBuilder, unit: Unit, sums: Sums): void;
  /** Stores sums in scratch memory, which is for so many products. */
  keep(code: ProgramBuilder, unit: Unit, sums: Sums, products: number): void;
  /** Adds sums to those in scratch memory. */
  add(code: ProgramBuilder, unit: Unit, sums: Sums, products: number): void;
  /** Stores sums that lie as in scratch memory, those of a block of channels, as the weights' gradient. */
  finish(code: ProgramBuilder, outChannels: number, products: number, move: SumMove): void;
}

/** How sums lie that are to be added up or to become the gradient, and what brings them there. */
export type SumKernel = Pick<GradientKernel, "sumChannels" | "finish">;

/** Parts along one axis of the pixels. */
export interface Parts {
  readonly count: number;
  /** Bytes from one to the next. */
  readonly step: number;
}

/** Where sums lie, in how many parts, and where they go. */
export interface SumMove {
  readonly from: Pointer;
  readonly to: Pointer;
  readonly parts: readonly Parts[];
}

/** Loads vectors of sums, some bytes behind the pointer each, and adds up their parts in order. */
export function loadSums(
  code: ProgramBuilder,
  { from, parts }: SumMove,
  offsets: readonly number[],
  lanes: number,
): Register[] {
  const sums = offsets.map(() => code.register());
  if (parts.every(({ count }) => count === 1)) {
    sums.forEach((sum, i) => code.load(sum, from, offsets[i], lanes));
    return sums;
  }
  for (const sum of sums) code.zero(sum);
  const part = code.register();
  const addParts = ([first, ...others]: readonly Parts[]): void => {
    if (first !== undefined) {
      return code.sweep(first.count, [[from, first.step]], () => addParts(others));
    }
    sums.forEach((sum, i) => {
      code.load(part, from, offsets[i], lanes);
      code.add(sum, sum, part);
    });
  };
  addParts(parts);
  return sums;
}

/** Repeats `body` for every row of some pixels. */
export function sweepRows(
  code: ProgramBuilder,
  { items, depth, rows }: PixelBox,
  walk: PixelWalk,
  body: () => void,
): void {
  code.sweep(items, stepsAlong(walk, "items"), () => {
    code.sweep(depth, stepsAlong(walk, "depth"), () => {
      code.sweep(rows, stepsAlong(walk, "rows"), body);
    });
  });
}
