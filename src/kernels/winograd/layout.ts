/**
 * Where the blocks of a convolution by Winograd's algorithm lie.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { range } from "../../base/numbers.ts";
import { spread } from "../packing/padded.ts";
import type { Problem } from "../plan.ts";
import { leastSource } from "../../convolution/sources.ts";
import {
  cut,
  cutTerms,
  type SpanRun,
  type TermsRun,
  wholeAxis,
  zeroSpan,
} from "../common/spans.ts";
import type { BoxAxis } from "../phase_builder.ts";
import { type AxisPart, type Part, termsOf } from "./parts.ts";
import { channelWeights } from "./product.ts";
import { originBytes, type TermsBlock, type WinogradChoice, type WinogradShape } from "./shape.ts";
import { type AxisTransform, IDENTITY } from "./transform.ts";

/** Everything that the phases share. Pitches are in bytes. */
export interface Layout {
  readonly shape: WinogradShape;
  readonly parts: readonly PartLayout[];
  /** Blocks if each part had its own. */
  readonly partBlocks: number;
  /** Blocks of all parts, and parts of a block; where that is more than one, all their tiles. */
  readonly blocks: number;
  readonly blockParts: number;
  /** Tiles of a block of one part. */
  readonly blockRows: number;
  readonly blockColumns: number;
  /** Input planes that are seen, padding included, and how they come about. */
  readonly depth: number;
  readonly planes: readonly SpanRun[];
  /** Transformed weights: where they begin, and those of a group at one position. */
  readonly weightStart: number;
  readonly groupWeights: number;
  /** Transformed input: where it begins, then `[batch][plane][group][block]`. */
  readonly start: number;
  readonly blockPitch: number;
  readonly groupPitch: number;
  readonly planePitch: number;
  readonly itemPitch: number;
  /** Products where they go from phase to phase. */
  readonly products: ProductLayout;
  /** Behind what goes from phase to phase, and behind the transformed weights. */
  readonly end: number;
  readonly weightEnd: number;
}

/** Where the tiles of a part lie. */
export interface PartLayout {
  /** Blocks along height and width, with what each term sees. */
  readonly rows: readonly TermsRun[];
  readonly columns: readonly TermsRun[];
  readonly columnBlocks: number;
  /** Its first block, and its first tile there. */
  readonly block: number;
  readonly tile: number;
  /** Bytes from the first output of a plane to its own. */
  readonly output: number;
}

/** Products behind the transformed input: `[batch][output plane][group][block]`. */
export interface ProductLayout {
  readonly offset: number;
  readonly blockPitch: number;
  readonly groupPitch: number;
  readonly planePitch: number;
  readonly itemPitch: number;
  /** Behind the last. */
  readonly end: number;
}

/** Where the arrays of a layout begin that share a buffer with those of others, in bytes. */
export interface LayoutStart {
  readonly transformed: number;
  readonly weight: number;
}

export function layoutOf(
  { geometry: g, hasBias, epilogue, target }: Problem,
  choice: WinogradChoice,
  start: LayoutStart,
): Layout {
  const { height, width, blockRows, blockColumns, blockParts, tile, phases } = choice;
  const [inDepth, inHeight, inWidth] = g.input;
  const [, outHeight, outWidth] = g.output;
  const row = inWidth * FLOAT_BYTES;
  const outRow = outWidth * FLOAT_BYTES;
  const groupChannels = g.inChannels / g.groups;
  const inChannels = groupChannels * termsOf(choice.kernel);
  const outChannels = g.outChannels / g.groups;
  const { lanes } = target;
  const parts = partLayouts(g, choice);
  const partBlocks = parts.reduce((sum, part) => sum + blocksOf(part), 0);
  const blocks = blockParts === 1 ? partBlocks : Math.ceil(parts.length / blockParts);
  const depth = (g.output[0] - 1) * g.stride[0] + (g.kernel[0] - 1) * g.dilation[0] + 1;
  const firstPlane = g.transposed ? g.padBegin[0] : -g.padBegin[0];
  const planes = cut(
    wholeAxis(IDENTITY, depth, inDepth, { first: firstPlane, step: 1 }, g.paddingMode),
    IDENTITY,
    1,
  );
  const tiles = Math.ceil(blockParts * blockRows * blockColumns / lanes) * lanes;
  const tilePitch = spreadBytes(tiles * FLOAT_BYTES);
  const positions = height.inputs * width.inputs;
  const positionPitch = spreadBytes(inChannels * tilePitch);
  const blockPitch = positions * positionPitch;
  const groupPitch = blocks * blockPitch;
  const planePitch = g.groups * groupPitch;
  const itemPitch = depth * planePitch;
  const depthTaps = range(g.kernel[0]).map((k) => k * g.dilation[0] * planePitch);
  const groupWeights = Math.ceil(outChannels / tile.panel) * tile.panel *
    channelWeights({ inChannels, depthTaps });
  const [first] = choice.kernel.parts;
  const step = { height: first?.height.output.step ?? 1, width: first?.width.output.step ?? 1 };
  const shape: WinogradShape = {
    target,
    tile,
    height,
    width,
    positions,
    inChannels,
    groupChannels,
    hasBias,
    epilogue,
    depthTaps,
    input: { channelPitch: inDepth * inHeight * row, rowPitch: row },
    transformed: { positionPitch, channelPitch: tilePitch },
    weight: { positionPitch: spreadBytes(g.groups * groupWeights) },
    products: phases === 3
      ? { channelPitch: tilePitch, positionPitch: spreadBytes(outChannels * tilePitch) }
      : { channelPitch: spreadBytes(positions * tilePitch), positionPitch: tilePitch },
    output: {
      channelPitch: g.output[0] * outHeight * outRow,
      rowPitch: step.height * outRow,
      pixelStep: step.width * FLOAT_BYTES,
    },
  };
  const products = productLayout(g, {
    offset: start.transformed + g.batch * itemPitch,
    blocks,
    blockPitch: positions * shape.products.positionPitch,
  });
  return {
    shape,
    parts,
    partBlocks,
    blocks,
    blockParts,
    blockRows,
    blockColumns,
    depth,
    planes,
    weightStart: start.weight,
    groupWeights,
    start: start.transformed,
    blockPitch,
    groupPitch,
    planePitch,
    itemPitch,
    products,
    end: { 1: start.transformed, 2: products.offset, 3: products.end }[phases],
    weightEnd: start.weight + positions * shape.weight.positionPitch,
  };
}

function partLayouts(
  g: Geometry,
  { kernel, height, width, blockRows, blockColumns, blockParts }: WinogradChoice,
): PartLayout[] {
  const outRow = g.output[2] * FLOAT_BYTES;
  const runs = (axis: 1 | 2, part: AxisPart, transform: AxisTransform, block: number) => {
    const wholes = part.terms.map(({ first, taps }) => {
      const missing = taps.filter((tap) => tap === null).length;
      const seen = { first, step: part.inputStep, missing };
      return wholeAxis(transform, part.output.count, g.input[axis], seen, g.paddingMode);
    });
    return cutTerms(wholes, transform, block);
  };
  let block = 0;
  let tile = 0;
  return kernel.parts.map((part, index) => {
    if (blockParts > 1 && index > 0 && index % blockParts === 0) [block, tile] = [block + 1, 0];
    const columns = runs(2, part.width, width, blockColumns);
    const layout: PartLayout = {
      rows: runs(1, part.height, height, blockRows),
      columns,
      columnBlocks: columns.reduce((sum, { count }) => sum + count, 0),
      block,
      tile,
      output: outputStart(part, outRow),
    };
    if (blockParts === 1) block += blocksOf(layout);
    else tile += partTiles(layout);
    return layout;
  });
}

function outputStart({ height, width }: Part, outRow: number): number {
  return height.output.start * outRow + width.output.start * FLOAT_BYTES;
}

function blocksOf({ rows, columnBlocks }: PartLayout): number {
  return rows.reduce((sum, { count }) => sum + count, 0) * columnBlocks;
}

function partTiles({ rows, columns }: PartLayout): number {
  const tiles = (runs: readonly TermsRun[]) =>
    runs.reduce((sum, run) => sum + run.count * tilesOf(run), 0);
  return tiles(rows) * tiles(columns);
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

/** Equal blocks of input planes of one kind. */
export interface InputBlocks {
  readonly block: TermsBlock;
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
    const isPadding = leastSource(planes.span.sources) === null;
    forEachBlock(layout, (part, rows, columns) => {
      const seen = isPadding ? zeroRun(rows) : rows;
      const along = isPadding ? zeroRun(columns) : columns;
      const place = blockPlaces(layout, part, seen, along);
      const first = planes.span.origin * plane;
      each({
        block: { rows: seen.spans, columns: along.spans },
        place: { ...place, offset: { ...place.offset, input: place.offset.input + first } },
        planes,
        planeStep: planes.step * plane,
      });
    });
  }
}

function zeroRun(run: TermsRun): TermsRun {
  return { ...run, origin: 0, step: 0, spans: run.spans.map(zeroSpan) };
}

/** The blocks of each part. */
export function forEachBlock(
  { parts }: Layout,
  each: (part: PartLayout, rows: TermsRun, columns: TermsRun) => void,
): void {
  for (const part of parts) {
    for (const row of part.rows) {
      for (const column of part.columns) each(part, row, column);
    }
  }
}

/** The blocks as the products see them: tiles, of which part does not matter. */
export function forEachProductBlock(
  layout: Layout,
  each: (tiles: number, place: Places) => void,
): void {
  const { parts, blocks, blockParts } = layout;
  if (blockParts === 1) {
    return forEachBlock(layout, (part, rows, columns) => {
      each(tilesOf(rows) * tilesOf(columns), blockPlaces(layout, part, rows, columns));
    });
  }
  for (const block of range(blocks)) {
    const own = parts.filter((part) => part.block === block);
    const [first] = own;
    const [rows] = first?.rows ?? [];
    const [columns] = first?.columns ?? [];
    if (first === undefined || rows === undefined || columns === undefined) continue;
    const tiles = own.reduce((sum, part) => sum + partTiles(part), 0);
    each(tiles, blockPlaces(layout, first, rows, columns));
  }
}

function tilesOf({ spans: [span] }: TermsRun): number {
  return span?.tiles ?? 0;
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
  readonly axes: <Name extends string>(
    steps: (place: Place) => Readonly<Partial<Record<Name, number>>>,
  ) => Readonly<Record<"rows" | "columns", BoxAxis<Name>>>;
}

export function blockPlaces(
  { shape, blockRows, blockColumns, start, blockPitch, products }: Layout,
  { columnBlocks, block: firstBlock, tile, output }: PartLayout,
  rows: TermsRun,
  columns: TermsRun,
): Places {
  const rowTile = shape.height.outputs * shape.output.rowPitch;
  const columnTile = shape.width.outputs * shape.output.pixelStep;
  const block = firstBlock + rows.start / blockRows * columnBlocks + columns.start / blockColumns;
  const offset = {
    input: originBytes(shape, { rows, columns }),
    transformed: start + block * blockPitch + tile * FLOAT_BYTES,
    products: products.offset + block * products.blockPitch + tile * FLOAT_BYTES,
    output: output + rows.start * rowTile + columns.start * columnTile,
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
  return {
    offset,
    axes: (steps) => ({
      rows: { count: rows.count, steps: steps(down) },
      columns: { count: columns.count, steps: steps(along) },
    }),
  };
}
