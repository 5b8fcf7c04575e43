/**
 * Folding of long rows. What a piece of a long row sees lies far apart, one stretch for each channel,
 * every one on a page of its own. So a 1-D convolution is packed as if it had rows: each has the columns
 * that `FOLD_COLUMNS` outputs see, overlap included, of all channels together.
 *
 * @module
 */

import { FLOAT_BYTES, ProgramBuilder } from "../../codegen/program.ts";
import type { Phase } from "../../engine/work.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { least } from "../../base/numbers.ts";
import {
  columnSegments,
  PAD_PARAMETERS,
  PAD_TILE_BYTES,
  type PaddedLayout,
  rowMajorLayout,
  sweepCopies,
  writeSegment,
} from "./padded.ts";
import { type PadAxis, type PadSegment, padSegments } from "../../convolution/padding.ts";
import { BUFFER, type Problem } from "../plan.ts";
import { courseOf, joinRuns, type Sources } from "../../convolution/sources.ts";
import { COPIES_PER_MICROSECOND, PhaseBuilder } from "../phase_builder.ts";

/** Outputs of a folded row. */
export const FOLD_COLUMNS = 64;

/** Shorter rows than this stay as they are. */
const LEAST_COLUMNS = 4 * FOLD_COLUMNS;

/** Fewer channels than this are on few pages however they lie. */
const LEAST_CHANNELS = 32;

/** Columns that a folded row may have besides those of its own outputs. */
const MOST_OVERLAP = 8 * FOLD_COLUMNS;

/** Whether a convolution is one long row of sums over many channels. */
export function isFoldable(g: Geometry): boolean {
  if ((g.kernel[2] - 1) * g.dilation[2] > MOST_OVERLAP * g.stride[2]) return false;
  const oneRow = ([0, 1] as const).every((axis) =>
    g.input[axis] === 1 && g.kernel[axis] === 1 && g.padBegin[axis] + g.padEnd[axis] === 0
  );
  return oneRow && g.output[2] >= LEAST_COLUMNS && g.inChannels / g.groups >= LEAST_CHANNELS;
}

/** The columns of the first folded row, from those of the whole row. */
function foldedColumns(g: Geometry, columns: readonly PadAxis[]): PadAxis[] {
  return columns.map((axis) => ({ ...axis, count: axis.count - g.output[2] + FOLD_COLUMNS }));
}

/** The layout of a folded input: folded rows stand in for the height. */
export function foldedLayout(g: Geometry, columns: readonly PadAxis[]): PaddedLayout {
  const rows = Math.ceil(g.output[2] / FOLD_COLUMNS);
  const layout = rowMajorLayout({
    depth: { count: 1, step: 1, first: 0 },
    height: { count: rows, step: 1, first: 0 },
    columns: foldedColumns(g, columns),
  }, g.inChannels);
  return { ...layout, name: "[batch][folded row][channel][residue][column], padded" };
}

/** Folded rows that are made in the same way. */
interface RowGroup {
  readonly start: number;
  readonly count: number;
  /** Input positions from one row's sources to the next's. */
  readonly step: number;
  /** Sources of the first row, from `origin` on. */
  readonly segments: readonly PadSegment[];
  /** The input position that a row's sources count from. */
  readonly origin: number;
}

function rowGroups(g: Geometry, { columns, height }: PaddedLayout): RowGroup[] {
  const groups: RowGroup[] = [];
  const whole = columns.map((axis) => {
    const count = axis.count - FOLD_COLUMNS + g.output[2];
    return joinRuns(padSegments({ ...axis, count }, g.input[2], g.paddingMode));
  });
  for (let start = 0; start < height.count;) {
    const moved = columns.map((axis) => ({
      ...axis,
      first: axis.first + start * FOLD_COLUMNS * g.stride[2],
    }));
    // The last row has fewer outputs: what it would see beyond the padding has no source.
    const missing = Math.max(0, (start + 1) * FOLD_COLUMNS - g.output[2]);
    const segments = columnSegments(moved, g.input[2], g.paddingMode, missing);
    const { count, step } = alikeRows(g, columns, whole, start);
    const sources = segments.flatMap(({ count, source, step }) =>
      source === null ? [] : [Math.min(source, source + (count - 1) * step)]
    );
    // Going backward, a pointer must not pass the beginning of the input.
    const origin = step < 0 ? least(sources) : 0;
    const from = segments.map((segment) =>
      segment.source === null ? segment : { ...segment, source: segment.source - origin }
    );
    groups.push({ start, count, step, segments: from, origin });
    start += count;
  }
  return groups;
}

/** How many folded rows from one on are made in the same way. */
function alikeRows(
  g: Geometry,
  columns: readonly PadAxis[],
  whole: readonly Sources[],
  start: number,
): Pick<RowGroup, "count" | "step"> {
  const first = start * FOLD_COLUMNS;
  const steps = new Set<number>();
  let more = Math.floor((g.output[2] - first) / FOLD_COLUMNS) - 1;
  columns.forEach(({ count }, i) => {
    const course = courseOf(whole[i] ?? [], first, count);
    if (course === null) more = 0;
    else {
      if (course.step !== null) steps.add(course.step);
      more = Math.min(more, Math.floor(course.left / FOLD_COLUMNS));
    }
  });
  const [step = 0] = steps;
  const isOne = more <= 0 || steps.size > 1;
  return {
    count: isOne ? 1 : 1 + more,
    step: isOne ? g.stride[2] * FOLD_COLUMNS : step * FOLD_COLUMNS,
  };
}

/** The phase that packs an input into folded rows. */
export function foldPhase({ geometry: g, target }: Problem, layout: PaddedLayout): Phase {
  const phase = new PhaseBuilder("fold");
  const row = layout.rowPitch * FLOAT_BYTES;
  const steps = {
    item: [g.inChannels * g.input[2] * FLOAT_BYTES, layout.itemPitch * FLOAT_BYTES],
    channel: [g.input[2] * FLOAT_BYTES, layout.channelPitch * FLOAT_BYTES],
  } as const;
  const most = Math.floor(PAD_TILE_BYTES / (layout.rowLength * FLOAT_BYTES));
  for (const { start, segments, count, step, origin } of rowGroups(g, layout)) {
    const rowSteps = [step * FLOAT_BYTES, row] as const;
    const rows = Math.min(count, most);
    phase.add(
      [
        { count: g.batch, block: 1, steps: steps.item },
        {
          count: g.inChannels,
          block: Math.min(g.inChannels, Math.max(1, Math.floor(most / rows))),
          steps: steps.channel,
        },
        { count, block: rows, steps: rowSteps },
      ],
      [
        { buffer: BUFFER.input, offset: origin * FLOAT_BYTES },
        { buffer: BUFFER.padded, offset: start * row },
      ],
      layout.rowLength / COPIES_PER_MICROSECOND,
      ([, channels = 1, rows = 1]) => {
        const name = `fold ${channels}x${rows}x${layout.rowLength}`;
        const code = new ProgramBuilder(name, target.lanes, PAD_PARAMETERS.length);
        sweepCopies(code, channels, steps.channel, () => {
          sweepCopies(code, rows, rowSteps, () => {
            for (const segment of segments) writeSegment(code, segment);
          });
        });
        return code.build();
      },
    );
  }
  return phase.build();
}
