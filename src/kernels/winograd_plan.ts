/**
 * Plans a convolution by Winograd's algorithm: whether and how, and the phases.
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
  fusedProgram,
  multiplyProgram,
  transformProgram,
  weightProgram,
  type WinogradBlock,
  type WinogradShape,
} from "./winograd.ts";
import { panelPitch } from "./winograd_product.ts";
import { cut, type SpanRun, wholeAxis, zeroSpan } from "./winograd_spans.ts";
import { type AxisTransform, F2_3, F4_3, IDENTITY } from "./winograd_transform.ts";

/** How a convolution is computed by Winograd's algorithm. */
export interface WinogradChoice {
  /** The transform of an axis with three taps. */
  readonly transform: AxisTransform;
  /** Tiles of a block along height and width. */
  readonly blockRows: number;
  readonly blockColumns: number;
  /** Output channels that one engine tile takes of a block, of all channels where `fused`. */
  readonly outChannels: number;
  /** Whether a block goes from input to output in one engine tile. */
  readonly fused: boolean;
}

/** Why the algorithm does not apply to a convolution, or `null` if it does. */
export function winogradObstacle(
  { kernel, stride, dilation }: Pick<Geometry, "kernel" | "stride" | "dilation">,
): string | null {
  const axes = [1, 2] as const;
  for (const axis of axes) {
    if (kernel[axis] !== 1 && kernel[axis] !== 3) return "a kernel of size 3";
    if (stride[axis] !== 1) return "stride 1";
    if (kernel[axis] === 3 && dilation[axis] !== 1) return "dilation 1";
  }
  return axes.every((axis) => kernel[axis] === 1) ? "a kernel of size 3" : null;
}

/** Chooses transform, block and phases. */
export function chooseWinograd({ geometry: g, algorithm }: PlanRequest): WinogradChoice | null {
  if (algorithm !== "winograd" || g.transposed || winogradObstacle(g) !== null) return null;
  const transform = F4_3;
  const [height, width] = [axisTransform(g, 1, transform), axisTransform(g, 2, transform)];
  const rows = Math.ceil(g.output[1] / height.outputs);
  const columns = Math.ceil(g.output[2] / width.outputs);
  const blockColumns = Math.min(columns, BLOCK_TILES);
  const blockRows = columns > BLOCK_TILES
    ? 1
    : Math.min(rows, Math.max(1, Math.floor(BLOCK_TILES / columns)));
  const outChannels = g.outChannels / g.groups;
  return {
    transform,
    blockRows,
    blockColumns,
    outChannels: Math.min(48, outChannels),
    fused: false,
  };
}

const BLOCK_TILES = 56;

function axisTransform(g: Geometry, axis: 1 | 2, transform: AxisTransform): AxisTransform {
  return g.kernel[axis] === 1 ? IDENTITY : transform;
}

/** A choice as it can be carried out: whole panels of output channels, all of them where fused. */
function feasible({ geometry: g, target }: PlanRequest, choice: WinogradChoice): WinogradChoice {
  const all = g.outChannels / g.groups;
  const panels = Math.ceil(choice.outChannels / target.lanes) * target.lanes;
  return { ...choice, outChannels: choice.fused ? all : Math.min(all, panels) };
}

/** Plans a convolution to which {@linkcode winogradObstacle} knows no obstacle. */
export function planWinograd(request: PlanRequest, wanted: WinogradChoice): PlanBody {
  const choice = feasible(request, wanted);
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
      : [transformPhase(request, layout), multiplyPhase(request, layout, choice, scratch)],
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
  { geometry: g, hasBias, target }: PlanRequest,
  { transform, blockRows, blockColumns }: WinogradChoice,
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
  const groupWeights = Math.ceil(g.outChannels / g.groups / lanes) *
    panelPitch({ lanes, inChannels, depthTaps });
  const shape: WinogradShape = {
    lanes,
    height,
    width,
    positions,
    inChannels,
    hasBias,
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

/** The transformed input if it stays with the thread, and the products. */
function scratchOf(layout: Layout, { fused, outChannels }: WinogradChoice): Scratch {
  const { shape, blockPitch } = layout;
  const products = fused ? blockPitch : 0;
  // The last vector of a row of tiles may reach into the next, and behind the last row.
  const slack = shape.lanes * FLOAT_BYTES;
  return { products, bytes: products + outChannels * shape.products.channelPitch + slack };
}

/** Input channels that one engine tile transforms. */
const TRANSFORM_CHANNELS = 16;

function transformPhase({ geometry: g }: PlanRequest, layout: Layout): Phase {
  const { shape, planes } = layout;
  const phase = new PhaseBuilder("transform input");
  const plane = g.input[1] * shape.input.rowPitch;
  for (const { start, count, span, step } of planes) {
    const zero = span.sources[0] === null;
    forEachBlock(layout, (rows, columns) => {
      const block = zero
        ? { rows: zeroSpan(rows.span), columns: columns.span }
        : { rows: rows.span, columns: columns.span };
      const place = blockAxes(layout, rows, columns);
      phase.add(
        [
          {
            count: g.batch,
            block: 1,
            steps: [g.inChannels * shape.input.channelPitch, layout.itemPitch],
          },
          { count, block: 1, steps: [step * plane, layout.planePitch] },
          {
            count: g.groups,
            block: 1,
            steps: [shape.inChannels * shape.input.channelPitch, layout.groupPitch],
          },
          {
            count: shape.inChannels,
            block: Math.min(shape.inChannels, TRANSFORM_CHANNELS),
            steps: [shape.input.channelPitch, shape.transformed.channelPitch],
          },
          ...place.axes(({ input, transformed }) => [zero ? 0 : input, transformed]),
        ],
        [
          {
            buffer: BUFFER.input,
            offset: zero ? 0 : span.origin * plane + place.offset.input,
          },
          {
            buffer: BUFFER.padded,
            offset: start * layout.planePitch + place.offset.transformed,
          },
        ],
        ([, , , channels = 1]) => transformProgram(shape, block, channels),
      );
    });
  }
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
  const { plane, bases } = multiplyArguments(g, layout, scratch);
  const channelsPerGroup = g.outChannels / g.groups;
  // Blocks of channels are whole panels.
  const weightPitch = panelPitch(shape) / shape.lanes;
  forEachBlock(layout, (rows, columns) => {
    const block = { rows: rows.span, columns: columns.span };
    const place = blockAxes(layout, rows, columns);
    phase.add(
      [
        {
          count: g.batch,
          block: 1,
          steps: [layout.itemPitch, 0, 0, 0, g.outChannels * shape.output.channelPitch],
        },
        {
          count: g.groups,
          block: 1,
          steps: [
            layout.groupPitch,
            layout.groupWeights,
            channelsPerGroup * FLOAT_BYTES,
            0,
            channelsPerGroup * shape.output.channelPitch,
          ],
        },
        {
          count: channelsPerGroup,
          block: outChannels,
          steps: [0, weightPitch, FLOAT_BYTES, 0, shape.output.channelPitch],
        },
        {
          count: g.output[0],
          block: 1,
          steps: [g.stride[0] * layout.planePitch, 0, 0, 0, plane],
        },
        ...place.axes(({ transformed, output }) => [transformed, 0, 0, 0, output]),
      ],
      [
        { buffer: BUFFER.padded, offset: place.offset.transformed },
        ...bases,
        { buffer: BUFFER.output, offset: place.offset.output },
      ],
      ([, , channels = 1]) => multiplyProgram(shape, block, channels),
    );
  });
  return phase.build();
}

function fusedPhase({ geometry: g }: PlanRequest, layout: Layout, scratch: Scratch): Phase {
  const { shape } = layout;
  const phase = new PhaseBuilder("convolve");
  const { plane, bases } = multiplyArguments(g, layout, scratch);
  const channelsPerGroup = g.outChannels / g.groups;
  const inPlane = g.input[1] * shape.input.rowPitch;
  const threadStep = scratch.bytes;
  for (const { start, count, span, step } of layout.planes) {
    const zero = span.sources[0] === null;
    forEachBlock(layout, (rows, columns) => {
      const block: WinogradBlock = {
        rows: zero ? zeroSpan(rows.span) : rows.span,
        columns: columns.span,
      };
      const place = blockAxes(layout, rows, columns);
      phase.add(
        [
          {
            count: g.batch,
            block: 1,
            steps: [
              0,
              0,
              0,
              0,
              g.outChannels * shape.output.channelPitch,
              g.inChannels * shape.input.channelPitch,
            ],
          },
          {
            count: g.groups,
            block: 1,
            steps: [
              0,
              layout.groupWeights,
              channelsPerGroup * FLOAT_BYTES,
              0,
              channelsPerGroup * shape.output.channelPitch,
              shape.inChannels * shape.input.channelPitch,
            ],
          },
          { count, block: 1, steps: [0, 0, 0, 0, plane, step * inPlane] },
          ...place.axes(({ input, output }) => [0, 0, 0, 0, output, zero ? 0 : input]),
        ],
        [
          { buffer: BUFFER.scratch, offset: 0, threadStep },
          ...bases,
          { buffer: BUFFER.output, offset: start * plane + place.offset.output },
          {
            buffer: BUFFER.input,
            offset: zero ? 0 : span.origin * inPlane + place.offset.input,
          },
        ],
        () => fusedProgram(shape, block, channelsPerGroup),
      );
    });
  }
  return phase.build();
}

/** What the arguments of both multiplying phases have in common. */
function multiplyArguments(g: Geometry, { shape }: Layout, scratch: Scratch): {
  readonly plane: number;
  readonly bases: readonly TileBase[];
} {
  const threadStep = scratch.bytes;
  return {
    plane: g.output[1] * shape.output.rowPitch,
    bases: [
      { buffer: BUFFER.packedWeight, offset: 0 },
      { buffer: BUFFER.bias, offset: 0 },
      { buffer: BUFFER.scratch, offset: scratch.products, threadStep },
    ],
  };
}

function forEachBlock(
  { rows, columns }: Layout,
  each: (rows: SpanRun, columns: SpanRun) => void,
): void {
  for (const row of rows) {
    for (const column of columns) each(row, column);
  }
}

/** Bytes in each of the arrays that blocks are places in. */
interface Place {
  readonly input: number;
  readonly transformed: number;
  readonly output: number;
}

/** Where the first of some equal blocks lies, and the axes along which the others follow. */
function blockAxes(
  { shape, blockRows, blockColumns, columnBlocks, blockPitch }: Layout,
  rows: SpanRun,
  columns: SpanRun,
): { readonly offset: Place; readonly axes: (steps: (place: Place) => number[]) => TileAxis[] } {
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

/** Weights that one tile of the preparation transforms. */
const WEIGHT_TILE_BYTES = 64 * 1024;

function weightPhase({ geometry: g }: PlanRequest, { shape, groupWeights }: Layout): Phase {
  const { lanes, height, width } = shape;
  const phase = new PhaseBuilder("transform weights");
  const reduction = shape.inChannels * g.kernel[0];
  const channelPitch = reduction * height.taps * width.taps * FLOAT_BYTES;
  const channels = g.outChannels / g.groups;
  const panels = Math.floor(WEIGHT_TILE_BYTES / (lanes * channelPitch));
  const { positionPitch } = shape.weight;
  phase.add(
    [
      { count: g.groups, block: 1, steps: [channels * channelPitch, groupWeights] },
      {
        count: channels,
        block: Math.min(channels, Math.max(1, panels) * lanes),
        steps: [channelPitch, panelPitch(shape) / lanes],
      },
    ],
    [{ buffer: BUFFER.weight, offset: 0 }, { buffer: BUFFER.packedWeight, offset: 0 }],
    ([, channels = 1]) =>
      weightProgram({ lanes, height, width, reduction, positionPitch }, channels),
  );
  return phase.build();
}

export { F2_3, F4_3 };
