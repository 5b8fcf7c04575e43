/**
 * The pixels of a tile, brought together before the sums over them are taken: `[panel][step][pixel of
 * the panel]`, a step being a channel and a tap, a panel some vectors of consecutive output pixels. So
 * the sums read one aligned stream, whatever the planes' pitch, padding, strides and taps are, rows leave
 * no vector partly empty, and the copy is still in a near cache.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type ProgramBuilder,
  type Register,
} from "../../codegen/program.ts";
import type { Triple } from "../../convolution/geometry.ts";
import { clamp, range } from "../../base/numbers.ts";

/** What a tile sees along an axis: positions count from where its first output's first tap looks. */
export interface AxisWindow {
  /** Input positions from one output to the next. */
  readonly stride: number;
  /** Position of each tap, `null` of one that sees nothing but padding. */
  readonly taps: readonly (number | null)[];
  /** Positions before the input's first. */
  readonly skip: number;
  /** Positions up to the input's last; no more than the tile looks at. */
  readonly room: number;
  /** Input bytes from one position to the next. */
  readonly pitch: number;
}

/** Where the pixels of a tile come from. */
export interface PixelSource {
  /** Depth, height and width. */
  readonly windows: readonly [depth: AxisWindow, height: AxisWindow, width: AxisWindow];
  /** Outputs along height and width. */
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
  readonly channelPitch: number;
}

/** How pixels lie when they have been brought together. */
export interface PixelPanels {
  /** Vectors of a full panel; the last one has what is left. */
  readonly vectors: number;
  /** Elements from one panel to the next. */
  readonly pitch: number;
}

/** Terms of the sum of an output. */
export function stepsOf(kernel: Triple, channels: number): number {
  return channels * kernel[0] * kernel[1] * kernel[2];
}

/** Some consecutive pixels that share a vector. */
interface Piece {
  /** The first of them among the pixels of the tile. */
  readonly pixel: number;
  readonly count: number;
  /** Bytes from the tile's first input position, `null` for zeros. */
  readonly source: number | null;
}

/** The pieces of all pixels of a tile, as one tap sees them. */
function piecesOf(
  source: PixelSource,
  [depthTap, rowTap, columnTap]: readonly [number | null, number | null, number | null],
  lanes: number,
): Piece[] {
  const [depth, height, width] = source.windows;
  const { rows, columns } = source;
  if (depthTap === null || rowTap === null || columnTap === null) {
    return range(rows).flatMap((row) =>
      cut({ pixel: row * columns, count: columns, source: null }, 0, lanes)
    );
  }
  const columnOf = (position: number) =>
    clamp(Math.ceil((position - columnTap) / width.stride), 0, columns);
  const [first, end] = [columnOf(width.skip), columnOf(width.room)];
  return range(rows).flatMap((row) => {
    const position = row * height.stride + rowTap;
    const start = row * columns;
    const inside = isInside(depth, depthTap) && isInside(height, position) && first < end;
    if (!inside) return cut({ pixel: start, count: columns, source: null }, 0, lanes);
    const origin = (depthTap - depth.skip) * depth.pitch + (position - height.skip) * height.pitch;
    const column = first * width.stride + columnTap - width.skip;
    const present = {
      pixel: start + first,
      count: end - first,
      source: origin + column * width.pitch,
    };
    return [
      ...cut({ pixel: start, count: first, source: null }, 0, lanes),
      ...cut(present, width.stride * width.pitch, lanes),
      ...cut({ pixel: start + end, count: columns - end, source: null }, 0, lanes),
    ];
  });
}

function isInside({ skip, room }: AxisWindow, position: number): boolean {
  return position >= skip && position < room;
}

/** Cuts a run of pixels, `step` bytes apart, where vectors end. */
function cut({ pixel, count, source }: Piece, step: number, lanes: number): Piece[] {
  const pieces: Piece[] = [];
  for (let done = 0; done < count;) {
    const at = pixel + done;
    const size = Math.min(count - done, lanes - at % lanes);
    pieces.push({ pixel: at, count: size, source: source === null ? null : source + done * step });
    done += size;
  }
  return pieces;
}

/**
 * Writes the copy.
 *
 * @param code Where to write.
 * @param source The pixels.
 * @param layout Its panels.
 * @param pointers Where the tile's first input position is, and where its pixels go.
 */
export function writePixelPanels(
  code: ProgramBuilder,
  source: PixelSource,
  layout: PixelPanels,
  { input, panels }: { readonly input: Pointer; readonly panels: Pointer },
): void {
  const { lanes } = code;
  const { rows, columns, channels, channelPitch, windows: [depth, height, width] } = source;
  const taps = depth.taps.flatMap((d) =>
    height.taps.flatMap((h) => width.taps.map((w) => piecesOf(source, [d, h, w], lanes)))
  );
  const panel = layout.vectors * lanes;
  const pixels = rows * columns;
  const inFull = Math.floor(pixels / panel) * panel;
  const step = width.stride * width.pitch;
  const from = code.pointer(input);
  const to = code.pointer(panels);
  const zero = code.register();
  const value = code.register();
  code.zero(zero);
  /** The pixels of the full panels, or those of the last one, for every channel. */
  const copy = (isChosen: (piece: Piece) => boolean, panelPixels: number) => {
    const steps = [
      [from, channelPitch],
      [to, taps.length * panelPixels * FLOAT_BYTES],
    ] as const;
    code.sweep(channels, steps, () => {
      taps.forEach((pieces, tap) => {
        for (const { pixel, count, source } of pieces.filter(isChosen)) {
          const start = Math.floor(pixel / panel) * layout.pitch;
          const at = (start + tap * panelPixels + pixel % panel) * FLOAT_BYTES;
          if (source !== null) loadSpaced(code, value, from, { offset: source, step, count });
          code.store(source === null ? zero : value, to, at, count);
        }
      });
    });
  };
  if (inFull > 0) copy(({ pixel }) => pixel < inFull, panel);
  if (inFull < pixels) {
    copy(({ pixel }) => pixel >= inFull, Math.ceil((pixels - inFull) / lanes) * lanes);
  }
}

/** Elements of memory, `step` bytes apart. */
interface Spaced {
  readonly offset: number;
  readonly step: number;
  readonly count: number;
}

/** Loads some elements; the other lanes become 0. */
function loadSpaced(
  code: ProgramBuilder,
  dst: Register,
  ptr: Pointer,
  { offset, step, count }: Spaced,
): void {
  const { lanes } = code;
  if (step === FLOAT_BYTES) return code.load(dst, ptr, offset, count);
  if (step === 2 * FLOAT_BYTES && count === lanes) {
    const [low, high] = [code.register(), code.register()];
    code.load(low, ptr, offset);
    // The element behind its last is not needed, and may lie behind the input.
    code.load(high, ptr, offset + lanes * FLOAT_BYTES, lanes - 1);
    return code.shuffle(dst, low, high, range(lanes).map((lane) => 2 * lane));
  }
  code.gather(dst, ptr, range(count).map((i) => offset + i * step));
}
