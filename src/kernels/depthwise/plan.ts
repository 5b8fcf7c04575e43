/**
 * Plans a depthwise convolution that reads its input as it lies.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import {
  axisWindow,
  DEPTHWISE_PARAMETERS,
  depthwiseRowsProgram,
  type DepthwiseShape,
  type KernelAxis,
} from "./rows.ts";
import { clamp } from "../../base/numbers.ts";
import { PLAIN_LAYOUT } from "../packing/input.ts";
import { BUFFER, type PlanBody, planBuffers, type Problem } from "../plan.ts";
import { cut, type SpanRun, wholeAxis } from "../common/spans.ts";
import { resultSteps } from "../common/store.ts";
import { PhaseBuilder } from "../phase_builder.ts";

/** Plans a convolution of each channel by itself, along rows and columns. */
export function planDepthwise(request: Problem): PlanBody {
  const { geometry: g, hasBias, epilogue, target } = request;
  const [inDepth, inHeight, inWidth] = g.input;
  const [outDepth, outHeight, outWidth] = g.output;
  const inRow = inWidth * FLOAT_BYTES;
  const outRow = outWidth * FLOAT_BYTES;
  const multiplier = g.outChannels / g.groups;
  const shape: DepthwiseShape = {
    target,
    height: kernelAxis(g, 1),
    width: kernelAxis(g, 2),
    multiplier,
    hasBias,
    epilogue,
    input: { channelPitch: inDepth * inHeight * inRow, rowPitch: inRow },
    output: { channelPitch: outDepth * outHeight * outRow, rowPitch: outRow },
  };
  const taps = g.kernel[1] * g.kernel[2];
  const block = blockOf(g, target.lanes);
  const phase = new PhaseBuilder("convolve");
  forEachBlock(g, shape, block, (rows, columns) => {
    const outputOffset = rows.start * outRow + columns.start * FLOAT_BYTES;
    phase.addBox({
      parameters: DEPTHWISE_PARAMETERS,
      axes: {
        batch: {
          count: g.batch,
          steps: {
            input: g.inChannels * shape.input.channelPitch,
            ...resultSteps(g.outChannels * shape.output.channelPitch),
          },
        },
        channels: {
          count: g.groups,
          block: block.channels,
          steps: {
            input: shape.input.channelPitch,
            weight: multiplier * taps * FLOAT_BYTES,
            bias: multiplier * FLOAT_BYTES,
            ...resultSteps(multiplier * shape.output.channelPitch),
          },
        },
        depth: {
          count: outDepth,
          steps: { input: g.stride[0] * inHeight * inRow, ...resultSteps(outHeight * outRow) },
        },
        rows: {
          count: rows.count,
          steps: { input: rows.step * inRow, ...resultSteps(block.rows * outRow) },
        },
        columns: {
          count: columns.count,
          steps: {
            input: columns.step * FLOAT_BYTES,
            ...resultSteps(block.columns * FLOAT_BYTES),
          },
        },
      },
      bases: {
        input: {
          buffer: BUFFER.input,
          offset: rows.span.origin * inRow + columns.span.origin * FLOAT_BYTES,
        },
        weight: { buffer: BUFFER.weight, offset: 0 },
        bias: { buffer: BUFFER.bias, offset: 0 },
        output: { buffer: BUFFER.output, offset: outputOffset },
        add: { buffer: BUFFER.add, offset: outputOffset },
      },
      itemCost: rows.span.tiles * columns.span.tiles * outputWork(g) /
        MULTIPLY_ADDS_PER_MICROSECOND,
      write: ({ channels }) =>
        depthwiseRowsProgram(shape, { rows: rows.span, columns: columns.span }, channels),
    });
  });
  return {
    family: "depthwise",
    inputLayout: PLAIN_LAYOUT,
    buffers: planBuffers(request, {}),
    preparation: [],
    phases: [phase.build()],
  };
}

function kernelAxis({ kernel, dilation, stride }: Geometry, axis: 1 | 2): KernelAxis {
  return { taps: kernel[axis], dilation: dilation[axis], stride: stride[axis] };
}

function forEachBlock(
  g: Geometry,
  { height, width }: DepthwiseShape,
  block: DepthwiseBlock,
  each: (rows: SpanRun, columns: SpanRun) => void,
): void {
  const runs = (axis: 1 | 2, kernel: KernelAxis, size: number) => {
    const window = axisWindow(kernel);
    const whole = wholeAxis(
      window,
      g.output[axis],
      g.input[axis],
      { first: -g.padBegin[axis], step: 1 },
      g.paddingMode,
    );
    return cut(whole, window, size);
  };
  const columns = runs(2, width, block.columns);
  for (const row of runs(1, height, block.rows)) {
    for (const column of columns) each(row, column);
  }
}

/** About what a thread does in a microsecond, and what it takes to store an output. */
const MULTIPLY_ADDS_PER_MICROSECOND = 20_000;
const OUTPUT_COST = 4;

/** An output of every channel of a group, in multiply-adds: with a stride, more vectors are loaded for it. */
function outputWork({ kernel, stride, outChannels, groups }: Geometry): number {
  const taps = kernel[1] * kernel[2];
  return (taps + OUTPUT_COST) * stride[2] * outChannels / groups;
}

/** Multiply-adds of an engine tile: at least what pays for claiming it, at most what balances threads. */
const LEAST_TILE_WORK = 200_000;
const MOST_TILE_WORK = 4_000_000;

/** How many engine tiles a large layer is cut into. */
const TILES = 128;

/** Rows and columns of an engine tile come in multiples of these. */
const ROW_STEP = 8;
const COLUMN_VECTORS = 8;

/** What an engine tile takes. */
interface DepthwiseBlock {
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
}

/** Whole channels, or some rows of one, or a part of a long row. */
function blockOf(g: Geometry, lanes: number): DepthwiseBlock {
  const [depth, rows, columns] = g.output;
  const perOutput = outputWork(g);
  const total = g.batch * g.groups * depth * rows * columns * perOutput;
  const outputs = clamp(total / TILES, LEAST_TILE_WORK, MOST_TILE_WORK) / perOutput;
  const whole = rows * columns;
  if (outputs >= whole) {
    return { channels: clamp(Math.floor(outputs / whole), 1, g.groups), rows, columns };
  }
  if (outputs >= ROW_STEP * columns) {
    const blockRows = Math.floor(outputs / columns / ROW_STEP) * ROW_STEP;
    return { channels: 1, rows: Math.min(rows, blockRows), columns };
  }
  const step = COLUMN_VECTORS * lanes;
  const blockRows = Math.min(rows, ROW_STEP);
  const blockColumns = Math.max(1, Math.round(outputs / blockRows / step)) * step;
  return { channels: 1, rows: blockRows, columns: Math.min(columns, blockColumns) };
}
