import type { Tensor } from "../../tensor/tensor.ts";
import { blankCanvas, magnify, placePicture } from "../pictures/canvas.ts";
import { CAPTION, MARGIN, PAPER } from "../pictures/contact_sheet.ts";
import { colorSigned } from "../pictures/gabor.ts";
import { drawText } from "../pictures/lettering.ts";
import { CURVE_HEIGHT, drawLosses } from "./loss_curve.ts";

const WIDTH = 848;
const CURVE_TOP = MARGIN + 44;

/** Pixels of a kernel's weight, and between kernels. */
const WEIGHT_SIZE = 12;
const KERNEL_GAP = 12;
const KERNELS_IN_A_ROW = 8;

/** The losses of a training's steps, smoothed, over the kernels of its first layer. */
export function drawDigitSheet(
  losses: readonly number[],
  kernels: Tensor,
  title: string,
): Tensor {
  const [count = 0, , rows = 0, columns = 0] = kernels.shape;
  const kernelRows = Math.ceil(count / KERNELS_IN_A_ROW);
  const kernelHeight = rows * WEIGHT_SIZE + KERNEL_GAP;
  const kernelsTop = CURVE_TOP + CURVE_HEIGHT + 84;
  const height = kernelsTop + kernelRows * kernelHeight - KERNEL_GAP + MARGIN;
  const sheet = blankCanvas(height, WIDTH, PAPER);
  drawText(sheet, title, MARGIN, MARGIN + 12, CAPTION);
  drawLosses(sheet, losses, CURVE_TOP);
  drawText(sheet, "Kernels of the first layer", MARGIN, kernelsTop - 20, CAPTION);
  const largest = kernels.data.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  const pictures = kernels.reshape([count, rows, columns]);
  for (let kernel = 0; kernel < count; kernel++) {
    const picture = magnify(colorSigned(pictures, kernel, 1 / largest), WEIGHT_SIZE);
    const top = kernelsTop + Math.floor(kernel / KERNELS_IN_A_ROW) * kernelHeight;
    const step = columns * WEIGHT_SIZE + KERNEL_GAP;
    placePicture(sheet, picture, top, MARGIN + kernel % KERNELS_IN_A_ROW * step);
  }
  return sheet;
}
