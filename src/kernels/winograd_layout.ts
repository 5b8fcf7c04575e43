/**
 * Where the blocks of a convolution by Winograd's algorithm lie, and about what they cost.
 *
 * @module
 */

import { FLOAT_BYTES } from "../codegen/program.ts";
import type { Target } from "../codegen/target.ts";
import type { Geometry } from "../geometry.ts";
import { spread } from "./pad.ts";
import type { PlanRequest } from "./plan.ts";
import { cut, type SpanRun, wholeAxis, zeroSpan } from "./spans.ts";
import { evenBlock, type TileAxis } from "./tiles.ts";
import type { WinogradBlock, WinogradShape } from "./winograd.ts";
import { axisTransform, type WinogradChoice } from "./winograd_choice.ts";
import { panelPitch } from "./winograd_product.ts";
import { type AxisTransform, IDENTITY } from "./winograd_transform.ts";

/** Everything that the phases share. Pitches are in bytes. */
export interface Layout {
  readonly shape: WinogradShape;
  /** Blocks along height and width. */
  readonly rows: readonly SpanRun[];
  readonly columns: readonly SpanRun[];
  readonly rowBlocks: number;
  readonly columnBlocks: number;
  /** Tiles of a block. */
  readonly blockRows: number;
  readonly blockColumns: number;
  /** Input planes that are seen, padding included, and how they come about. */
  readonly depth: number;
  readonly planes: readonly SpanRun[];
  /** Transformed weights of a group at one position. */
  readonly groupWeights: number;
  /** Transformed input: `[batch][plane][group][block row][block column]`. */
  readonly blockPitch: number;
  readonly groupPitch: number;
  readonly planePitch: number;
  readonly itemPitch: number;
  /** Products where they go from phase to phase. */
  readonly products: ProductLayout;
}

/** Products behind the transformed input: `[batch][output plane][group][block row][block column]`. */
export interface ProductLayout {
  readonly offset: number;
  readonly blockPitch: number;
  readonly groupPitch: number;
  readonly planePitch: number;
  readonly itemPitch: number;
  /** Behind the last. */
  readonly end: number;
}

export function layoutOf(
  { geometry: g, hasBias, epilogue, target }: PlanRequest,
  { transform, blockRows, blockColumns, tile, phases }: WinogradChoice,
): Layout {
  const [height, width] = [axisTransform(g, 1, transform), axisTransform(g, 2, transform)];
  const [inDepth, inHeight, inWidth] = g.input;
  const [, outHeight, outWidth] = g.output;
  const row = inWidth * FLOAT_BYTES;
  const outRow = outWidth * FLOAT_BYTES;
  const inChannels = g.inChannels / g.groups;
  const outChannels = g.outChannels / g.groups;
  const { lanes } = target;
  const axis = (index: 1 | 2, transform: AxisTransform) =>
    wholeAxis(transform, g.output[index], g.input[index], g.padBegin[index], g.paddingMode);
  const rows = cut(axis(1, height), height, blockRows);
  const columns = cut(axis(2, width), width, blockColumns);
  const rowBlocks = rows.reduce((sum, { count }) => sum + count, 0);
  const columnBlocks = columns.reduce((sum, { count }) => sum + count, 0);
  const depth = (g.output[0] - 1) * g.stride[0] + (g.kernel[0] - 1) * g.dilation[0] + 1;
  const planes = cut(
    wholeAxis(IDENTITY, depth, inDepth, g.padBegin[0], g.paddingMode),
    IDENTITY,
    1,
  );
  const tilePitch = Math.ceil(blockRows * blockColumns / lanes) * lanes * FLOAT_BYTES;
  const positions = height.inputs * width.inputs;
  const positionPitch = spreadBytes(inChannels * tilePitch);
  const blockPitch = positions * positionPitch;
  const groupPitch = rowBlocks * columnBlocks * blockPitch;
  const planePitch = g.groups * groupPitch;
  const itemPitch = depth * planePitch;
  const depthTaps = Array.from({ length: g.kernel[0] }, (_, k) => k * g.dilation[0] * planePitch);
  const groupWeights = Math.ceil(outChannels / tile.panel) *
    panelPitch({ tile, inChannels, depthTaps });
  const shape: WinogradShape = {
    target,
    tile,
    height,
    width,
    positions,
    inChannels,
    hasBias,
    epilogue,
    depthTaps,
    input: { channelPitch: inDepth * inHeight * row, rowPitch: row },
    transformed: { positionPitch, channelPitch: tilePitch },
    weight: { positionPitch: spreadBytes(g.groups * groupWeights) },
    products: phases === 3
      ? { channelPitch: tilePitch, positionPitch: spreadBytes(outChannels * tilePitch) }
      : { channelPitch: spreadBytes(positions * tilePitch), positionPitch: tilePitch },
    output: { channelPitch: g.output[0] * outHeight * outRow, rowPitch: outRow },
  };
  return {
    shape,
    rows,
    columns,
    rowBlocks,
    columnBlocks,
    blockRows,
    blockColumns,
    depth,
    planes,
    groupWeights,
    blockPitch,
    groupPitch,
    planePitch,
    itemPitch,
    products: productLayout(g, {
      offset: g.batch * itemPitch,
      blocks: rowBlocks * columnBlocks,
      blockPitch: positions * shape.products.positionPitch,
    }),
  };
}

function productLayout(
  { batch, groups, output }: Geometry,
  { offset, blocks, blockPitch }: Record<"offset" | "blocks" | "blockPitch", number>,
): ProductLayout {
  const groupPitch = blocks * blockPitch;
  const planePitch = groups * groupPitch;
  const itemPitch = output[0] * planePitch;
  return { offset, blockPitch, groupPitch, planePitch, itemPitch, end: offset + batch * itemPitch };
}

function spreadBytes(bytes: number): number {
  return spread(bytes / FLOAT_BYTES) * FLOAT_BYTES;
}

export function outputPlane({ output }: Geometry): number {
  return output[1] * output[2] * FLOAT_BYTES;
}

/** Equal blocks of input planes of one kind. */
export interface InputBlocks {
  readonly block: WinogradBlock;
  /** Where the blocks of the first plane lie; input offsets count from the input's begin. */
  readonly place: Places;
  readonly planes: SpanRun;
  /** Input bytes from one plane to the next. */
  readonly planeStep: number;
}

/** Planes of padding see nothing of the input, and other planes see it all alike. */
export function forEachInputBlock(
  { input }: Geometry,
  layout: Layout,
  each: (blocks: InputBlocks) => void,
): void {
  const plane = input[1] * layout.shape.input.rowPitch;
  for (const planes of layout.planes) {
    const isPadding = planes.span.sources[0] === null;
    forEachBlock(layout, (rows, columns) => {
      const seen = isPadding ? { ...rows, step: 0, span: zeroSpan(rows.span) } : rows;
      const along = isPadding ? { ...columns, step: 0, span: zeroSpan(columns.span) } : columns;
      const place = blockPlaces(layout, seen, along);
      const first = planes.span.origin * plane;
      each({
        block: { rows: seen.span, columns: along.span },
        place: { ...place, offset: { ...place.offset, input: place.offset.input + first } },
        planes,
        planeStep: planes.step * plane,
      });
    });
  }
}

export function forEachBlock(
  { rows, columns }: Layout,
  each: (rows: SpanRun, columns: SpanRun) => void,
): void {
  for (const row of rows) {
    for (const column of columns) each(row, column);
  }
}

/** Bytes in each of the arrays that have blocks. */
export interface Place {
  readonly input: number;
  readonly transformed: number;
  readonly products: number;
  readonly output: number;
}

/** Where the first of some equal blocks lies, and the axes along which the others follow. */
export interface Places {
  readonly offset: Place;
  readonly axes: (steps: (place: Place) => number[]) => TileAxis[];
}

export function blockPlaces(
  { shape, blockRows, blockColumns, columnBlocks, blockPitch, products }: Layout,
  rows: SpanRun,
  columns: SpanRun,
): Places {
  const rowTile = shape.height.outputs * shape.output.rowPitch;
  const columnTile = shape.width.outputs * FLOAT_BYTES;
  const block = rows.start / blockRows * columnBlocks + columns.start / blockColumns;
  const offset = {
    input: rows.span.origin * shape.input.rowPitch + columns.span.origin * FLOAT_BYTES,
    transformed: block * blockPitch,
    products: block * products.blockPitch,
    output: rows.start * rowTile + columns.start * columnTile,
  };
  const down: Place = {
    input: rows.step * shape.input.rowPitch,
    transformed: columnBlocks * blockPitch,
    products: columnBlocks * products.blockPitch,
    output: blockRows * rowTile,
  };
  const along: Place = {
    input: columns.step * FLOAT_BYTES,
    transformed: blockPitch,
    products: products.blockPitch,
    output: blockColumns * columnTile,
  };
  const axes = (steps: (place: Place) => number[]): TileAxis[] => [
    { count: rows.count, block: 1, steps: steps(down) },
    { count: columns.count, block: 1, steps: steps(along) },
  ];
  return { offset, axes };
}

/** About what parts of the work take. */
interface Microseconds {
  /** The transform of a vector of tiles, for each of its positions. */
  readonly input: number;
  readonly output: number;
  /** A multiply-add of vectors. */
  readonly multiplyAdd: number;
}

const MICROSECONDS: Readonly<Record<Target["name"], Microseconds>> = {
  wasm: { input: 0.0017, output: 0.0011, multiplyAdd: 0.00027 },
  avx2: { input: 0.0035, output: 0.003, multiplyAdd: 0.00035 },
  avx512: { input: 0.0035, output: 0.003, multiplyAdd: 0.0004 },
};

/** Vectors of tiles of a block, as its transforms see them. */
function rowVectors({ target }: WinogradShape, { rows, columns }: WinogradBlock): number {
  return rows.tiles * Math.ceil(columns.tiles / target.lanes);
}

/** What an engine tile of a transform is to take: they are short, and others wait for all of them. */
const TRANSFORM_TILE_MICROSECONDS = 8;

/** Channels of a block that one engine tile transforms. */
export function transformChannels(
  { rowBlocks, columnBlocks }: Layout,
  { channels, planes, channelCost }: Record<"channels" | "planes" | "channelCost", number>,
): number {
  const others = rowBlocks * columnBlocks * planes;
  return evenBlock(channels, others, channels * others * channelCost, TRANSFORM_TILE_MICROSECONDS);
}

/** Microseconds for one input channel of a block. */
export function transformCost(shape: WinogradShape, block: WinogradBlock): number {
  return rowVectors(shape, block) * shape.positions * MICROSECONDS[shape.target.name].input;
}

/** Microseconds for one output channel of a block. */
export function multiplyCost(shape: WinogradShape, block: WinogradBlock): number {
  return shape.positions * productsCost(shape, block) + outputCost(shape, block);
}

/** Microseconds for one output channel of a block at one position. */
export function productsCost(shape: WinogradShape, { rows, columns }: WinogradBlock): number {
  const vectors = Math.ceil(rows.tiles * columns.tiles / shape.target.lanes);
  const { multiplyAdd } = MICROSECONDS[shape.target.name];
  return vectors * shape.inChannels * shape.depthTaps.length * multiplyAdd;
}

/** Microseconds for the transform of one output channel of a block. */
export function outputCost(shape: WinogradShape, block: WinogradBlock): number {
  return shape.positions * rowVectors(shape, block) * MICROSECONDS[shape.target.name].output;
}
