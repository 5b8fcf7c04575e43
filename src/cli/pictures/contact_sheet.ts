import type { Tensor } from "../../tensor/tensor.ts";
import type { Color } from "./canvas.ts";
import { blankCanvas, placePicture } from "./canvas.ts";
import type { Lettering } from "./lettering.ts";
import { drawText } from "./lettering.ts";

/** A picture with what is written below it. */
export interface Panel {
  /** `(3, H, W)`, as large as those of the other panels. */
  readonly pixels: Tensor;
  readonly caption: string;
  /** A second line, smaller. */
  readonly detail: string;
  /** A small picture beside both lines. */
  readonly inset?: Tensor;
}

/** Panels side by side. */
const COLUMNS = 4;

/** Pixels around all panels. */
export const MARGIN = 40;

/** Pixels between panels, and below a picture for its caption. */
const GAP = 24;
const CAPTION_HEIGHT = 78;

/** From the lower edge of a picture to the lines that its two texts stand on. */
const CAPTION_BASELINE = 31;
const DETAIL_BASELINE = 55;

/** From there to a small picture. */
const INSET_TOP = 16;

/** The background of a sheet. */
export const PAPER: Color = [0.075, 0.085, 0.115];

/** The lettering of what a thing is. */
export const CAPTION: Lettering = { size: 15, weight: 2.1, color: [0.95, 0.95, 0.93] };

/** The lettering of what else is said. */
export const DETAIL: Lettering = { size: 11.5, weight: 1.5, color: [0.6, 0.64, 0.7] };

/**
 * Lays pictures out in a grid, each with its caption.
 *
 * @param panels The pictures, row by row.
 * @returns An RGB picture, see {@linkcode panelPlace} for where each is.
 */
export function drawContactSheet(panels: readonly Panel[]): Tensor {
  const [, height = 0, width = 0] = panels[0]?.pixels.shape ?? [];
  const below = panelPlace(Math.ceil(panels.length / COLUMNS) * COLUMNS, height, width);
  const right = panelPlace(COLUMNS - 1, height, width).left + width;
  const sheet = blankCanvas(below.top - GAP + MARGIN, right + MARGIN, PAPER);
  for (const [index, { pixels, caption, detail, inset }] of panels.entries()) {
    const { top, left } = panelPlace(index, height, width);
    placePicture(sheet, pixels, top, left);
    if (inset !== undefined) {
      const [, , insetWidth = 0] = inset.shape;
      placePicture(sheet, inset, top + height + INSET_TOP, left + width - insetWidth);
    }
    const write = (text: string, baseline: number, lettering: Lettering) =>
      drawText(sheet, text, left + lettering.weight / 2, top + height + baseline, lettering);
    write(caption, CAPTION_BASELINE, CAPTION);
    write(detail, DETAIL_BASELINE, DETAIL);
  }
  return sheet;
}

/** Where the picture of a panel begins, by its place in the list and the size of the pictures. */
export function panelPlace(
  index: number,
  height: number,
  width: number,
): { readonly top: number; readonly left: number } {
  return {
    top: MARGIN + Math.floor(index / COLUMNS) * (height + CAPTION_HEIGHT),
    left: MARGIN + index % COLUMNS * (width + GAP),
  };
}
