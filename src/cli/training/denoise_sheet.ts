import type { Tensor } from "../../tensor/tensor.ts";
import { blankCanvas, magnify, placePicture } from "../pictures/canvas.ts";
import { CAPTION, drawContactSheet, MARGIN, type Panel, PAPER } from "../pictures/contact_sheet.ts";
import { drawText } from "../pictures/lettering.ts";
import type { Outcome } from "./denoise_evaluation.ts";
import { middleOf } from "./denoise_pictures.ts";
import { CURVE_HEIGHT, drawLosses } from "./loss_curve.ts";

/** The rows and columns of a panel, and how many pictures are shown. */
const PANEL_SIZE = 264;
const MOST_ROWS = 3;

const TITLE = "Noise that is left in the patches of a step, as a share of its energy";

/** From the pictures to the title of the losses, from there to their highest line, and below the lowest. */
const TITLE_TOP = 26;
const TITLE_HEIGHT = 32;
const STEPS_HEIGHT = 22;

/**
 * Pictures before and after, one below the other: clean, with noise, blurred, and as the network makes them; and
 * below all the losses of training.
 *
 * @param outcomes The pictures; the first ones are shown.
 * @param blurDeviation How wide the blur is.
 * @param losses By step.
 */
export function drawDenoiseSheet(
  outcomes: readonly Outcome[],
  blurDeviation: number,
  losses: readonly number[],
): Tensor {
  const panels = outcomes.slice(0, MOST_ROWS).flatMap((outcome, index) =>
    panelsOf(outcome, index, blurDeviation)
  );
  const pictures = drawContactSheet(panels);
  const [, below = 0, width = 0] = pictures.shape;
  const top = below + TITLE_TOP;
  const height = top + TITLE_HEIGHT + CURVE_HEIGHT + STEPS_HEIGHT + MARGIN;
  const sheet = blankCanvas(height, width, PAPER);
  placePicture(sheet, pictures, 0, 0);
  drawText(sheet, TITLE, MARGIN, top, CAPTION);
  drawLosses(sheet, losses, top + TITLE_HEIGHT);
  return sheet;
}

function panelsOf(
  { clean, versions, ratios }: Outcome,
  index: number,
  blurDeviation: number,
): readonly Panel[] {
  const decibels = (ratio: number) => `${ratio.toFixed(2)} dB`;
  const { noisy, blurred, network } = versions;
  return [
    { pixels: panelOf(clean), caption: "Clean", detail: `picture ${index + 1} of the test` },
    { pixels: panelOf(noisy), caption: "Noisy", detail: decibels(ratios.noisy) },
    {
      pixels: panelOf(blurred),
      caption: "Gaussian blur",
      detail: `${decibels(ratios.blurred)}, deviation ${blurDeviation.toFixed(2)}`,
    },
    { pixels: panelOf(network), caption: "Network", detail: decibels(ratios.network) },
  ];
}

/** The middle of a picture, in colour, down where its caption is; a small one magnified. */
function panelOf(pixels: Tensor): Tensor {
  const middle = middleOf(pixels, PANEL_SIZE, PANEL_SIZE);
  const [, rows = 1, columns = 1] = middle.shape;
  const picture = magnify(middle, Math.floor(PANEL_SIZE / Math.max(rows, columns)));
  const [channels = 0, height = 0, width = 0] = picture.shape;
  const panel = blankCanvas(PANEL_SIZE, PANEL_SIZE, PAPER);
  const colored = channels === 3 ? picture : inColor(picture);
  placePicture(panel, colored, PANEL_SIZE - height, (PANEL_SIZE - width) >> 1);
  return panel;
}

/** Grey as the same share of all colours. */
function inColor(grey: Tensor): Tensor {
  const [, height = 0, width = 0] = grey.shape;
  const picture = blankCanvas(height, width, [0, 0, 0]);
  for (let channel = 0; channel < 3; channel++) picture.data.set(grey.data, channel * grey.size);
  return picture;
}
