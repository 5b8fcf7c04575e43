/**
 * Unfolding: what every tap of a kernel sees of the input, tap by tap. Where taps see padding, or share columns that
 * a stride has pulled apart, they read a packed copy of the input.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../codegen/program.ts";
import type { Phase } from "../../engine/work.ts";
import { indicesOf } from "../../base/indices.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import type { PadAxis } from "../../convolution/padding.ts";
import { tapSteps } from "../../convolution/residues.ts";
import { clamp, product, range } from "../../base/numbers.ts";
import {
  channelMajorLayout,
  PAD_TILE_BYTES,
  type PaddedLayout,
  padPhase,
  writeSegment,
} from "../packing/padded.ts";
import { PLAIN_LAYOUT } from "../packing/input.ts";
import { COPIES_PER_MICROSECOND, PhaseBuilder } from "../phase_builder.ts";
import { BUFFER, type PlanBody, planBuffers, type Problem } from "../plan.ts";

/** More residues of a stride than this are not sorted. */
const MOST_RESIDUES = 64;

/** Taps of a row that are evenly spaced in what they read. */
interface ColumnTaps {
  readonly first: number;
  readonly count: number;
  /** Taps from one to the next. */
  readonly step: number;
  /** Where the first begins in a row, and how much further the next does, in elements. */
  readonly start: number;
  readonly shift: number;
}

/** What the taps read. */
interface Source {
  /** `null` for the input as it lies. */
  readonly layout: PaddedLayout | null;
  readonly pitches: Pick<PaddedLayout, "itemPitch" | "planePitch" | "rowPitch">;
  readonly columns: readonly ColumnTaps[];
  /** Elements of a row from one output to the next. */
  readonly columnStep: number;
}

/** Plans the unfolding of the batch items, each with one channel. */
export function planWindows(problem: Problem): PlanBody {
  const { geometry: g, target } = problem;
  const source = sourceOf(g);
  const { layout } = source;
  const copied = windowPhase(g, source, target.lanes);
  const buffers = { input: BUFFER.input, padded: BUFFER.padded };
  const input = { batch: g.batch, channels: 1, size: g.input, mode: g.paddingMode };
  return {
    family: "unfold",
    inputLayout: layout?.name ?? PLAIN_LAYOUT,
    buffers: planBuffers(problem, { padded: layout === null ? 0 : g.batch * layout.itemPitch }),
    preparation: [],
    phases: layout === null ? [copied] : [padPhase(layout, input, target.lanes, buffers), copied],
  };
}

function sourceOf(g: Geometry): Source {
  const period = Math.min(tapSteps(g, 2).kernel, g.kernel[2]);
  const isSorted = g.stride[2] > 1 && period < g.kernel[2] && period <= MOST_RESIDUES;
  if (isSorted) return sortedSource(g, period);
  const columns = [{ first: 0, count: g.kernel[2], step: 1, start: 0, shift: g.dilation[2] }];
  const axes = { depth: seenAxis(g, 0), height: seenAxis(g, 1), columns: [seenAxis(g, 2)] };
  const [depth, height, width] = g.input;
  const isInside = [axes.depth, axes.height, ...axes.columns].every(({ first, count }, axis) =>
    first === 0 && count <= (g.input[axis] ?? 0)
  );
  const plain = { itemPitch: depth * height * width, planePitch: height * width, rowPitch: width };
  const layout = isInside ? null : channelMajorLayout(axes, 1);
  return { layout, pitches: layout ?? plain, columns, columnStep: g.stride[2] };
}

/** Columns sorted by their residue: what a tap reads of a row lies side by side. */
function sortedSource(g: Geometry, period: number): Source {
  const [stride, dilation] = [g.stride[2], g.dilation[2]];
  const shift = period * dilation / stride;
  const axes: PadAxis[] = [];
  const columns: ColumnTaps[] = [];
  let offset = 0;
  for (const first of range(period)) {
    const count = Math.ceil((g.kernel[2] - first) / period);
    columns.push({ first, count, step: period, start: offset, shift });
    const seen = g.output[2] + (count - 1) * shift;
    axes.push({ count: seen, step: stride, first: first * dilation - g.padBegin[2] });
    offset += seen;
  }
  const layout = channelMajorLayout(
    { depth: seenAxis(g, 0), height: seenAxis(g, 1), columns: axes },
    1,
  );
  return { layout, pitches: layout, columns, columnStep: 1 };
}

/** All positions of an axis from the first to the last that is seen. */
function seenAxis(g: Geometry, axis: 0 | 1 | 2): PadAxis {
  const last = (g.output[axis] - 1) * g.stride[axis] + (g.kernel[axis] - 1) * g.dilation[axis];
  return { count: last + 1, step: 1, first: -g.padBegin[axis] };
}

/** The axes of what is copied, outermost first. */
const AXES = ["items", "depthTaps", "rowTaps", "columnTaps", "depth", "rows", "columns"] as const;
type Axis = typeof AXES[number];

/** In the order of those of packing, since copies are written alike. */
const PARAMETERS = ["input", "output"] as const;
const { input: INPUT, output: OUTPUT } = indicesOf(PARAMETERS);

/** An axis of what is copied: how much there is along it, and bytes from one to the next. */
interface CopyAxis {
  readonly count: number;
  readonly steps: Readonly<Record<typeof PARAMETERS[number], number>>;
}

function windowPhase(g: Geometry, source: Source, lanes: number): Phase {
  const { layout, columns, columnStep } = source;
  const phase = new PhaseBuilder("unfold");
  for (const taps of columns) {
    const axes = copyAxes(g, source, taps);
    const blocks = blocksOf(axes);
    const boxAxis = (axis: Axis) => ({ ...axes[axis], block: blocks[axis] });
    phase.addBox({
      parameters: PARAMETERS,
      axes: {
        items: boxAxis("items"),
        depthTaps: boxAxis("depthTaps"),
        rowTaps: boxAxis("rowTaps"),
        columnTaps: boxAxis("columnTaps"),
        depth: boxAxis("depth"),
        rows: boxAxis("rows"),
        columns: boxAxis("columns"),
      },
      bases: {
        input: {
          buffer: layout === null ? BUFFER.input : BUFFER.padded,
          offset: taps.start * FLOAT_BYTES,
        },
        output: { buffer: BUFFER.output, offset: taps.first * product(g.output) * FLOAT_BYTES },
      },
      itemCost: 1 / COPIES_PER_MICROSECOND,
      write: (counts) => copyProgram(axes, counts, columnStep, lanes),
      key: JSON.stringify(axes),
    });
  }
  return phase.build();
}

function copyAxes(g: Geometry, { pitches, columnStep }: Source, taps: ColumnTaps) {
  const [outDepth, outHeight, outWidth] = g.output;
  const window = product(g.output);
  const axisOf = (count: number, input: number, output: number): CopyAxis => ({
    count,
    steps: { input: input * FLOAT_BYTES, output: output * FLOAT_BYTES },
  });
  return {
    items: axisOf(g.batch, pitches.itemPitch, g.outChannels * window),
    depthTaps: axisOf(
      g.kernel[0],
      g.dilation[0] * pitches.planePitch,
      g.kernel[1] * g.kernel[2] * window,
    ),
    rowTaps: axisOf(g.kernel[1], g.dilation[1] * pitches.rowPitch, g.kernel[2] * window),
    columnTaps: axisOf(taps.count, taps.shift, taps.step * window),
    depth: axisOf(outDepth, g.stride[0] * pitches.planePitch, outHeight * outWidth),
    rows: axisOf(outHeight, g.stride[1] * pitches.rowPitch, outWidth),
    columns: axisOf(outWidth, columnStep, 1),
  } satisfies Record<Axis, CopyAxis>;
}

/** What a tile takes: as much of the innermost axes as is worth claiming. */
function blocksOf(axes: Readonly<Record<Axis, CopyAxis>>): Record<Axis, number> {
  let left = PAD_TILE_BYTES / FLOAT_BYTES;
  const blocks = {
    items: 1,
    depthTaps: 1,
    rowTaps: 1,
    columnTaps: 1,
    depth: 1,
    rows: 1,
    columns: 1,
  };
  for (const axis of AXES.toReversed()) {
    blocks[axis] = clamp(Math.floor(left), 1, axes[axis].count);
    left /= blocks[axis];
  }
  return blocks;
}

function copyProgram(
  axes: Readonly<Record<Axis, CopyAxis>>,
  counts: Readonly<Record<Axis, number>>,
  step: number,
  lanes: number,
): Program {
  const name = `unfold ${AXES.map((axis) => counts[axis]).join("x")}`;
  const code = new ProgramBuilder(name, lanes, PARAMETERS);
  const copy = ([axis, ...others]: readonly Axis[]): void => {
    if (axis === undefined || others.length === 0) {
      return writeSegment(code, { count: counts.columns, start: 0, source: 0, step });
    }
    const { input, output } = axes[axis].steps;
    code.sweep(counts[axis], [[INPUT, input], [OUTPUT, output]], () => copy(others));
  };
  copy(AXES);
  return code.build();
}
