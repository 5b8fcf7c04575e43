/**
 * Packing of the input: a copy with its padding in place and, for a stride, its columns sorted by
 * their remainder, so that the kernels read consecutive pixels at constant offsets and test nothing.
 *
 * A packed row is `[residue][column]`; how rows, planes and channels follow one another is up to who
 * reads them.
 *
 * @module
 */

import { FLOAT_BYTES, type Pointer, ProgramBuilder, type Register } from "../../codegen/program.ts";
import type { Phase } from "../../engine/work.ts";
import type { Triple } from "../../convolution/geometry.ts";
import type { PaddingMode } from "../../convolution/settings.ts";
import { type PadAxis, type PadSegment, padSegments } from "../../convolution/padding.ts";
import { CACHE_LINE_BYTES, isAliased } from "../common/cache.ts";
import { indicesOf } from "../../base/indices.ts";
import { clamp } from "../../base/numbers.ts";
import { COPIES_PER_MICROSECOND, PhaseBuilder } from "../phase_builder.ts";

/** A packed input: which positions it holds, and its layout in elements. */
export interface PaddedLayout {
  /** The order of its axes. */
  readonly name: string;
  readonly depth: PadAxis;
  readonly height: PadAxis;
  /** One per remainder of the column stride in use; they lie side by side in a row. */
  readonly columns: readonly PadAxis[];
  /** Elements of one row. */
  readonly rowLength: number;
  readonly channelPitch: number;
  readonly rowPitch: number;
  readonly planePitch: number;
  readonly itemPitch: number;
}

/** The positions that a packed input holds. */
export type PadAxes = Pick<PaddedLayout, "depth" | "height" | "columns">;

/**
 * `[batch][depth][height][channel][residue][column]`: for sums over channels. What a row of outputs
 * sees lies together, on few pages.
 */
export function rowMajorLayout(axes: PadAxes, channels: number): PaddedLayout {
  const rowLength = lengthOf(axes.columns);
  const channelPitch = spread(rowLength);
  const rowPitch = channels * channelPitch;
  const planePitch = axes.height.count * rowPitch;
  const itemPitch = axes.depth.count * planePitch;
  const name = "[batch][depth][height][channel][residue][column], padded";
  return { ...axes, name, rowLength, channelPitch, rowPitch, planePitch, itemPitch };
}

/** A pitch of at least `elements` at which channels do not compete for the same cache sets. */
export function spread(elements: number): number {
  let pitch = elements;
  while (isAliased(pitch * FLOAT_BYTES)) pitch += CACHE_LINE_BYTES / FLOAT_BYTES;
  return pitch;
}

/** `[batch][channel][depth][height][residue][column]`: for channels that stay by themselves. */
export function channelMajorLayout(axes: PadAxes, channels: number): PaddedLayout {
  const rowLength = lengthOf(axes.columns);
  const planePitch = axes.height.count * rowLength;
  const channelPitch = axes.depth.count * planePitch;
  const itemPitch = channels * channelPitch;
  const name = "[batch][channel][depth][height][residue][column], padded";
  return { ...axes, name, rowLength, channelPitch, rowPitch: rowLength, planePitch, itemPitch };
}

function lengthOf(columns: readonly PadAxis[]): number {
  return columns.reduce((sum, { count }) => sum + count, 0);
}

/** Bytes that one tile should write: enough to be worth claiming, few enough to share out. */
export const PAD_TILE_BYTES = 64 * 1024;

/** The input that is packed. */
export interface PadInput {
  readonly batch: number;
  readonly channels: number;
  readonly size: Triple;
  /** What lies outside of it. */
  readonly mode: PaddingMode;
}

/**
 * The phase that packs an input.
 *
 * @param layout What the packed input is.
 * @param input What it is made of.
 * @param lanes Lanes of the target.
 * @param buffers Indices of the input's and the packed copy's buffer.
 */
export function padPhase(
  layout: PaddedLayout,
  { batch, channels, size, mode }: PadInput,
  lanes: number,
  buffers: { readonly input: number; readonly padded: number },
): Phase {
  const [inDepth, inHeight, inWidth] = size;
  const inRow = inWidth * FLOAT_BYTES;
  const inPlane = inHeight * inRow;
  const inChannel = inDepth * inPlane;
  const row = layout.rowPitch * FLOAT_BYTES;
  const plane = layout.planePitch * FLOAT_BYTES;
  const columns = columnSegments(layout.columns, inWidth, mode);
  const phase = new PhaseBuilder("pad");
  for (const d of padSegments(layout.depth, inDepth, mode)) {
    for (const h of padSegments(layout.height, inHeight, mode)) {
      const zero = d.source === null || h.source === null;
      const steps = {
        item: { input: channels * inChannel, padded: layout.itemPitch * FLOAT_BYTES },
        channel: { input: inChannel, padded: layout.channelPitch * FLOAT_BYTES },
        depth: { input: zero ? 0 : d.step * inPlane, padded: plane },
        row: { input: zero ? 0 : h.step * inRow, padded: row },
      };
      const most = PAD_TILE_BYTES / (layout.rowLength * FLOAT_BYTES);
      const rowBlock = clamp(Math.floor(most), 1, h.count);
      const depthBlock = clamp(Math.floor(most / rowBlock), 1, d.count);
      const channelBlock = clamp(Math.floor(most / rowBlock / depthBlock), 1, channels);
      phase.addBox({
        parameters: PAD_PARAMETERS,
        axes: {
          batch: { count: batch, steps: steps.item },
          channels: { count: channels, block: channelBlock, steps: steps.channel },
          depth: { count: d.count, block: depthBlock, steps: steps.depth },
          rows: { count: h.count, block: rowBlock, steps: steps.row },
        },
        bases: {
          input: {
            buffer: buffers.input,
            offset: (d.source ?? 0) * inPlane + (h.source ?? 0) * inRow,
          },
          padded: { buffer: buffers.padded, offset: d.start * plane + h.start * row },
        },
        itemCost: layout.rowLength / COPIES_PER_MICROSECOND,
        write: ({ channels, depth, rows }) => {
          const code = new ProgramBuilder(
            `pad ${channels}x${depth}x${rows}x${layout.rowLength}`,
            lanes,
            PAD_PARAMETERS,
          );
          sweepCopies(code, channels, steps.channel, () => {
            sweepCopies(code, depth, steps.depth, () => {
              sweepCopies(code, rows, steps.row, () => {
                if (zero) writeZeros(code, OUTPUT, 0, layout.rowLength);
                else for (const segment of columns) writeSegment(code, segment);
              });
            });
          });
          return code.build();
        },
      });
    }
  }
  return phase.build();
}

/** The pointer parameters of a packing program, in order. */
export const PAD_PARAMETERS = ["input", "padded"] as const;

const { input: INPUT, padded: OUTPUT } = indicesOf(PAD_PARAMETERS);

/** Repeats `body` with the input and the packed copy moving on. */
export function sweepCopies(
  code: ProgramBuilder,
  count: number,
  { input, padded }: Readonly<Record<typeof PAD_PARAMETERS[number], number>>,
  body: () => void,
): void {
  code.sweep(count, [[INPUT, input], [OUTPUT, padded]], body);
}

/** The segments of a whole packed row, all residues, each without its last `missing` positions. */
export function columnSegments(
  columns: readonly PadAxis[],
  inWidth: number,
  mode: PaddingMode,
  missing = 0,
): PadSegment[] {
  let offset = 0;
  return columns.flatMap((axis) => {
    const base = offset;
    offset += axis.count;
    const present = { ...axis, count: axis.count - missing };
    return padSegments(present, inWidth, mode).map((s) => ({ ...s, start: s.start + base }));
  });
}

/** Writes one segment of a packed row. */
export function writeSegment(
  code: ProgramBuilder,
  { count, start, source, step }: PadSegment,
): void {
  const to = start * FLOAT_BYTES;
  if (source === null) return writeZeros(code, OUTPUT, to, count);
  const { lanes } = code;
  const value = code.register();
  if (step === 0) {
    code.broadcast(value, INPUT, source * FLOAT_BYTES);
    return writeRun(code, OUTPUT, to, count, (offset, n) => code.store(value, OUTPUT, offset, n));
  }
  const bytes = step * FLOAT_BYTES;
  const turn = COPY_VECTORS * lanes;
  const output = code.pointer(OUTPUT, to);
  /** Copies `turns` times so many elements, from the `start`-th of the run on. */
  const copy = (start: number, elements: number, turns: number) => {
    if (elements * turns === 0) return;
    // A descending run is read from its lowest element: neither offset nor pointer is negative.
    const origin = Math.max(0, -bytes * (elements - 1));
    const from = code.pointer(INPUT, source * FLOAT_BYTES + start * bytes - origin);
    code.loop(turns, () => {
      for (let first = 0; first < elements; first += lanes) {
        const n = Math.min(lanes, elements - first);
        const at = origin + first * bytes;
        if (step === 1) code.load(value, from, at, n);
        else if (step === 2 && n === lanes) writeEven(code, value, from, at);
        else code.gather(value, from, Array.from({ length: n }, (_, i) => at + i * bytes));
        code.store(value, output, first * FLOAT_BYTES, n);
      }
      code.advance(from, elements * bytes);
      code.advance(output, elements * FLOAT_BYTES);
    });
  };
  const full = Math.floor(count / turn);
  copy(0, turn, full);
  copy(full * turn, count % turn, 1);
}

/** Every other element from `offset` on, by two loads; the last of them reads one element further. */
function writeEven(code: ProgramBuilder, dst: Register, ptr: Pointer, offset: number): void {
  const { lanes } = code;
  const [low, high] = [code.register(), code.register()];
  code.load(low, ptr, offset);
  code.load(high, ptr, offset + lanes * FLOAT_BYTES);
  code.shuffle(dst, low, high, Array.from({ length: lanes }, (_, lane) => 2 * lane));
}

/** Vectors that one turn of a copying loop moves. */
const COPY_VECTORS = 8;

function writeZeros(code: ProgramBuilder, ptr: Pointer, offset: number, count: number): void {
  if (count === 0) return;
  const zero: Register = code.register();
  code.zero(zero);
  writeRun(code, ptr, offset, count, (at, n) => code.store(zero, ptr, at, n));
}

/** Vectors over a run of `count` elements: a loop, and a rest of fewer lanes. */
function writeRun(
  code: ProgramBuilder,
  ptr: Pointer,
  offset: number,
  count: number,
  write: (offset: number, lanes: number) => void,
): void {
  const { lanes } = code;
  const full = Math.floor(count / lanes);
  code.sweep(full, [[ptr, lanes * FLOAT_BYTES]], () => write(offset, lanes));
  if (count % lanes > 0) write(offset + full * lanes * FLOAT_BYTES, count % lanes);
}
