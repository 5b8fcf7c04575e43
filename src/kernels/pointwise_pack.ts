/**
 * The pixels of a tile, brought together before the sums over them are taken: `[panel][step][pixel of
 * the panel]`, a step being a channel and a tap, a panel some vectors of consecutive output pixels. So
 * the sums read one aligned stream, whatever the planes' pitch, the strides and the taps are, and the
 * copy is still in a near cache.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type ProgramBuilder,
  type Register,
} from "../codegen/program.ts";
import { range } from "./numbers.ts";

/** Where the pixels of a tile come from, in bytes. */
export interface PixelSource {
  readonly rows: number;
  /** Pixels of a row. */
  readonly columns: number;
  readonly rowStep: number;
  readonly pixelStep: number;
  readonly channels: number;
  readonly channelPitch: number;
  /** For each tap: bytes from the pixel that tap 0 sees. */
  readonly taps: readonly number[];
}

/** Some consecutive pixels of a row that share a vector. */
interface Piece {
  /** Bytes from the first pixel of the tile. */
  readonly source: number;
  /** The first of them among the pixels of the tile. */
  readonly pixel: number;
  readonly count: number;
}

/** The pieces of a tile's vectors: rows follow one another without a gap. */
function piecesOf({ rows, columns, rowStep, pixelStep }: PixelSource, lanes: number): Piece[] {
  return range(rows).flatMap((row) => {
    const pieces: Piece[] = [];
    for (let column = 0; column < columns;) {
      const pixel = row * columns + column;
      const count = Math.min(columns - column, lanes - pixel % lanes);
      pieces.push({ source: row * rowStep + column * pixelStep, pixel, count });
      column += count;
    }
    return pieces;
  });
}

/**
 * Writes the copy.
 *
 * @param code Where to write.
 * @param source The pixels.
 * @param panelVectors Vectors of a full panel; the last one has what is left.
 * @param pointers Where the pixels are, and where they go.
 */
export function writePixelPanels(
  code: ProgramBuilder,
  source: PixelSource,
  panelVectors: number,
  { input, panels }: { readonly input: Pointer; readonly panels: Pointer },
): void {
  const { lanes } = code;
  const { rows, columns, channels, channelPitch, taps, pixelStep } = source;
  const panel = panelVectors * lanes;
  const pixels = rows * columns;
  const steps = channels * taps.length;
  const pieces = piecesOf(source, lanes);
  const full = Math.floor(pixels / panel);
  const from = code.pointer(input);
  const value = code.register();
  /** Some pieces of full panels or of the last one, for every channel. */
  const copy = (to: Pointer, chosen: readonly Piece[], width: number) => {
    if (chosen.length === 0) return;
    code.sweep(channels, [[from, channelPitch], [to, taps.length * width * FLOAT_BYTES]], () => {
      taps.forEach((tap, t) => {
        for (const { source, pixel, count } of chosen) {
          loadSpaced(code, value, from, tap + source, pixelStep, count);
          const at = Math.floor(pixel / panel) * steps * panel + t * width + pixel % panel;
          code.store(value, to, at * FLOAT_BYTES, count);
        }
      });
    });
  };
  const to = code.pointer(panels);
  copy(to, pieces.filter(({ pixel }) => pixel < full * panel), panel);
  const width = Math.ceil((pixels - full * panel) / lanes) * lanes;
  copy(to, pieces.filter(({ pixel }) => pixel >= full * panel), width);
}

/** Loads elements that are `step` bytes apart. */
function loadSpaced(
  code: ProgramBuilder,
  dst: Register,
  ptr: Pointer,
  offset: number,
  step: number,
  count: number,
): void {
  const { lanes } = code;
  if (step === FLOAT_BYTES) return code.load(dst, ptr, offset, count);
  if (step === 2 * FLOAT_BYTES && count === lanes) {
    const [low, high] = [code.register(), code.register()];
    code.load(low, ptr, offset);
    // The last element of it is not needed, and may lie behind the input.
    code.load(high, ptr, offset + lanes * FLOAT_BYTES, lanes - 1);
    return code.shuffle(dst, low, high, range(lanes).map((lane) => 2 * lane));
  }
  code.gather(dst, ptr, range(count).map((i) => offset + i * step));
}
