/**
 * Plans a convolution by Winograd's algorithm: layouts and phases.
 *
 * @module
 */

import { FLOAT_BYTES } from "../codegen/program.ts";
import type { Phase } from "../engine/work.ts";
import type { Geometry } from "../geometry.ts";
import { planBuffers } from "./buffers.ts";
import { spread } from "./pad.ts";
import { BUFFER, type PlanBody, type PlanRequest } from "./plan.ts";
import { PhaseBuilder, type TileAxis, type TileBase } from "./tiles.ts";
import {
  FUSED_PARAMETERS,
  fusedProgram,
  multiplyProgram,
  transformProgram,
  type WinogradBlock,
  type WinogradShape,
} from "./winograd.ts";
import { axisTransform, type WinogradChoice } from "./winograd_choice.ts";
import { isInputStaged } from "./winograd_input.ts";
import { isOutputStaged } from "./winograd_output.ts";
import { panelPitch } from "./winograd_product.ts";
import { cut, type SpanRun, wholeAxis, zeroSpan } from "./spans.ts";
import { stageBytes } from "./winograd_stage.ts";
import { type AxisTransform, IDENTITY } from "./winograd_transform.ts";
import { weightProgram } from "./winograd_weights.ts";

/** Plans a convolution to which {@linkcode winogradObstacle} knows no obstacle. */
export function planWinograd(request: PlanRequest, choice: WinogradChoice): PlanBody {
  const layout = layoutOf(request, choice);
  const { geometry: g } = request;
  const { shape } = layout;
  const weightElements = shape.positions * shape.weight.positionPitch / FLOAT_BYTES;
  const scratch = scratchOf(layout, choice);
  const blocks = layout.rowBlocks * layout.columnBlocks;
  return {
    family: "winograd",
    inputLayout: "as it lies",
    buffers: planBuffers(
      request,
      choice.fused
        ? 0
        : g.batch * layout.depth * g.groups * blocks * layout.blockPitch / FLOAT_BYTES,
      weightElements,
      scratch.bytes,
    ),
    preparation: [weightPhase(request, layout)],
    phases: choice.fused
      ? [fusedPhase(request, layout, scratch)]
      : [transformPhase(request, layout, scratch), multiplyPhase(request, layout, choice, scratch)],
  };
}

/** Everything that the phases share. Pitches are in bytes. */
interface Layout {
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
}

function layoutOf(
  { geometry: g, hasBias, epilogue, target }: PlanRequest,
  { transform, blockRows, blockColumns, tile }: WinogradChoice,
): Layout {
  const [height, width] = [axisTransform(g, 1, transform), axisTransform(g, 2, transform)];
  const [inDepth, inHeight, inWidth] = g.input;
  const [, outHeight, outWidth] = g.output;
  const row = inWidth * FLOAT_BYTES;
  const outRow = outWidth * FLOAT_BYTES;
  const inChannels = g.inChannels / g.groups;
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
  const depthTaps = Array.from({ length: g.kernel[0] }, (_, k) => k * g.dilation[0] * planePitch);
  const groupWeights = Math.ceil(g.outChannels / g.groups / tile.panel) *
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
    products: { channelPitch: spreadBytes(positions * tilePitch), positionPitch: tilePitch },
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
    itemPitch: depth * planePitch,
  };
}

function spreadBytes(bytes: number): number {
  return spread(bytes / FLOAT_BYTES) * FLOAT_BYTES;
}

/** Where things lie in a thread's scratch memory, in bytes. */
interface Scratch {
  readonly products: number;
  readonly bytes: number;
}

/**
 * The transformed input if it stays with the thread, the products, and behind them the stage of the
 * transform of the output. That of the input is where the products will be.
 */
function scratchOf(layout: Layout, { fused, outChannels }: WinogradChoice): Scratch {
  const { shape, blockPitch } = layout;
  const products = fused ? blockPitch : 0;
  // The last vector of a row of tiles may reach into the next, and behind the last row.
  const slack = shape.target.lanes * FLOAT_BYTES;
  const stage = isOutputStaged(shape) ? stageBytes(shape.target, shape.positions) : 0;
  const bytes = products + outChannels * shape.products.channelPitch + slack + stage;
  return { products, bytes };
}

/** Input channels that one engine tile transforms. */
const TRANSFORM_CHANNELS = 16;

function transformPhase(
  { geometry: g }: PlanRequest,
  layout: Layout,
  scratch: Scratch,
): Phase {
  const { shape } = layout;
  const phase = new PhaseBuilder("transform input");
  const both = (input: number, transformed: number) => [input, transformed];
  const { channelPitch } = shape.input;
  forEachInputBlock(g, layout, ({ block, place, planes, planeStep }) => {
    phase.add(
      [
        { count: g.batch, block: 1, steps: both(g.inChannels * channelPitch, layout.itemPitch) },
        { count: planes.count, block: 1, steps: both(planeStep, layout.planePitch) },
        {
          count: g.groups,
          block: 1,
          steps: both(shape.inChannels * channelPitch, layout.groupPitch),
        },
        {
          count: shape.inChannels,
          block: Math.min(shape.inChannels, TRANSFORM_CHANNELS),
          steps: both(channelPitch, shape.transformed.channelPitch),
        },
        ...place.axes(({ input, transformed }) => both(input, transformed)),
      ],
      [
        { buffer: BUFFER.input, offset: place.offset.input },
        {
          buffer: BUFFER.padded,
          offset: planes.start * layout.planePitch + place.offset.transformed,
        },
        ...isInputStaged(shape)
          ? [{ buffer: BUFFER.scratch, offset: 0, threadStep: scratch.bytes }]
          : [],
      ],
      transformCost(shape, block),
      ([, , , channels = 1]) => transformProgram(shape, block, channels),
    );
  });
  return phase.build();
}

function multiplyPhase(
  { geometry: g }: PlanRequest,
  layout: Layout,
  { outChannels }: WinogradChoice,
  scratch: Scratch,
): Phase {
  const { shape } = layout;
  const phase = new PhaseBuilder("multiply");
  const plane = outputPlane(g);
  const channelPitch = shape.output.channelPitch;
  const channels = g.outChannels / g.groups;
  forEachBlock(layout, (rows, columns) => {
    const block = { rows: rows.span, columns: columns.span };
    const place = blockPlaces(layout, rows, columns);
    phase.add(
      [
        {
          count: g.batch,
          block: 1,
          steps: steps({ transformed: layout.itemPitch, output: g.outChannels * channelPitch }),
        },
        {
          count: g.groups,
          block: 1,
          steps: steps({
            transformed: layout.groupPitch,
            weight: layout.groupWeights,
            bias: channels * FLOAT_BYTES,
            output: channels * channelPitch,
          }),
        },
        {
          count: channels,
          block: outChannels,
          // A block of channels is whole panels.
          steps: steps({
            weight: panelPitch(shape) / shape.tile.panel,
            bias: FLOAT_BYTES,
            output: channelPitch,
          }),
        },
        {
          count: g.output[0],
          block: 1,
          steps: steps({ transformed: g.stride[0] * layout.planePitch, output: plane }),
        },
        ...place.axes(({ transformed, output }) => steps({ transformed, output })),
      ],
      [
        { buffer: BUFFER.padded, offset: place.offset.transformed },
        ...multiplyBases(scratch, place.offset.output),
      ],
      multiplyCost(shape, block),
      ([, , channels = 1]) => multiplyProgram(shape, block, channels),
    );
  });
  return phase.build();
}

function fusedPhase({ geometry: g }: PlanRequest, layout: Layout, scratch: Scratch): Phase {
  const { shape } = layout;
  const phase = new PhaseBuilder("convolve");
  const plane = outputPlane(g);
  const channels = g.outChannels / g.groups;
  forEachInputBlock(g, layout, ({ block, place, planes, planeStep }) => {
    phase.add(
      [
        {
          count: g.batch,
          block: 1,
          steps: steps({
            output: g.outChannels * shape.output.channelPitch,
            input: g.inChannels * shape.input.channelPitch,
          }),
        },
        {
          count: g.groups,
          block: 1,
          steps: steps({
            weight: layout.groupWeights,
            bias: channels * FLOAT_BYTES,
            output: channels * shape.output.channelPitch,
            input: shape.inChannels * shape.input.channelPitch,
          }),
        },
        { count: planes.count, block: 1, steps: steps({ output: plane, input: planeStep }) },
        ...place.axes(({ input, output }) => steps({ output, input })),
      ],
      [
        { buffer: BUFFER.scratch, offset: 0, threadStep: scratch.bytes },
        ...multiplyBases(scratch, planes.start * plane + place.offset.output),
        { buffer: BUFFER.input, offset: place.offset.input },
      ],
      shape.inChannels * transformCost(shape, block) + channels * multiplyCost(shape, block),
      () => fusedProgram(shape, block, channels),
    );
  });
  return phase.build();
}

/** About what the transform of a vector of tiles takes for each of its positions. */
const INPUT_MICROSECONDS = 0.0017;
const OUTPUT_MICROSECONDS = 0.0011;

/** About what a multiply-add of vectors takes. */
const MULTIPLY_ADD_MICROSECONDS = 0.00027;

/** Vectors of tiles of a block, as its transforms see them. */
function rowVectors({ target }: WinogradShape, { rows, columns }: WinogradBlock): number {
  return rows.tiles * Math.ceil(columns.tiles / target.lanes);
}

/** Microseconds for one input channel of a block. */
function transformCost(shape: WinogradShape, block: WinogradBlock): number {
  return rowVectors(shape, block) * shape.positions * INPUT_MICROSECONDS;
}

/** Microseconds for one output channel of a block. */
function multiplyCost(shape: WinogradShape, block: WinogradBlock): number {
  const vectors = Math.ceil(block.rows.tiles * block.columns.tiles / shape.target.lanes);
  const products = vectors * shape.inChannels * shape.depthTaps.length * MULTIPLY_ADD_MICROSECONDS;
  return shape.positions * (products + rowVectors(shape, block) * OUTPUT_MICROSECONDS);
}

type Parameter = (typeof FUSED_PARAMETERS)[number];

/** The steps of the multiplying programs' arguments; what is added moves as the output does. */
function steps(bytes: Partial<Record<Parameter, number>>): number[] {
  return FUSED_PARAMETERS.map((name) => bytes[name === "add" ? "output" : name] ?? 0);
}

/** The multiplying programs' arguments from the weights on to what is added. */
function multiplyBases(scratch: Scratch, output: number): TileBase[] {
  return [
    { buffer: BUFFER.packedWeight, offset: 0 },
    { buffer: BUFFER.bias, offset: 0 },
    { buffer: BUFFER.scratch, offset: scratch.products, threadStep: scratch.bytes },
    { buffer: BUFFER.output, offset: output },
    { buffer: BUFFER.add, offset: output },
  ];
}

function outputPlane({ output }: Geometry): number {
  return output[1] * output[2] * FLOAT_BYTES;
}

/** Equal blocks of input planes of one kind. */
interface InputBlocks {
  readonly block: WinogradBlock;
  /** Where the blocks of the first plane lie; input offsets count from the input's begin. */
  readonly place: Places;
  readonly planes: SpanRun;
  /** Input bytes from one plane to the next. */
  readonly planeStep: number;
}

/** Planes of padding see nothing of the input, and other planes see it all alike. */
function forEachInputBlock(
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

function forEachBlock(
  { rows, columns }: Layout,
  each: (rows: SpanRun, columns: SpanRun) => void,
): void {
  for (const row of rows) {
    for (const column of columns) each(row, column);
  }
}

/** Bytes in each of the arrays that have blocks. */
interface Place {
  readonly input: number;
  readonly transformed: number;
  readonly output: number;
}

/** Where the first of some equal blocks lies, and the axes along which the others follow. */
interface Places {
  readonly offset: Place;
  readonly axes: (steps: (place: Place) => number[]) => TileAxis[];
}

function blockPlaces(
  { shape, blockRows, blockColumns, columnBlocks, blockPitch }: Layout,
  rows: SpanRun,
  columns: SpanRun,
): Places {
  const rowTile = shape.height.outputs * shape.output.rowPitch;
  const columnTile = shape.width.outputs * FLOAT_BYTES;
  const offset = {
    input: rows.span.origin * shape.input.rowPitch + columns.span.origin * FLOAT_BYTES,
    transformed: (rows.start / blockRows * columnBlocks + columns.start / blockColumns) *
      blockPitch,
    output: rows.start * rowTile + columns.start * columnTile,
  };
  const down: Place = {
    input: rows.step * shape.input.rowPitch,
    transformed: columnBlocks * blockPitch,
    output: blockRows * rowTile,
  };
  const along: Place = {
    input: columns.step * FLOAT_BYTES,
    transformed: blockPitch,
    output: blockColumns * columnTile,
  };
  const axes = (steps: (place: Place) => number[]): TileAxis[] => [
    { count: rows.count, block: 1, steps: steps(down) },
    { count: columns.count, block: 1, steps: steps(along) },
  ];
  return { offset, axes };
}

/** About what the transform of a kernel takes for each of its positions. */
const WEIGHT_MICROSECONDS = 0.0006;

/** Weights that one tile of the preparation transforms. */
const WEIGHT_TILE_BYTES = 64 * 1024;

function weightPhase({ geometry: g }: PlanRequest, { shape, groupWeights }: Layout): Phase {
  const { target, tile, height, width } = shape;
  const phase = new PhaseBuilder("transform weights");
  const reduction = shape.inChannels * g.kernel[0];
  const channelPitch = reduction * height.taps * width.taps * FLOAT_BYTES;
  const channels = g.outChannels / g.groups;
  const panels = Math.floor(WEIGHT_TILE_BYTES / (tile.panel * channelPitch));
  const { positionPitch } = shape.weight;
  phase.add(
    [
      { count: g.groups, block: 1, steps: [channels * channelPitch, groupWeights] },
      {
        count: channels,
        block: Math.min(channels, Math.max(1, panels) * tile.panel),
        steps: [channelPitch, panelPitch(shape) / tile.panel],
      },
    ],
    [{ buffer: BUFFER.weight, offset: 0 }, { buffer: BUFFER.packedWeight, offset: 0 }],
    reduction * shape.positions * WEIGHT_MICROSECONDS,
    ([, channels = 1]) =>
      weightProgram({ target, tile, height, width, reduction, positionPitch }, channels),
  );
  return phase.build();
}
