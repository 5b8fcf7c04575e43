/**
 * Text in pictures: an alphabet of strokes, drawn at any size with smooth edges.
 *
 * @module
 */

import type { Tensor } from "../../tensor/tensor.ts";
import type { Color } from "./canvas.ts";
import { coverPixel } from "./canvas.ts";

/**
 * The strokes of each character: small letters, digits, and what else captions need. A point is two digits
 * to the base of 36, right and up, on a lattice whose baseline is at 3, the tops of small letters at 10 (`a`)
 * and those of capitals at 13 (`d`). A stroke of two points is a line; one of more is the quadratic B-spline
 * that they control, with a corner wherever a point is given twice.
 */
const GLYPHS: Readonly<Record<string, string>> = {
  A: "03 4d 4d 83|16 76",
  B: "03 0d 0d 5d 5d 8d 88 58 58 08|58 98 93 53 53 03",
  C: "8a 8d 0d 03 83 86",
  E: "7d 0d 0d 03 03 73|08 68",
  G: "8a 8d 0d 03 83 88 88 58",
  K: "0d 03|7d 08|2a 73",
  L: "0d 03 03 73",
  N: "03 0d 0d 83 83 8d",
  P: "03 0d 0d 5d 5d 8d 87 57 57 07",
  S: "7b 6d 0d 09 77 73 13 05",
  T: "0d 8d|4d 43",
  a: "6a 63|3a 0a 03 63 6a 3a",
  b: "0d 03|3a 0a 03 63 6a 3a",
  c: "68 6a 0a 03 63 65",
  d: "6d 63|3a 0a 03 63 6a 3a",
  e: "07 67 67 6a 0a 03 53 64",
  f: "4d 1d 1b 13|0a 4a",
  g: "6a 63 60 20 01|3a 0a 03 63 6a 3a",
  h: "0d 03|07 0a 6a 67 63",
  i: "0a 03|0d 0d",
  j: "2a 21 20 00|2d 2d",
  k: "0d 03|5a 06|28 63",
  l: "0d 03",
  m: "0a 03|07 0a 5a 57 53|57 5a aa a7 a3",
  n: "0a 03|07 0a 6a 67 63",
  o: "3a 0a 03 63 6a 3a",
  p: "0a 00|3a 0a 03 63 6a 3a",
  q: "6a 60|3a 0a 03 63 6a 3a",
  r: "0a 03|06 0a 4a",
  s: "59 4a 0a 07 56 53 13 04",
  t: "1d 15 13 43|0a 4a",
  u: "0a 06 03 63 66|6a 63",
  v: "0a 33 33 6a",
  w: "0a 23 23 4a 4a 63 63 8a",
  x: "0a 63|6a 03",
  y: "0a 33|6a 20",
  z: "0a 6a 6a 03 03 63",
  "0": "3d 0d 03 63 6d 3d",
  "1": "0b 3d 3d 33",
  "2": "0b 0d 6d 68 03 03 63",
  "3": "0c 1d 5d 58 28|28 68 63 13 04",
  "4": "53 5d 5d 06 06 76",
  "5": "6d 1d 1d 08|08 19 69 63 13 04",
  "6": "5d 0b 06|39 09 03 63 69 39",
  "7": "0d 6d 6d 23",
  "8": "3d 0d 08 68 6d 3d|38 08 03 63 68 38",
  "9": "13 65 6a|37 07 0d 6d 67 37",
  ",": "13 01",
  ".": "03 03",
  "×": "04 59|09 54",
  "°": "2d 0d 09 49 4d 2d",
  " ": "",
};

/** Of the lattice, the height of capitals, the baseline, and what is free beside a character. */
const CAPITAL_HEIGHT = 10;
const BASELINE = 3;
const SPACING = 3.5;

/** Lines that stand for a curve between two of its corners. */
const CURVE_LINES = 8;

/** How a text is drawn. */
export interface Lettering {
  /** The height of capitals in pixels. */
  readonly size: number;
  /** The width of a stroke in pixels. */
  readonly weight: number;
  readonly color: Color;
}

/** A place, in pixels or on the lattice of {@linkcode GLYPHS}. */
type Point = readonly [x: number, y: number];

type Line = readonly [from: Point, to: Point];

/** The width of a text in pixels, from the middle of its first stroke to that of its last. */
export function textWidth(text: string, size: number): number {
  return latticeLines(text).width * size / CAPITAL_HEIGHT;
}

/**
 * Writes a text.
 *
 * @param canvas The RGB picture that is changed.
 * @param text The text.
 * @param left Where it begins.
 * @param baseline The row that the letters stand on.
 * @param lettering How it looks.
 * @throws {RangeError} If there is no such character.
 */
export function drawText(
  canvas: Tensor,
  text: string,
  left: number,
  baseline: number,
  { size, weight, color }: Lettering,
): void {
  const scale = size / CAPITAL_HEIGHT;
  const place = ([x, y]: Point): Point => [left + scale * x, baseline - scale * (y - BASELINE)];
  const coverage = new Map<number, number>();
  for (const [from, to] of latticeLines(text).lines) {
    coverLine(coverage, canvas.shape, [place(from), place(to)], weight / 2);
  }
  for (const [pixel, share] of coverage) coverPixel(canvas, pixel, color, share);
}

/** A text on the lattice, one character beside the other. */
function latticeLines(text: string): { lines: readonly Line[]; width: number } {
  let [left, right] = [0, 0];
  const lines = [...text].flatMap((character) => {
    const strokes = strokesOf(character);
    const shifted = strokes.map((points) => points.map(([x, y]): Point => [left + x, y]));
    const width = Math.max(0, ...strokes.flat().map(([x]) => x));
    right = left + width;
    left = right + SPACING;
    return shifted.flatMap(splineLines);
  });
  return { lines, width: right };
}

function strokesOf(character: string): readonly (readonly Point[])[] {
  const glyph = GLYPHS[character];
  if (glyph === undefined) {
    throw new RangeError(`There is no glyph for ${JSON.stringify(character)}`);
  }
  const point = (
    digits: string,
  ): Point => [parseInt(digits[0] ?? "", 36), parseInt(digits[1] ?? "", 36)];
  return glyph.split("|").filter((stroke) => stroke !== "")
    .map((stroke) => stroke.split(" ").map(point));
}

/** The quadratic B-spline that begins and ends at the first and last of its control points. */
function splineLines(controls: readonly Point[]): readonly Line[] {
  const last = controls.length - 1;
  const path: Point[] = controls.slice(0, 1);
  for (let index = 1; index < last; index++) {
    const [before, control, after] = controls.slice(index - 1, index + 2);
    if (before === undefined || control === undefined || after === undefined) continue;
    const from = index === 1 ? before : middle(before, control);
    const to = index === last - 1 ? after : middle(control, after);
    for (let step = 1; step <= CURVE_LINES; step++) {
      path.push(onCurve(from, control, to, step / CURVE_LINES));
    }
  }
  path.push(...controls.slice(-1));
  return path.slice(1).map((to, index) => [path[index] ?? to, to]);
}

function middle([x1, y1]: Point, [x2, y2]: Point): Point {
  return [(x1 + x2) / 2, (y1 + y2) / 2];
}

/** A point of a parabola that leaves `from` towards `control` and comes to `to` from there. */
function onCurve(from: Point, control: Point, to: Point, time: number): Point {
  const along = (axis: 0 | 1) =>
    (1 - time) ** 2 * from[axis] + 2 * time * (1 - time) * control[axis] + time ** 2 * to[axis];
  return [along(0), along(1)];
}

/** Notes how much a line with round ends covers of the pixels around it. */
function coverLine(
  coverage: Map<number, number>,
  [, height = 0, width = 0]: readonly number[],
  [from, to]: Line,
  radius: number,
): void {
  const reach = radius + 1;
  const first = (axis: 0 | 1) => Math.max(0, Math.floor(Math.min(from[axis], to[axis]) - reach));
  const end = (axis: 0 | 1, size: number) =>
    Math.min(size, Math.ceil(Math.max(from[axis], to[axis]) + reach));
  for (let y = first(1); y < end(1, height); y++) {
    for (let x = first(0); x < end(0, width); x++) {
      const share = radius + 0.5 - distanceToLine([x + 0.5, y + 0.5], from, to);
      const pixel = y * width + x;
      if (share > (coverage.get(pixel) ?? 0)) coverage.set(pixel, Math.min(share, 1));
    }
  }
}

function distanceToLine([x, y]: Point, [x1, y1]: Point, [x2, y2]: Point): number {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const squared = dx * dx + dy * dy;
  const share = squared === 0 ? 0 : ((x - x1) * dx + (y - y1) * dy) / squared;
  const nearest = Math.min(Math.max(share, 0), 1);
  return Math.hypot(x - x1 - nearest * dx, y - y1 - nearest * dy);
}
