import type { Tensor } from "../../tensor/tensor.ts";
import { type Color, coverPixel } from "../pictures/canvas.ts";
import { DETAIL, MARGIN } from "../pictures/contact_sheet.ts";
import { drawText, textWidth } from "../pictures/lettering.ts";

const RULE: Color = [0.22, 0.24, 0.3];
const CURVE: Color = [1, 0.78, 0.36];

/** From the highest to the lowest line; the number of steps stands below. */
export const CURVE_HEIGHT = 280;

/** What the numbers on the left take. */
const LABELS_WIDTH = 68;

/** How much of a mean over steps the next step makes. */
const SMOOTHING = 0.05;

/**
 * Draws the losses of a training's steps, smoothed, from one margin of a sheet to the other: a logarithmic axis
 * upward, a line for every power of two.
 *
 * @param sheet The RGB picture that is changed.
 * @param losses By step.
 * @param top The row of the highest line.
 */
export function drawLosses(sheet: Tensor, losses: readonly number[], top: number): void {
  const values = smoothed(losses);
  const [, , sheetWidth = 0] = sheet.shape;
  const left = MARGIN + LABELS_WIDTH;
  const width = sheetWidth - MARGIN - left;
  const highest = Math.ceil(Math.log2(values.reduce((a, b) => Math.max(a, b), 2 ** -10)));
  const lowest = Math.min(
    highest - 1,
    Math.floor(Math.log2(values.reduce((a, b) => Math.min(a, b), Infinity))),
  );
  const yOf = (exponent: number) => top + (highest - exponent) / (highest - lowest) * CURVE_HEIGHT;
  for (let exponent = lowest; exponent <= highest; exponent++) {
    const y = Math.round(yOf(exponent));
    for (let x = left; x < left + width; x++) coverPixel(sheet, y * sheetWidth + x, RULE, 1);
    const text = String(Number((2 ** exponent).toPrecision(3)));
    drawText(sheet, text, left - 8 - textWidth(text, DETAIL.size), y + 5, DETAIL);
  }
  for (let x = 0; x + 1 < width; x++) {
    const [from, to] = [x, x + 1]
      .map((x) => yOf(Math.log2(valueAt(values, x / (width - 1)))));
    coverColumn(sheet, left + x, from ?? 0, to ?? 0);
  }
  const steps = `${values.length} steps`;
  const right = left + width - textWidth(steps, DETAIL.size);
  drawText(sheet, steps, right, top + CURVE_HEIGHT + 22, DETAIL);
}

function smoothed(losses: readonly number[]): number[] {
  let [mean = 0] = losses;
  return losses.map((loss) => mean += SMOOTHING * (loss - mean));
}

/** A value between those of two steps, by its place from 0 to 1. */
function valueAt(values: readonly number[], share: number): number {
  const place = share * (values.length - 1);
  const index = Math.min(values.length - 1, Math.floor(place));
  const [a = 0, b = a] = [values[index], values[index + 1]];
  return a + (place - index) * (b - a);
}

/** Half of the curve's width in pixels. */
const HALF_WIDTH = 1.2;

/** The pixels of a column that a piece of the curve covers. */
function coverColumn(sheet: Tensor, x: number, from: number, to: number): void {
  const [, , sheetWidth = 0] = sheet.shape;
  const [upper, lower] = [Math.min(from, to) - HALF_WIDTH, Math.max(from, to) + HALF_WIDTH];
  for (let y = Math.floor(upper); y <= Math.floor(lower); y++) {
    const covered = Math.min(y + 1, lower) - Math.max(y, upper);
    coverPixel(sheet, y * sheetWidth + x, CURVE, Math.max(0, covered));
  }
}
