/**
 * Plans transposed convolutions by boxes: a run of residues and cells along each axis, of which there are
 * few however long strides, kernels and inputs are.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { Geometry, Triple } from "../../convolution/geometry.ts";
import { interleavedProgram } from "./programs.ts";
import { cellTile } from "./cells.ts";
import {
  INTERLEAVED_AXES,
  INTERLEAVED_PARAMETERS,
  type InterleavedAxis,
  type InterleavedBlock,
  type InterleavedLanes,
  type InterleavedShape,
  isBare,
  type TapLanes,
} from "./shape.ts";
import { tapTile, vectorsOfRow } from "./taps.ts";
import { type InterleavedWeights, packTaps, plainWeights, tapWeights } from "./weights.ts";
import { resultSteps } from "../common/store.ts";
import { LEAST_TILE_WORK, MOST_TILE_WORK, tuned } from "../common/tuning.ts";
import { clamp, least, product } from "../../base/numbers.ts";
import { competesForCache, layoutOf, padInput, PLAIN_LAYOUT } from "../packing/input.ts";
import { channelMajorLayout, type PaddedLayout } from "../packing/padded.ts";
import type { PadAxis } from "../../convolution/padding.ts";
import { BUFFER, type PlanBody, planBuffers, type Problem } from "../plan.ts";
import { tapSteps } from "../../convolution/residues.ts";
import { bareRun, type ResidueRun, residueRuns } from "./runs.ts";
import { PhaseBuilder } from "../phase_builder.ts";

/** Plans a transposed convolution whose axes have been collapsed. */
export function planInterleaved(request: Problem): PlanBody {
  const { geometry: g, target } = request;
  const runs = [residueRuns(g, 0), residueRuns(g, 1), residueRuns(g, 2)] as const;
  const boxes = boxesOf(g, runs);
  const input = inputOf(g, runs);
  const { packed, layout } = input;
  const lanes = chooseLanes(g, target, boxes);
  const weights = lanes === "taps" ? tapWeights(g, target.lanes) : plainWeights(g);
  const tiles = new PhaseBuilder("convolve");
  for (const box of boxes) addBox(tiles, { request, weights, lanes, ...input }, box);
  const paddedElements = packed ? g.batch * layout.itemPitch : 0;
  const packedElements = weights.asTheyAre ? 0 : g.groups * weights.groupPitch;
  const isProduct = runs.every((axis) => axis.every(({ taps }) => taps <= 1));
  return {
    family: isProduct ? "pointwise" : "direct",
    inputLayout: packed ? layout.name : PLAIN_LAYOUT,
    buffers: planBuffers(request, { padded: paddedElements, packedWeight: packedElements }),
    preparation: weights.asTheyAre ? [] : [packTaps(g, weights, target.lanes)],
    phases: packed ? [padInput(request, layout), tiles.build()] : [tiles.build()],
  };
}

/** How a plan's input is read. */
interface SeenInput {
  /** Whether it is packed, because of what lies outside or because its channels compete for the cache. */
  readonly packed: boolean;
  readonly layout: PaddedLayout;
  /** The input positions that it has. */
  readonly seen: readonly PadAxis[];
}

function inputOf(g: Geometry, runs: AxisRuns): SeenInput {
  const seen = [
    seenPositions(g, 0, runs[0]),
    seenPositions(g, 1, runs[1]),
    seenPositions(g, 2, runs[2]),
  ] as const;
  const outside = seen.some(({ first, count }, axis) =>
    first < 0 || first + count > (g.input[axis] ?? 0)
  );
  const packed = outside || competesForCache(g);
  const whole = (size: number): PadAxis => ({ count: size, step: 1, first: 0 });
  const [depth, height, width] = packed
    ? seen
    : [whole(g.input[0]), whole(g.input[1]), whole(g.input[2])];
  const pads = { depth, height, columns: [width] };
  const layout = packed ? layoutOf(pads, g) : channelMajorLayout(pads, g.inChannels);
  return { packed, layout, seen: [depth, height, width] };
}

/** Taps are stored side by side, cells a stride apart: that is worth leaving so many lanes empty. */
const EMPTIER = 2;

/** What fills the lanes, by the vectors that all sums take. */
function chooseLanes(
  g: Geometry,
  { lanes }: Target,
  boxes: readonly Box[],
): InterleavedLanes["of"] {
  const { channelsOfVector } = tapWeights(g, lanes);
  const outChannels = g.outChannels / g.groups;
  const vectorsOf = (inRow: (row: ResidueRun) => number) =>
    boxes.reduce((sum, [depth, height, width]) => {
      const rows = depth.residues * depth.cells * height.residues * height.cells;
      return sum + rows * depth.taps * height.taps * width.taps * inRow(width);
    }, 0);
  const ofTaps = vectorsOf(({ residues, cells }) =>
    Math.ceil(outChannels / channelsOfVector) * cells *
    (channelsOfVector === 1 ? Math.ceil(residues / lanes) : 1)
  );
  const ofCells = vectorsOf(({ residues, cells }) =>
    outChannels * residues * Math.ceil(cells / lanes)
  );
  return ofTaps <= EMPTIER * ofCells ? "taps" : "cells";
}

/** What the boxes of a plan share. */
interface Planned extends SeenInput {
  readonly request: Problem;
  readonly weights: InterleavedWeights;
  /** What fills the lanes where there is something to sum over. */
  readonly lanes: InterleavedLanes["of"];
}

/** The runs of depth, height and width. */
type AxisRuns = readonly [ResidueRun[], ResidueRun[], ResidueRun[]];

/** A run along each axis. */
type Box = readonly [depth: ResidueRun, height: ResidueRun, width: ResidueRun];

/** Boxes of all outputs; where no tap reaches along one axis, what lies across is not cut. */
function boxesOf(g: Geometry, [depths, heights, widths]: AxisRuns): Box[] {
  const [, height, width] = g.output;
  return depths.flatMap((depth): Box[] => {
    if (depth.taps === 0) return [[depth, bareRun(height), bareRun(width)]];
    return heights.flatMap((height): Box[] => {
      if (height.taps === 0) return [[depth, height, bareRun(width)]];
      return widths.map((width): Box => [depth, height, width]);
    });
  });
}

/** The input positions that the outputs of some runs see, inside the input or not. */
function seenPositions(g: Geometry, axis: 0 | 1 | 2, runs: readonly ResidueRun[]): PadAxis {
  const reached = runs.filter(({ taps }) => taps > 0);
  if (reached.length === 0) return { count: g.input[axis], step: 1, first: 0 };
  const step = tapSteps(g, axis).input;
  const first = least(reached.map(({ input, taps }) => input - (taps - 1) * step));
  const end = -least(reached.map(({ input, cells }) => -input - cells));
  return { count: end - first, step: 1, first };
}

/** Adds the tiles of a box. */
function addBox(phase: PhaseBuilder, plan: Planned, box: Box): void {
  const { request: { geometry: g, target }, packed, weights, seen, layout } = plan;
  const shape = shapeOf(plan, box);
  const counts = countsOf(g, box);
  const block = blockOf(shape, counts);
  const outPitches = outputPitches(g);
  const inPitches = [layout.planePitch, layout.rowPitch, 1];
  const tapPitches = [weights.depthTapPitch, weights.rowTapPitch, vectorTapPitch(weights)];
  const bytes = (of: (run: ResidueRun, axis: number) => number) =>
    box.reduce((sum, run, axis) => sum + of(run, axis), 0) * FLOAT_BYTES;
  const bare = isBare(shape);
  const output = bytes((run, axis) => run.output * (outPitches[axis] ?? 0));
  const input = bytes((run, axis) =>
    (run.input - (seen[axis]?.first ?? 0)) * (inPitches[axis] ?? 0)
  );
  const weight = bytes((run, axis) => run.firstTap * (tapPitches[axis] ?? 0));
  phase.addBox({
    parameters: INTERLEAVED_PARAMETERS,
    axes: alongAxes((axis) => {
      const { output, ...others } = shape.steps[axis];
      const steps = { ...others, ...resultSteps(output) };
      return { count: counts[axis], block: block[axis], steps };
    }),
    bases: {
      input: { buffer: packed ? BUFFER.padded : BUFFER.input, offset: bare ? 0 : input },
      weight: {
        buffer: weights.asTheyAre ? BUFFER.weight : BUFFER.packedWeight,
        offset: bare ? 0 : weight,
      },
      bias: { buffer: BUFFER.bias, offset: 0 },
      output: { buffer: BUFFER.output, offset: output },
      add: { buffer: BUFFER.add, offset: output },
    },
    itemCost: outputWork(shape) / tuned(target, "multiplyAddsPerMicrosecond"),
    write: (block) => interleavedProgram(shape, block),
    key: keyOf(shape, box),
  });
}

/** What programs depend on that is not the same in all boxes of a plan, besides their blocks. */
function keyOf({ taps, lanes }: InterleavedShape, box: Box): string {
  const skipped = lanes.of === "taps" ? lanes.skipped : 0;
  return `${taps} ${skipped} ${box.map(({ residueStep }) => residueStep)}`;
}

/** Something for each axis, outermost first. */
function alongAxes<T>(of: (axis: InterleavedAxis) => T): Record<InterleavedAxis, T> {
  const all = INTERLEAVED_AXES.map((axis) => [axis, of(axis)] as const);
  return Object.fromEntries(all) as Record<InterleavedAxis, T>;
}

const ONE_OUTPUT: InterleavedBlock = {
  batch: 1,
  groups: 1,
  outChannels: 1,
  depthResidues: 1,
  rowResidues: 1,
  columnResidues: 1,
  depthCells: 1,
  rowCells: 1,
  columnCells: 1,
};

function countsOf(g: Geometry, [depth, height, width]: Box): InterleavedBlock {
  return {
    batch: g.batch,
    groups: g.groups,
    outChannels: g.outChannels / g.groups,
    depthResidues: depth.residues,
    rowResidues: height.residues,
    columnResidues: width.residues,
    depthCells: depth.cells,
    rowCells: height.cells,
    columnCells: width.cells,
  };
}

/** Elements from one output to the next along depth, height and width. */
function outputPitches({ output: [, height, width] }: Geometry): Triple {
  return [height * width, width, 1];
}

/** Of a vector that channels share, all taps are loaded, and those that are wanted stored. */
function vectorTapPitch({ channelsOfVector }: InterleavedWeights): number {
  return channelsOfVector === 1 ? 1 : 0;
}

function shapeOf({ request, weights, layout, lanes }: Planned, box: Box): InterleavedShape {
  const { geometry: g, target, hasBias, epilogue } = request;
  const [depth, height, width] = box;
  const [outPlane, outRow] = outputPitches(g);
  const outChannel = product(g.output);
  const inChannels = g.inChannels / g.groups;
  const outChannels = g.outChannels / g.groups;
  const taps: Triple = [depth.taps, height.taps, width.taps];
  const bare = isBare({ taps });
  // Outputs that see nothing share their programs.
  const steps = (input: number, weight: number, bias: number, output: number) => ({
    input: bare ? 0 : input * FLOAT_BYTES,
    weight: bare ? 0 : weight * FLOAT_BYTES,
    bias: bias * FLOAT_BYTES,
    output: output * FLOAT_BYTES,
  });
  const tap = (axis: 0 | 1 | 2, inPitch: number, weightPitch: number) => {
    const { input, kernel } = tapSteps(g, axis);
    const weight = axis === 2 ? weights.roundPitch : kernel * weightPitch;
    return { input: -input * inPitch * FLOAT_BYTES, weight: weight * FLOAT_BYTES };
  };
  return {
    target,
    hasBias,
    epilogue,
    inChannels,
    channelSteps: {
      input: layout.channelPitch * FLOAT_BYTES,
      weight: weights.inChannelPitch * FLOAT_BYTES,
    },
    taps,
    tapSteps: [
      tap(0, layout.planePitch, weights.depthTapPitch),
      tap(1, layout.rowPitch, weights.rowTapPitch),
      tap(2, 1, 1),
    ],
    lanes: bare ? BARE_LANES : lanes === "cells" ? { of: "cells" } : {
      of: "taps",
      channels: weights.channelsOfVector,
      perChannel: weights.channelLanes,
      skipped: weights.channelsOfVector === 1 ? 0 : width.firstTap,
    },
    steps: {
      batch: steps(layout.itemPitch, 0, 0, g.outChannels * outChannel),
      groups: steps(
        inChannels * layout.channelPitch,
        weights.groupPitch,
        outChannels,
        outChannels * outChannel,
      ),
      outChannels: steps(0, weights.outChannelPitch, 1, outChannel),
      depthResidues: steps(0, weights.depthTapPitch, 0, depth.residueStep * outPlane),
      rowResidues: steps(0, weights.rowTapPitch, 0, height.residueStep * outRow),
      columnResidues: steps(0, vectorTapPitch(weights), 0, width.residueStep),
      depthCells: steps(layout.planePitch, 0, 0, g.stride[0] * outPlane),
      rowCells: steps(layout.rowPitch, 0, 0, g.stride[1] * outRow),
      columnCells: steps(1, 0, 0, g.stride[2]),
    },
  };
}

/** Outputs that see nothing have vectors of their own. */
const BARE_LANES: TapLanes = { of: "taps", channels: 1, perChannel: 0, skipped: 0 };

/** Multiply-adds that it takes as long as to store an output. */
const STORE_WORK = 4;

/** Multiply-adds of an output, about. */
function outputWork({ taps, inChannels }: InterleavedShape): number {
  return product(taps) * inChannels + STORE_WORK;
}

/** Tiles that a box is cut into, where it has work enough. */
const TILES = 32;

/** What a tile sees of the input stays in a second-level cache while its weights pass by. */
const TILE_INPUT_BYTES = 512 * 1024;

/** Rows and planes of inputs, by what a cache keeps; then all axes, by the work of a tile. */
const INPUT_AXES = ["batch", "depthCells", "rowCells"] as const;
const WORK_AXES = [
  "batch",
  "groups",
  "depthResidues",
  "rowResidues",
  "depthCells",
  "rowCells",
  "outChannels",
  "columnResidues",
  "columnCells",
] as const;

/** How much of a box a tile takes. */
function blockOf(shape: InterleavedShape, counts: InterleavedBlock): InterleavedBlock {
  const granules = granulesOf(shape, counts);
  const { batch, depthCells, rowCells, columnCells } = counts;
  const inputs = isBare(shape) ? 0 : batch * depthCells * rowCells * columnCells * shape.inChannels;
  const work = INTERLEAVED_AXES.reduce((work, axis) => work * counts[axis], outputWork(shape));
  const tileWork = clamp(work / TILES, LEAST_TILE_WORK, MOST_TILE_WORK);
  const cached = cut(counts, granules, INPUT_AXES, inputs * FLOAT_BYTES / TILE_INPUT_BYTES);
  const done = INTERLEAVED_AXES.reduce((parts, axis) => {
    return parts * Math.ceil(counts[axis] / cached[axis]);
  }, 1);
  return cut(cached, granules, WORK_AXES, work / tileWork / done);
}

/** Cuts axes one after the other until there are so many parts. */
function cut(
  counts: InterleavedBlock,
  granules: InterleavedBlock,
  axes: readonly InterleavedAxis[],
  parts: number,
): InterleavedBlock {
  const block: Record<InterleavedAxis, number> = { ...counts };
  let wanted = parts;
  for (const axis of axes) {
    if (wanted <= 1) break;
    const items = Math.ceil(counts[axis] / granules[axis]);
    const size = Math.ceil(items / clamp(Math.round(wanted), 1, items)) * granules[axis];
    block[axis] = Math.min(counts[axis], size);
    wanted /= Math.ceil(counts[axis] / block[axis]);
  }
  return block;
}

/** What is not cut: the outputs of a register tile. */
function granulesOf(
  { target, lanes }: InterleavedShape,
  { outChannels, columnResidues, columnCells }: InterleavedBlock,
): InterleavedBlock {
  if (lanes.of === "cells") {
    const { vectors, channels } = cellTile(target, outChannels, columnCells);
    return { ...ONE_OUTPUT, outChannels: channels, columnCells: vectors * target.lanes };
  }
  const perRow = vectorsOfRow({ target, lanes }, columnResidues);
  const rows = Math.ceil(outChannels / lanes.channels);
  const { vectors, cells } = tapTile(target, perRow * rows, columnCells);
  return {
    ...ONE_OUTPUT,
    outChannels: lanes.channels * Math.max(1, Math.floor(vectors / perRow)),
    columnResidues: vectors >= perRow ? columnResidues : vectors * target.lanes,
    columnCells: cells,
  };
}
