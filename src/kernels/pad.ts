/**
 * Packing of the input: a copy with its padding in place and, for a stride, its columns sorted by
 * their remainder, so that the kernels read consecutive pixels at constant offsets and test nothing.
 *
 * A packed plane is `[depth][height][residue][column]`, one after the other for every channel of
 * every batch item.
 *
 * @module
 */

import { FLOAT_BYTES, type Pointer, ProgramBuilder, type Register } from "../codegen/program.ts";
import type { Phase } from "../engine/work.ts";
import type { PaddingMode, Triple } from "../geometry.ts";
import { PhaseBuilder } from "./tiles.ts";

/** A run of packed positions that come from evenly spaced input positions, or are zero. */
export interface PadSegment {
  readonly count: number;
  /** The first packed position. */
  readonly start: number;
  /** Input position of the first, `null` for zeros. */
  readonly source: number | null;
  /** Input positions from one to the next: 0 repeats, a negative step mirrors. */
  readonly step: number;
}

/** Packed positions `0 .. count - 1` of one axis, position `j` at input `j * step + first`. */
export interface PadAxis {
  readonly count: number;
  readonly step: number;
  readonly first: number;
}

/**
 * Splits packed positions into segments: before the input, inside it, and beyond.
 *
 * @param axis The positions.
 * @param size Size of the input along the axis.
 * @param mode What lies outside the input. At most one input's length lies outside on a side.
 */
export function padSegments(axis: PadAxis, size: number, mode: PaddingMode): PadSegment[] {
  const { count, step, first } = axis;
  const inside = clamp(Math.ceil(-first / step), 0, count);
  const beyond = clamp(Math.ceil((size - first) / step), inside, count);
  const segments = [
    outside(mode, { count: inside, start: 0, position: first, step, size }),
    { count: beyond - inside, start: inside, source: inside * step + first, step },
    outside(mode, {
      count: count - beyond,
      start: beyond,
      position: beyond * step + first,
      step,
      size,
    }),
  ];
  return segments.filter((segment) => segment.count > 0);
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}

function outside(
  mode: PaddingMode,
  run: { count: number; start: number; position: number; step: number; size: number },
): PadSegment {
  const { count, start, position, step, size } = run;
  const before = position < 0;
  switch (mode) {
    case "zeros":
      return { count, start, source: null, step: 0 };
    case "replicate":
      return { count, start, source: before ? 0 : size - 1, step: 0 };
    case "reflect":
      return { count, start, source: before ? -position : 2 * (size - 1) - position, step: -step };
    case "circular":
      return { count, start, source: before ? position + size : position - size, step };
  }
}

/** A packed plane: which input positions it holds, and its layout in elements. */
export interface PaddedLayout {
  readonly depth: PadAxis;
  readonly height: PadAxis;
  /** One per remainder of the column stride in use; they lie side by side in a row. */
  readonly columns: readonly PadAxis[];
  readonly rowPitch: number;
  readonly planePitch: number;
  readonly channelPitch: number;
}

/** Bytes after which addresses compete for the same places of a first-level cache. */
const CACHE_ALIAS_BYTES = 4096;
const CACHE_LINE_BYTES = 64;

/**
 * Lays out a packed plane. The channel pitch keeps away from multiples of 4 KiB, at which the
 * windows of all channels would fall into the same cache sets.
 */
export function paddedLayout(
  depth: PadAxis,
  height: PadAxis,
  columns: readonly PadAxis[],
): PaddedLayout {
  const rowPitch = columns.reduce((sum, { count }) => sum + count, 0);
  const planePitch = rowPitch * height.count;
  const dense = planePitch * depth.count;
  const beyond = (dense * FLOAT_BYTES) % CACHE_ALIAS_BYTES;
  const aliased = dense * FLOAT_BYTES >= CACHE_ALIAS_BYTES &&
    Math.min(beyond, CACHE_ALIAS_BYTES - beyond) < CACHE_LINE_BYTES;
  const channelPitch = aliased ? dense + 2 * CACHE_LINE_BYTES / FLOAT_BYTES : dense;
  return { depth, height, columns, rowPitch, planePitch, channelPitch };
}

/** Bytes that one tile should write: enough to be worth claiming, few enough to share out. */
const TILE_BYTES = 64 * 1024;

/**
 * The phase that packs `planes` planes.
 *
 * @param layout What a packed plane is.
 * @param input Spatial size of the input.
 * @param mode What lies outside of it.
 * @param planes Batch items times channels.
 * @param lanes Lanes of the target.
 * @param buffers Indices of the input's and the packed copy's buffer.
 */
export function padPhase(
  layout: PaddedLayout,
  input: Triple,
  mode: PaddingMode,
  planes: number,
  lanes: number,
  buffers: { readonly input: number; readonly padded: number },
): Phase {
  const [inDepth, inHeight, inWidth] = input;
  const inRow = inWidth * FLOAT_BYTES;
  const inPlane = inHeight * inRow;
  const inChannel = inDepth * inPlane;
  const row = layout.rowPitch * FLOAT_BYTES;
  const plane = layout.planePitch * FLOAT_BYTES;
  const channel = layout.channelPitch * FLOAT_BYTES;
  const columns = columnSegments(layout, inWidth, mode);
  const phase = new PhaseBuilder("pad");
  for (const d of padSegments(layout.depth, inDepth, mode)) {
    for (const h of padSegments(layout.height, inHeight, mode)) {
      const zero = d.source === null || h.source === null;
      const blockRows = clamp(Math.floor(TILE_BYTES / row), 1, h.count);
      const blockPlanes = h.count > blockRows
        ? 1
        : clamp(Math.floor(TILE_BYTES / (row * h.count * d.count)), 1, planes);
      const steps = {
        channel: [inChannel, channel],
        depth: [zero ? 0 : d.step * inPlane, plane],
        row: [zero ? 0 : h.step * inRow, row],
      } as const;
      phase.add(
        [
          { count: planes, block: blockPlanes, steps: steps.channel },
          { count: d.count, block: blockPlanes === 1 ? 1 : d.count, steps: steps.depth },
          { count: h.count, block: blockRows, steps: steps.row },
        ],
        [
          {
            buffer: buffers.input,
            offset: (d.source ?? 0) * inPlane + (h.source ?? 0) * inRow,
          },
          { buffer: buffers.padded, offset: d.start * plane + h.start * row },
        ],
        ([channels = 1, depth = 1, rows = 1]) => {
          const code = new ProgramBuilder(
            `pad ${channels}x${depth}x${rows}x${layout.rowPitch}`,
            lanes,
            PARAMETERS.length,
          );
          sweep(code, channels, steps.channel, () => {
            sweep(code, depth, steps.depth, () => {
              sweep(code, rows, steps.row, () => {
                if (zero) writeZeros(code, OUTPUT, 0, layout.rowPitch);
                else for (const segment of columns) writeSegment(code, segment);
              });
            });
          });
          return code.build();
        },
      );
    }
  }
  return phase.build();
}

const PARAMETERS = ["input", "padded"] as const;
const INPUT: Pointer = 0;
const OUTPUT: Pointer = 1;

function sweep(
  code: ProgramBuilder,
  count: number,
  [input, output]: readonly [number, number],
  body: () => void,
): void {
  code.sweep(count, [[INPUT, input], [OUTPUT, output]], body);
}

/** The segments of a whole packed row, all residues. */
function columnSegments(
  { columns }: PaddedLayout,
  inWidth: number,
  mode: PaddingMode,
): PadSegment[] {
  let offset = 0;
  return columns.flatMap((axis) => {
    const base = offset;
    offset += axis.count;
    return padSegments(axis, inWidth, mode).map((s) => ({ ...s, start: s.start + base }));
  });
}

function writeSegment(code: ProgramBuilder, { count, start, source, step }: PadSegment): void {
  const to = start * FLOAT_BYTES;
  if (source === null) return writeZeros(code, OUTPUT, to, count);
  const { lanes } = code;
  const value = code.register();
  if (step === 0) {
    code.broadcast(value, INPUT, source * FLOAT_BYTES);
    return writeRun(code, OUTPUT, to, count, (offset, n) => code.store(value, OUTPUT, offset, n));
  }
  // A descending run is read from its lowest element: offsets are never negative.
  const bytes = step * FLOAT_BYTES;
  const from = code.pointer(INPUT, source * FLOAT_BYTES + Math.min(0, bytes * (lanes - 1)));
  const origin = Math.max(0, -bytes * (lanes - 1));
  const to_ = code.pointer(OUTPUT, to);
  const vector = (n: number) => {
    if (step === 1) code.load(value, from, 0, n);
    else code.gather(value, from, Array.from({ length: n }, (_, i) => origin + i * bytes));
    code.store(value, to_, 0, n);
  };
  code.loop(Math.floor(count / lanes), () => {
    vector(lanes);
    code.advance(from, lanes * bytes);
    code.advance(to_, lanes * FLOAT_BYTES);
  });
  if (count % lanes > 0) vector(count % lanes);
}

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
