import { Tensor } from "../../tensor/tensor.ts";
import { blankCanvas, type Color, coverPixel, placePicture } from "../pictures/canvas.ts";
import { drawText, type Lettering, textWidth } from "../pictures/lettering.ts";
import { colorSigned } from "../pictures/gabor.ts";

const PAPER: Color = [0.075, 0.085, 0.115];
const RULE: Color = [0.22, 0.24, 0.3];
const CURVE: Color = [1, 0.78, 0.36];
const TITLE: Lettering = { size: 15, weight: 2.1, color: [0.95, 0.95, 0.93] };
const LABEL: Lettering = { size: 11.5, weight: 1.5, color: [0.6, 0.64, 0.7] };

const MARGIN = 40;
const CHART = { width: 720, height: 280, left: 48, top: 44 } as const;

/** Pixels of a kernel's weight, and between kernels. */
const WEIGHT_SIZE = 12;
const KERNEL_GAP = 12;
const KERNELS_IN_A_ROW = 8;

/** How much of a mean over steps the next step makes. */
const SMOOTHING = 0.05;

/** The losses of a training's steps, smoothed, over the kernels of its first layer. */
export function drawTrainingSheet(
  losses: readonly number[],
  kernels: Tensor,
  title: string,
): Tensor {
  const [count = 0, , rows = 0, columns = 0] = kernels.shape;
  const kernelRows = Math.ceil(count / KERNELS_IN_A_ROW);
  const kernelHeight = rows * WEIGHT_SIZE + KERNEL_GAP;
  const kernelsTop = MARGIN + CHART.top + CHART.height + 84;
  const height = kernelsTop + kernelRows * kernelHeight - KERNEL_GAP + MARGIN;
  const sheet = blankCanvas(height, 2 * MARGIN + CHART.left + CHART.width, PAPER);
  drawText(sheet, title, MARGIN, MARGIN + 12, TITLE);
  drawCurve(sheet, smoothed(losses));
  drawText(sheet, "Kernels of the first layer", MARGIN, kernelsTop - 20, TITLE);
  const largest = kernels.data.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  const pictures = kernels.reshape([count, rows, columns]);
  for (let kernel = 0; kernel < count; kernel++) {
    const picture = enlarged(colorSigned(pictures, kernel, 1 / largest), WEIGHT_SIZE);
    const top = kernelsTop + Math.floor(kernel / KERNELS_IN_A_ROW) * kernelHeight;
    const step = columns * WEIGHT_SIZE + KERNEL_GAP;
    placePicture(sheet, picture, top, MARGIN + kernel % KERNELS_IN_A_ROW * step);
  }
  return sheet;
}

function smoothed(losses: readonly number[]): number[] {
  let [mean = 0] = losses;
  return losses.map((loss) => mean += SMOOTHING * (loss - mean));
}

/** Draws a curve with a logarithmic axis upward, a line for every power of two. */
function drawCurve(sheet: Tensor, values: readonly number[]): void {
  const [, , sheetWidth = 0] = sheet.shape;
  const top = Math.ceil(Math.log2(values.reduce((a, b) => Math.max(a, b), 2 ** -10)));
  const bottom = Math.min(
    top - 1,
    Math.floor(Math.log2(values.reduce((a, b) => Math.min(a, b), Infinity))),
  );
  const yOf = (exponent: number) =>
    MARGIN + CHART.top + (top - exponent) / (top - bottom) * CHART.height;
  const left = MARGIN + CHART.left;
  for (let exponent = bottom; exponent <= top; exponent++) {
    const y = Math.round(yOf(exponent));
    for (let x = left; x < left + CHART.width; x++) coverPixel(sheet, y * sheetWidth + x, RULE, 1);
    const text = String(Number((2 ** exponent).toPrecision(3)));
    drawText(sheet, text, left - 8 - textWidth(text, LABEL.size), y + 5, LABEL);
  }
  const valueAt = (x: number) => {
    const place = x / (CHART.width - 1) * (values.length - 1);
    const index = Math.min(values.length - 1, Math.floor(place));
    const [a = 0, b = a] = [values[index], values[index + 1]];
    return a + (place - index) * (b - a);
  };
  for (let x = 0; x + 1 < CHART.width; x++) {
    const [from, to] = [x, x + 1].map((x) => yOf(Math.log2(valueAt(x))));
    coverColumn(sheet, left + x, from ?? 0, to ?? 0);
  }
  const steps = `${values.length} steps`;
  const right = left + CHART.width - textWidth(steps, LABEL.size);
  drawText(sheet, steps, right, MARGIN + CHART.top + CHART.height + 22, LABEL);
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

/** Every pixel as a square of them. */
function enlarged(picture: Tensor, size: number): Tensor {
  const [channels = 0, height = 0, width = 0] = picture.shape;
  const large = Tensor.zeros([channels, height * size, width * size]);
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < height * size; y++) {
      for (let x = 0; x < width * size; x++) {
        const from = (channel * height + Math.floor(y / size)) * width + Math.floor(x / size);
        large.data[(channel * height * size + y) * width * size + x] = picture.data[from] ?? 0;
      }
    }
  }
  return large;
}
