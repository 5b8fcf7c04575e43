/**
 * Plans a convolution: the input packed if it needs padding or has a column stride, then one set of
 * tiles.
 *
 * Tried and dropped, geometric means of one thread's time in proportion to what is done now: rows of few
 * channels that were cut into short ones, for stretches of a channel on fewer pages, 0.99 over ten layers (32 to
 * 1 channels, length 7, of 16,000 samples 1.12); register tiles of several rows for channels that stay by
 * themselves, which 3-D and transposed depthwise layers took, 0.99 in machine code and 0.96 in WebAssembly.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { Phase } from "../../engine/work.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { rowKernel } from "./kernels.ts";
import { chooseLanes, type LaneUse, type LaneWork } from "./lanes.ts";
import type { PadAxes, PaddedLayout } from "../packing/padded.ts";
import type { PadAxis } from "../../convolution/padding.ts";
import {
  competesForCache,
  isScattered,
  layoutOf,
  padInput,
  PLAIN_LAYOUT,
} from "../packing/input.ts";
import { greatestCommonDivisor, product, range } from "../../base/numbers.ts";
import { addPanelPacking, panelElements, type WeightLayout } from "./panels.ts";
import { BUFFER, type PlanBody, planBuffers, type Problem } from "../plan.ts";
import { type TapRun, tapRuns } from "./regions.ts";
import { listTerms, repeated, shiftedTerms, type Terms } from "../common/terms.ts";
import type { RowShape } from "../rows/shape.ts";
import { addTiles, type TileSpace } from "../rows/tiles.ts";
import { PhaseBuilder } from "../phase_builder.ts";

/** Plans a convolution whose axes have been collapsed. */
export function planConvolution(request: Problem): PlanBody {
  const { geometry: g, hasBias, epilogue, target } = request;
  const lanes = lanesOf(g, target);
  const layout = packedLayout(g, lanes);
  const view = layout === null ? plainView(g, lanes) : packedView(g, layout, lanes);
  const [outDepth, outHeight, outWidth] = g.output;
  const row = outWidth * FLOAT_BYTES;
  const shape: RowShape = {
    target,
    inChannels: g.inChannels / g.groups,
    outChannels: g.outChannels / g.groups,
    taps: tapOffsets(g, view),
    hasBias,
    epilogue,
    channelPitch: view.channelPitch,
    rowStep: view.rowStep,
    inputPixelStep: view.pixelStep,
    pixelStep: FLOAT_BYTES,
    outputRowStep: row,
    outputChannelPitch: outDepth * outHeight * row,
  };
  const weights = weightLayout(g);
  const space: TileSpace = {
    shape,
    batch: g.batch,
    groups: g.groups,
    depth: outDepth,
    rows: outHeight,
    columns: outWidth,
    inputBatchPitch: view.itemPitch,
    inputDepthStep: view.depthStep,
    outputBatchPitch: g.outChannels * shape.outputChannelPitch,
    outputDepthStep: outHeight * row,
    input: { buffer: layout === null ? BUFFER.input : BUFFER.padded, offset: 0 },
    outputOffset: 0,
  };
  const phases: Phase[] = [];
  if (layout !== null) phases.push(padInput(request, layout));
  const tiles = new PhaseBuilder("convolve");
  const weight = {
    buffer: lanes === "channels" ? BUFFER.packedWeight : BUFFER.weight,
    offset: 0,
  };
  const { scratchBytes } = rowKernel(space, lanes);
  for (const part of lanes === "channels" ? tapSpaces(g, space) : [space]) {
    addTiles(tiles, part, rowKernel(part, lanes), { weight, scratchBytes });
  }
  phases.push(tiles.build());
  const preparation = new PhaseBuilder("pack weights");
  if (lanes === "channels") addPanelPacking(preparation, target, weights, 0);
  const paddedElements = layout === null ? 0 : g.batch * layout.itemPitch;
  const packedElements = lanes === "channels" ? panelElements(target, weights) : 0;
  return {
    family: "direct",
    inputLayout: layout?.name ?? PLAIN_LAYOUT,
    buffers: planBuffers(request, paddedElements, packedElements, scratchBytes),
    preparation: packedElements > 0 ? [preparation.build()] : [],
    phases,
  };
}

/** What fills the lanes. */
function lanesOf(g: Geometry, target: Target): LaneUse {
  if (countResidues(g) > MOST_RESIDUES) return "channels";
  return chooseLanes(laneWork(g, target));
}

/** A group of a convolution as the choice of lanes sees it. */
export function laneWork(g: Geometry, target: Target): LaneWork {
  return {
    target,
    inChannels: g.inChannels / g.groups,
    outChannels: g.outChannels / g.groups,
    taps: product(g.kernel),
    rows: g.output[0] * g.output[1],
    columns: g.output[2],
    pixelStep: FLOAT_BYTES,
    channelPitch: product(g.output) * FLOAT_BYTES,
    copies: { pixels: copiesOf(g, "pixels"), channels: copiesOf(g, "channels") },
  };
}

/** Elements of a group's input that are packed for a use of the lanes. */
function copiesOf(g: Geometry, lanes: LaneUse): number {
  const layout = packedLayout(g, lanes);
  return (layout?.itemPitch ?? 0) / g.groups;
}

/** Weights as `torch.nn` has them: `[group][output channel][input channel][tap]`. */
function weightLayout(g: Geometry): WeightLayout {
  const kernel = product(g.kernel);
  const inChannels = g.inChannels / g.groups;
  const outChannels = g.outChannels / g.groups;
  return {
    groups: g.groups,
    inChannels,
    outChannels,
    groupPitch: outChannels * inChannels * kernel,
    inChannelPitch: kernel,
    outChannelPitch: inChannels * kernel,
    taps: repeated(kernel, 1, [0]),
  };
}

/** The tiles of outputs with the same taps. */
function tapSpaces(g: Geometry, space: TileSpace): TileSpace[] {
  const rows = tapRuns(g, 1);
  const columns = tapRuns(g, 2);
  if (rows.length * columns.length === 1) return [space];
  const { shape } = space;
  const offsets = listTerms(shape.taps);
  return rows.flatMap((row) =>
    columns.map((column) => {
      const positions = range(g.kernel[0]).flatMap((depth) =>
        tapsOf(row).flatMap((height) =>
          tapsOf(column).map((width) => (depth * g.kernel[1] + height) * g.kernel[2] + width)
        )
      );
      const taps = positions.map((position) => offsets[position] ?? 0);
      const input = row.start * shape.rowStep + column.start * shape.inputPixelStep;
      const output = row.start * shape.outputRowStep + column.start * shape.pixelStep;
      return {
        ...space,
        shape: { ...shape, taps, someTaps: { of: offsets.length, positions } },
        rows: row.count,
        columns: column.count,
        input: { ...space.input, offset: space.input.offset + input },
        outputOffset: space.outputOffset + output,
      };
    })
  );
}

function tapsOf({ first, last }: TapRun): number[] {
  return range(last - first + 1).map((i) => first + i);
}

/** How the kernels see the input: everything in bytes. */
interface InputView {
  readonly itemPitch: number;
  readonly channelPitch: number;
  /** From the window of one output to the next. */
  readonly depthStep: number;
  readonly rowStep: number;
  readonly pixelStep: number;
  /** From one tap to the next. */
  readonly depthTap: number;
  readonly rowTap: number;
  /** Where each tap of a row finds its pixels. */
  readonly columnTaps: Terms;
}

/** The layout of the packed input; `null` where the kernels read it as it lies. */
function packedLayout(g: Geometry, lanes: LaneUse): PaddedLayout | null {
  const padded = [...g.padBegin, ...g.padEnd].some((pad) => pad > 0);
  // Elements are broadcast from wherever they lie: a column stride needs no packing.
  const suits = lanes === "channels" ? !isScattered(g) : g.stride[2] === 1 && !competesForCache(g);
  return padded || !suits ? layoutOf(packedAxes(g, lanes), g) : null;
}

/** The input where it lies. */
function plainView(g: Geometry, lanes: LaneUse): InputView {
  const [inDepth, inHeight, inWidth] = g.input;
  const row = inWidth * FLOAT_BYTES;
  const plane = inHeight * row;
  const [dilationD, dilationH, dilationW] = g.dilation;
  return {
    itemPitch: g.inChannels * inDepth * plane,
    channelPitch: inDepth * plane,
    depthStep: g.stride[0] * plane,
    rowStep: g.stride[1] * row,
    pixelStep: lanes === "channels" ? g.stride[2] * FLOAT_BYTES : FLOAT_BYTES,
    depthTap: dilationD * plane,
    rowTap: dilationH * row,
    columnTaps: repeated(g.kernel[2], dilationW * FLOAT_BYTES, [0]),
  };
}

function packedAxes(g: Geometry, lanes: LaneUse): PadAxes {
  const isPlain = lanes === "channels" || countResidues(g) > MOST_RESIDUES;
  const columns = isPlain ? [plainAxis(g, 2)] : columnAxes(g);
  return { depth: plainAxis(g, 0), height: plainAxis(g, 1), columns };
}

/** Packed positions of an axis: all, or every `stride`-th for a single tap. */
function plainAxis(g: Geometry, axis: 0 | 1 | 2): PadAxis {
  const step = packedStep(g, axis);
  const last = (g.output[axis] - 1) * g.stride[axis] + (g.kernel[axis] - 1) * g.dilation[axis];
  return { count: last / step + 1, step, first: -g.padBegin[axis] };
}

/** With a single tap only every `stride`-th position is ever seen, so only those are packed. */
function packedStep(g: Geometry, axis: 0 | 1 | 2): number {
  return g.kernel[axis] === 1 ? g.stride[axis] : 1;
}

/** The column of a tap: which residue of the stride, and how many packed columns in. */
function columnOf(g: Geometry, tap: number): { residue: number; column: number } {
  const position = tap * g.dilation[2];
  const stride = g.stride[2];
  return { residue: position % stride, column: Math.floor(position / stride) };
}

/** More residues than this are not sorted: elements are broadcast from where they lie. */
const MOST_RESIDUES = 512;

/** Taps after which the residues of the column stride come again. */
function residuePeriod({ stride, dilation }: Geometry): number {
  return stride[2] / greatestCommonDivisor(stride[2], dilation[2]);
}

/** How many residues of the column stride some tap falls on. */
function countResidues(g: Geometry): number {
  return Math.min(g.kernel[2], residuePeriod(g));
}

/** The residues of the column stride that some tap falls on, each with its last tap's column. */
function residues(g: Geometry): Map<number, number> {
  const period = residuePeriod(g);
  const lastColumns = new Map<number, number>();
  for (const tap of range(countResidues(g))) {
    const last = tap + Math.floor((g.kernel[2] - 1 - tap) / period) * period;
    lastColumns.set(columnOf(g, tap).residue, columnOf(g, last).column);
  }
  return lastColumns;
}

function columnAxes(g: Geometry): PadAxis[] {
  return [...residues(g)].map(([residue, lastColumn]) => ({
    count: g.output[2] + lastColumn,
    step: g.stride[2],
    first: residue - g.padBegin[2],
  }));
}

function packedView(g: Geometry, layout: PaddedLayout, lanes: LaneUse): InputView {
  const plane = layout.planePitch * FLOAT_BYTES;
  const row = layout.rowPitch * FLOAT_BYTES;
  const view = {
    itemPitch: layout.itemPitch * FLOAT_BYTES,
    channelPitch: layout.channelPitch * FLOAT_BYTES,
    depthStep: g.stride[0] / packedStep(g, 0) * plane,
    rowStep: g.stride[1] / packedStep(g, 1) * row,
    depthTap: g.dilation[0] * plane,
    rowTap: g.dilation[1] * row,
  };
  if (lanes === "channels") {
    return {
      ...view,
      pixelStep: g.stride[2] / packedStep(g, 2) * FLOAT_BYTES,
      columnTaps: repeated(g.kernel[2], g.dilation[2] * FLOAT_BYTES, [0]),
    };
  }
  return { ...view, pixelStep: FLOAT_BYTES, columnTaps: residueTaps(g, layout) };
}

/** Where each tap of a row finds its pixels, when residues of the column stride lie side by side. */
function residueTaps(g: Geometry, layout: PaddedLayout): Terms {
  const starts = new Map<number, number>();
  let start = 0;
  [...residues(g).keys()].forEach((residue, index) => {
    starts.set(residue, start);
    start += layout.columns[index]?.count ?? 0;
  });
  const first = range(countResidues(g)).map((tap) => {
    const { residue, column } = columnOf(g, tap);
    return ((starts.get(residue) ?? 0) + column) * FLOAT_BYTES;
  });
  const step = first.length * g.dilation[2] / g.stride[2] * FLOAT_BYTES;
  const turns = Math.floor(g.kernel[2] / first.length);
  const rest = first.slice(0, g.kernel[2] % first.length);
  return [...repeated(turns, step, first), ...shiftedTerms(rest, turns * step)];
}

/** Input offset of every tap, in the order of the weights: depth, height, width. */
function tapOffsets(g: Geometry, view: InputView): Terms {
  const [depth, height] = g.kernel;
  return repeated(depth, view.depthTap, repeated(height, view.rowTap, view.columnTaps));
}
