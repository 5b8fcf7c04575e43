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
import type { PaddedLayout } from "../packing/padded.ts";
import {
  type ColumnOrder,
  countResidues,
  MOST_RESIDUES,
  packedAxes,
  packedView,
  plainView,
  tapOffsets,
} from "../packing/view.ts";
import {
  competesForCache,
  isScattered,
  layoutOf,
  padInput,
  PLAIN_LAYOUT,
} from "../packing/input.ts";
import { product, range } from "../../base/numbers.ts";
import { addPanelPacking, panelElements, type WeightLayout } from "./panels.ts";
import { BUFFER, type PlanBody, planBuffers, type Problem } from "../plan.ts";
import { type TapRun, tapRuns } from "./regions.ts";
import { listTerms, repeated } from "../common/terms.ts";
import type { RowShape } from "../rows/shape.ts";
import { addTiles, type TileSpace } from "../rows/tiles.ts";
import { PhaseBuilder } from "../phase_builder.ts";

/** Plans a convolution whose axes have been collapsed. */
export function planConvolution(request: Problem): PlanBody {
  const { geometry: g, hasBias, epilogue, target } = request;
  const lanes = lanesOf(g, target);
  const layout = packedLayout(g, lanes);
  const columns = columnsFor(lanes);
  const view = layout === null ? plainView(g, columns) : packedView(g, layout, columns);
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
    buffers: planBuffers(
      request,
      { padded: paddedElements, packedWeight: packedElements },
      scratchBytes,
    ),
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

/** How the columns of the input lie for a use of the lanes. */
function columnsFor(lanes: LaneUse): ColumnOrder {
  // Elements are broadcast from wherever they lie: a column stride needs no packing.
  return lanes === "channels" ? "in order" : "by residue";
}

/** The layout of the packed input; `null` where the kernels read it as it lies. */
function packedLayout(g: Geometry, lanes: LaneUse): PaddedLayout | null {
  const padded = [...g.padBegin, ...g.padEnd].some((pad) => pad > 0);
  const suits = lanes === "channels" ? !isScattered(g) : g.stride[2] === 1 && !competesForCache(g);
  return padded || !suits ? layoutOf(packedAxes(g, columnsFor(lanes)), g) : null;
}
