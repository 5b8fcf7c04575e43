/**
 * Folding of long rows. What a piece of a long row sees lies far apart, one stretch for each channel,
 * every one on a page of its own. So a 1-D convolution is packed as if it had rows: each has the columns
 * that `FOLD_COLUMNS` outputs see, overlap included, of all channels together.
 *
 * @module
 */

import { FLOAT_BYTES, ProgramBuilder } from "../codegen/program.ts";
import type { Phase } from "../engine/work.ts";
import type { Geometry } from "../geometry.ts";
import {
  columnSegments,
  PAD_PARAMETERS,
  PAD_TILE_BYTES,
  type PadAxis,
  type PaddedLayout,
  type PadSegment,
  rowMajorLayout,
  sweepCopies,
  writeSegment,
} from "./pad.ts";
import { BUFFER, type PlanRequest } from "./plan.ts";
import { COPIES_PER_MICROSECOND, PhaseBuilder } from "./tiles.ts";

/** Outputs of a folded row. */
export const FOLD_COLUMNS = 64;

/** Shorter rows than this stay as they are. */
const LEAST_COLUMNS = 4 * FOLD_COLUMNS;

/** Fewer channels than this are on few pages however they lie. */
const LEAST_CHANNELS = 32;

/** Whether a convolution is one long row of sums over many channels. */
export function isFoldable(g: Geometry): boolean {
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

/** Folded rows that are made in the same way, each from `FOLD_COLUMNS` outputs further on. */
interface RowGroup {
  readonly start: number;
  readonly segments: readonly PadSegment[];
  count: number;
}

function rowGroups(g: Geometry, { columns, height }: PaddedLayout): RowGroup[] {
  const groups: RowGroup[] = [];
  let inner: RowGroup | null = null;
  for (let row = 0; row < height.count; row++) {
    const moved = columns.map((axis) => ({
      ...axis,
      first: axis.first + row * FOLD_COLUMNS * g.stride[2],
    }));
    // The last row has fewer outputs: what it would see beyond the padding has no source.
    const missing = Math.max(0, (row + 1) * FOLD_COLUMNS - g.output[2]);
    const segments = columnSegments(moved, g.input[2], g.paddingMode, missing);
    const isInner = segments.length === columns.length &&
      moved.every(({ first, count, step }) =>
        first >= 0 && first + (count - 1) * step < g.input[2]
      );
    if (isInner && inner !== null) inner.count++;
    else {
      const group = { start: row, segments, count: 1 };
      groups.push(group);
      inner = isInner ? group : null;
    }
  }
  return groups;
}

/** The phase that packs an input into folded rows. */
export function foldPhase({ geometry: g, target }: PlanRequest, layout: PaddedLayout): Phase {
  const phase = new PhaseBuilder("fold");
  const row = layout.rowPitch * FLOAT_BYTES;
  const steps = {
    item: [g.inChannels * g.input[2] * FLOAT_BYTES, layout.itemPitch * FLOAT_BYTES],
    channel: [g.input[2] * FLOAT_BYTES, layout.channelPitch * FLOAT_BYTES],
    row: [FOLD_COLUMNS * g.stride[2] * FLOAT_BYTES, row],
  } as const;
  const most = Math.floor(PAD_TILE_BYTES / (layout.rowLength * FLOAT_BYTES));
  for (const { start, segments, count } of rowGroups(g, layout)) {
    const rows = Math.min(count, most);
    phase.add(
      [
        { count: g.batch, block: 1, steps: steps.item },
        {
          count: g.inChannels,
          block: Math.min(g.inChannels, Math.max(1, Math.floor(most / rows))),
          steps: steps.channel,
        },
        { count, block: rows, steps: steps.row },
      ],
      [
        { buffer: BUFFER.input, offset: 0 },
        { buffer: BUFFER.padded, offset: start * row },
      ],
      layout.rowLength / COPIES_PER_MICROSECOND,
      ([, channels = 1, rows = 1]) => {
        const name = `fold ${channels}x${rows}x${layout.rowLength}`;
        const code = new ProgramBuilder(name, target.lanes, PAD_PARAMETERS.length);
        sweepCopies(code, channels, steps.channel, () => {
          sweepCopies(code, rows, steps.row, () => {
            for (const segment of segments) writeSegment(code, segment);
          });
        });
        return code.build();
      },
    );
  }
  return phase.build();
}
