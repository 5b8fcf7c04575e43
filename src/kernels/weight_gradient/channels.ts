/**
 * The gradient of weights with output channels in the lanes.
 *
 * A register tile is some vectors of output channels by some products of each: input channels by taps. For every pixel
 * the gradient of the channels is loaded as vectors, and for every product an element of the input is broadcast, which
 * may lie anywhere: the input needs no packing but for its padding. The gradient is packed into panels of channels
 * beforehand, `[group][panel][item][pixel][channel of the panel]`.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type ProgramBuilder,
  type Register,
} from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { Triple } from "../../convolution/geometry.ts";
import { range } from "../../base/numbers.ts";
import { evenParts, mostRows, usableRegisters } from "../common/register_tile.ts";
import { transpose, transposeRegisters } from "../common/transpose.ts";
import { NARROW, tuned } from "../common/tuning.ts";
import {
  countPixels,
  GRADIENT,
  type GradientKernel,
  type GradientShape,
  gradientSteps,
  INPUT,
  inputSteps,
  loadSums,
  type PixelBox,
  type PixelWalk,
  productBox,
  productOffsets,
  productsOf,
  RESULT,
  SCRATCH,
  stepsAlong,
  type SumMove,
  type Sums,
  sweepRows,
  type Unit,
  type WeightShape,
} from "./shape.ts";

/** Multiply-adds of a turn of the loop over pixels. */
const UNROLLED = 384;

/** Pixels of a turn where elements are broadcast from a vector of them. */
const PIXELS_OF_VECTOR = 4;

/** Vectors of output channels of a register tile, and the most products of each. */
interface TileSize {
  readonly vectors: number;
  readonly products: number;
}

/**
 * The size of register tiles. In WebAssembly neighbouring taps share the elements that are broadcast: of three in a row
 * a tile has those alone, and more vectors of channels. GFLOP/s of one thread on a busy processor, vectors x products:
 *
 * | layer | 2 x 4 | 2 x 6 | 3 x 3 | 4 x 3 |
 * | --- | --- | --- | --- | --- |
 * | 3x3 64>64 @56 | 28 to 32 | 29 | 35 | 28 |
 * | 3x3 256>256 @14 | 28 | 28 | 33 | 27 |
 * | 1-D k3 80>384 @3000 | 29 | 27 | 35 | 27 |
 * | 5x5 64>64 @28 | 26 | 29 | 31 | - |
 * | 2x2 64>64 @28 | 34 | 33 | 25 | - |
 * | 1x1 64>256 @56 | 30 | 28 | 28 | 25 |
 * | 1x1 1024>256 @14 | 33 | 25 | 29 | 24 |
 * | 7x7 stride 2 3>64 @112 | 29 | 29 | 26 | 28 |
 */
function tileSize(target: Target, [, , columns]: Triple): TileSize {
  if (target.cheapBroadcast) {
    const vectors = tuned(target, "panelVectors");
    return { vectors, products: mostRows(target, vectors) };
  }
  return columns === 3 || columns === 5
    ? { vectors: 3, products: 3 }
    : { vectors: 2, products: NARROW.sums / 2 };
}

/** Output channels of a panel. */
export function panelChannels(target: Target, kernel: Triple): number {
  return tileSize(target, kernel).vectors * target.lanes;
}

/** What of a group of channels register tiles are cut from. */
type Group = Pick<GradientShape, "kernel" | "inChannels" | "outChannels">;

/** A full register tile. */
export function channelLanesTile(group: Group, target: Target): Unit {
  return {
    outChannels: Math.min(panelChannels(target, group.kernel), group.outChannels),
    products: productBox(group, tileSize(target, group.kernel).products),
  };
}

/** Sums of panels of output channels. */
export function channelLanesKernel(shape: GradientShape): GradientKernel {
  const { target, pixels } = shape;
  const panel = panelChannels(target, shape.kernel);
  return {
    name: "channels in lanes",
    walk: channelLanesWalk(shape),
    tile: channelLanesTile(shape, target),
    sumChannels: panel,
    gradientStep: countPixels(pixels) * FLOAT_BYTES,
    sum: (code, unit, pixels) => sumUnit(code, shape, unit, pixels),
    store: (code, unit, sums) => storeUnit(code, shape, unit, sums),
    keep: (code, _, sums) => keepUnit(code, panel, sums),
    add: (code, _, sums) => addUnit(code, panel, sums),
    finish: panelFinish(shape, panel),
  };
}

/** What stores the sums of a panel of so many channels. */
export function panelFinish(shape: WeightShape, panel: number): GradientKernel["finish"] {
  return (code, channels, products, move) =>
    finishPanel(code, shape, { panel, channels, products }, move);
}

/** How the pointers move from one pixel to the next. */
function channelLanesWalk({ target, kernel, pixels, input }: GradientShape): PixelWalk {
  const pixelBytes = panelChannels(target, kernel) * FLOAT_BYTES;
  const itemBytes = countPixels({ ...pixels, items: 1 }) * pixelBytes;
  return {
    input: inputSteps(input),
    gradient: gradientSteps(pixels, pixelBytes, itemBytes),
  };
}

function vectorsOf({ lanes }: Target, channels: number): number {
  return Math.ceil(channels / lanes);
}

function sumUnit(
  code: ProgramBuilder,
  shape: GradientShape,
  { outChannels, products }: Unit,
  pixels: PixelBox,
): Sums {
  const { target } = shape;
  const offsets = productOffsets(shape, products);
  const vectors = vectorsOf(target, outChannels);
  const sums = offsets.map(() => code.registers(vectors));
  for (const sum of sums.flat()) code.zero(sum);
  const vectorBytes = target.lanes * FLOAT_BYTES;
  const walk = channelLanesWalk(shape);
  const pixelBytes = walk.gradient.columns;
  const turn = target.cheapBroadcast
    ? Math.max(1, Math.floor(UNROLLED / sums.flat().length))
    : PIXELS_OF_VECTOR;
  const gradients = code.registers(vectors);
  sweepRows(code, pixels, walk, () => {
    code.blocks(
      pixels.columns,
      evenTurn(pixels.columns, turn, target),
      stepsAlong(walk, "columns"),
      (count) => {
        const element = elementsOf(code, shape);
        for (const pixel of range(count)) {
          gradients.forEach((gradient, v) => {
            code.load(gradient, GRADIENT, pixel * pixelBytes + v * vectorBytes);
          });
          offsets.forEach((offset, p) => {
            const value = element(offset, pixel);
            gradients.forEach((gradient, v) => code.fma(sums[p]?.[v] ?? 0, gradient, value));
          });
        }
      },
    );
  });
  return sums;
}

/** Pixels of a turn: a row that is little longer is cut evenly, where any number will do. */
function evenTurn(columns: number, turn: number, { cheapBroadcast }: Target): number {
  return cheapBroadcast ? evenParts(columns, turn).size : turn;
}

/** Brings the element into every lane that lies so many bytes behind the first pixel's, for one of some pixels. */
type Elements = (offset: number, pixel: number) => Register;

function elementsOf(
  code: ProgramBuilder,
  { target, input: { pixelStep } }: GradientShape,
): Elements {
  if (target.cheapBroadcast || pixelStep !== FLOAT_BYTES) {
    const element = code.register();
    return (offset, pixel) => {
      code.broadcast(element, INPUT, offset + pixel * pixelStep);
      return element;
    };
  }
  // Taps that are neighbours see the same elements, each of which is broadcast once.
  const vectors = new Map<number, Register>();
  const elements = new Map<number, Register>();
  const vectorBytes = code.lanes * FLOAT_BYTES;
  return (offset, pixel) => {
    const at = offset + pixel * FLOAT_BYTES;
    const known = elements.get(at);
    if (known !== undefined) return known;
    const first = [...vectors.keys()].find((start) => start <= at && at < start + vectorBytes) ??
      at;
    let vector = vectors.get(first);
    if (vector === undefined) {
      vector = code.register();
      code.load(vector, INPUT, first);
      vectors.set(first, vector);
    }
    const element = code.register();
    code.lane(element, vector, (at - first) / FLOAT_BYTES);
    elements.set(at, element);
    return element;
  };
}

/** Fewer products are scattered, a channel's each. */
const LEAST_TRANSPOSED = 3;

function storeUnit(
  code: ProgramBuilder,
  shape: GradientShape,
  { outChannels }: Unit,
  sums: Sums,
): void {
  const { lanes } = shape.target;
  const vectors = vectorsOf(shape.target, outChannels);
  for (const v of range(vectors)) {
    const column = sums.flatMap((ofProduct) => ofProduct.slice(v, v + 1));
    const others = (vectors - v - 1) * sums.length;
    const channels = Math.min(lanes, outChannels - v * lanes);
    for (let done = 0; done < column.length;) {
      const free = usableRegisters(shape.target) - others - (column.length - done);
      const count = transposedRows(Math.min(lanes, column.length - done), free);
      storeProducts(code, shape, column.slice(done, done + count), RESULT, {
        first: v * lanes,
        channels,
        product: done,
      });
      done += count;
    }
  }
}

/** How many vectors to transpose together with some registers free; 1 to leave them as they are. */
function transposedRows(most: number, free: number): number {
  let count = most;
  while (count >= LEAST_TRANSPOSED && transposeRegisters(count) > free) count--;
  return count < LEAST_TRANSPOSED ? 1 : count;
}

/** Where vectors of channels go, one for each of some products. */
interface ProductPlace {
  /** The first channel of the vectors, and how many there are. */
  readonly first: number;
  readonly channels: number;
  /** The first product. */
  readonly product: number;
}

function storeProducts(
  code: ProgramBuilder,
  shape: WeightShape,
  rows: readonly Register[],
  to: Pointer,
  { first, channels, product }: ProductPlace,
): void {
  const channelBytes = productsOf(shape) * FLOAT_BYTES;
  const offset = first * channelBytes + product * FLOAT_BYTES;
  const [row = 0] = rows;
  if (rows.length === 1) {
    code.scatter(row, to, range(channels).map((channel) => offset + channel * channelBytes));
    return;
  }
  transpose(code, rows, (column, channel) => {
    if (channel >= channels) return;
    code.store(column, to, offset + channel * channelBytes, rows.length);
  });
}

function keepUnit(code: ProgramBuilder, panel: number, sums: Sums): void {
  eachInScratch(code, panel, sums, (sum, offset) => code.store(sum, SCRATCH, offset));
}

function addUnit(code: ProgramBuilder, panel: number, sums: Sums): void {
  const before = code.register();
  eachInScratch(code, panel, sums, (sum, offset) => {
    code.load(before, SCRATCH, offset);
    code.add(sum, sum, before);
    code.store(sum, SCRATCH, offset);
  });
}

/** Calls `each` with every vector of a unit and where it lies in scratch memory. */
function eachInScratch(
  { lanes }: ProgramBuilder,
  panel: number,
  sums: Sums,
  each: (sum: Register, offset: number) => void,
): void {
  sums.forEach((vectors, product) => {
    vectors.forEach((sum, v) => each(sum, (product * panel + v * lanes) * FLOAT_BYTES));
  });
}

/** Sums of a panel that lie together. */
interface PanelSums {
  /** Channels of a full panel, and of this one. */
  readonly panel: number;
  readonly channels: number;
  readonly products: number;
}

function finishPanel(
  code: ProgramBuilder,
  shape: WeightShape,
  { panel, channels, products }: PanelSums,
  move: SumMove,
): void {
  const { lanes } = shape.target;
  const panelBytes = panel * FLOAT_BYTES;
  const most = Math.min(lanes, usableRegisters(shape.target) - transposeRegisters(1) - 1);
  const steps = [[move.from, panelBytes], [move.to, FLOAT_BYTES]] as const;
  for (const v of range(vectorsOf(shape.target, channels))) {
    code.blocks(products, most, steps, (count) => {
      const offsets = range(count).map((i) => i * panelBytes + v * lanes * FLOAT_BYTES);
      const rows = loadSums(code, move, offsets, lanes);
      storeProducts(code, shape, rows, move.to, {
        first: v * lanes,
        channels: Math.min(lanes, channels - v * lanes),
        product: 0,
      });
    });
  }
}
