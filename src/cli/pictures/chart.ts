import type { Tensor } from "../../tensor/tensor.ts";
import type { Color } from "./canvas.ts";
import { blankCanvas, mixColors } from "./canvas.ts";
import { drawText, textWidth } from "./lettering.ts";

/** The width and height of a tile of the chart. */
const TILE_SIZE = 88;

/** The width and height of the test chart: three tiles. */
export const CHART_SIZE = 3 * TILE_SIZE;

/** Samples of a pixel along each axis; their mean keeps edges smooth and fine rings grey. */
const SAMPLES = 4;

const INK: Color = [0.09, 0.13, 0.22];
const CREAM: Color = [0.97, 0.93, 0.85];
const RED: Color = [0.87, 0.32, 0.23];
const OCHRE: Color = [0.96, 0.72, 0.26];
const TEAL: Color = [0.13, 0.52, 0.51];
const SKY: Color = [0.56, 0.76, 0.84];
const WHITE: Color = [1, 1, 1];
const BLACK: Color = [0, 0, 0];

/** A motif: the colour at a place of its tile, from -1 to 1 to the right and downwards. */
type Motif = (x: number, y: number) => Color;

/**
 * Draws a test chart of nine tiles: fine rings, letters and spokes; rings of colours, all hues and a ball
 * with soft shades; bars and dots of many sizes, and patches. Whatever a filter does shows on some
 * of them.
 *
 * @returns `(3, 264, 264)`, values from 0 to 1.
 */
export function drawChart(): Tensor {
  const chart = blankCanvas(CHART_SIZE, CHART_SIZE, OCHRE);
  const motifs: readonly (readonly Motif[])[] = [
    [zonePlate, () => OCHRE, star],
    [arcs, hues, ball],
    [bars, dots, patches],
  ];
  motifs.forEach((row, tileY) =>
    row.forEach((motif, tileX) => drawTile(chart, motif, tileY * TILE_SIZE, tileX * TILE_SIZE))
  );
  drawLetters(chart);
  return chart;
}

function drawTile(chart: Tensor, motif: Motif, top: number, left: number): void {
  const plane = CHART_SIZE ** 2;
  const at = (place: number, sample: number) =>
    2 * (place + (sample + 0.5) / SAMPLES) / TILE_SIZE - 1;
  for (let y = 0; y < TILE_SIZE; y++) {
    for (let x = 0; x < TILE_SIZE; x++) {
      const sum = [0, 0, 0];
      for (let sample = 0; sample < SAMPLES ** 2; sample++) {
        const color = motif(at(x, sample % SAMPLES), at(y, Math.floor(sample / SAMPLES)));
        color.forEach((part, channel) => sum[channel] = (sum[channel] ?? 0) + part);
      }
      sum.forEach((total, channel) => {
        chart.data[channel * plane + (top + y) * CHART_SIZE + left + x] = total / SAMPLES ** 2;
      });
    }
  }
}

/** On the middle tile of the first row, large letters and a line of small ones. */
function drawLetters(chart: Tensor): void {
  const write = (text: string, baseline: number, size: number, weight: number) =>
    drawText(chart, text, (CHART_SIZE - textWidth(text, size)) / 2, baseline, {
      size,
      weight,
      color: INK,
    });
  write("Aa", 56, 34, 6.5);
  write("convolution", 74, 7.5, 1.3);
}

/** Rings that grow finer outwards: a period of four pixels at the middle of each side. */
function zonePlate(x: number, y: number): Color {
  const phase = Math.PI * TILE_SIZE / 8 * (x * x + y * y);
  return mixColors(INK, CREAM, 0.5 + 0.5 * Math.cos(phase));
}

/** Spokes that meet in the middle. */
function star(x: number, y: number): Color {
  if (Math.hypot(x, y) > 0.84) return TEAL;
  return Math.sin(18 * Math.atan2(y, x)) > 0 ? CREAM : INK;
}

/** Quarters of rings around a corner. */
function arcs(x: number, y: number): Color {
  const colors = [RED, CREAM, TEAL, INK, OCHRE];
  const ring = Math.floor(Math.hypot(x + 1, y - 1) / 0.4);
  return colors[ring] ?? SKY;
}

/** All hues around a light middle. */
function hues(x: number, y: number): Color {
  const radius = Math.hypot(x, y);
  if (radius > 0.84) return CREAM;
  const turn = Math.atan2(y, x);
  const part = (third: number) => 0.5 + 0.5 * Math.cos(turn + 2 * Math.PI * third / 3);
  return mixColors(WHITE, [part(0), part(1), part(2)], Math.min(1, radius / 0.7));
}

/** A ball in the light, in front of a sky. */
function ball(x: number, y: number): Color {
  const [across, down] = [x / 0.68, y / 0.68];
  const squared = across ** 2 + down ** 2;
  if (squared > 1) return mixColors(SKY, CREAM, 0.5 + 0.5 * y);
  const light = Math.max(0, -0.5 * across - 0.6 * down + 0.62 * Math.sqrt(1 - squared));
  const shaded = mixColors(mixColors(RED, BLACK, 0.75), RED, Math.min(1, 1.25 * light));
  return mixColors(shaded, WHITE, 0.9 * light ** 24);
}

/** Bars that grow finer to the right: from a period of a quarter of the tile to one of four pixels. */
function bars(x: number): Color {
  const [coarsest, finest] = [4, TILE_SIZE / 4];
  const share = (x + 1) / 2;
  const periods = coarsest * share + (finest - coarsest) * share ** 3 / 3;
  return periods - Math.floor(periods) < 0.5 ? RED : CREAM;
}

/** Dots that grow to the right until they meet. */
function dots(x: number, y: number): Color {
  const cells = 7;
  const within = (place: number) => {
    const cell = cells * (place + 1) / 2;
    return cell - Math.floor(cell) - 0.5;
  };
  const column = Math.floor(cells * (x + 1) / 2);
  return Math.hypot(within(x), within(y)) < 0.1 + 0.06 * column ? TEAL : CREAM;
}

/** Patches of colour, and of grey. */
function patches(x: number, y: number): Color {
  const colors = [OCHRE, RED, SKY, INK, SKY, TEAL, INK, RED, CREAM, OCHRE, TEAL, CREAM];
  const [column, row] = [Math.floor(2 * (x + 1)), Math.floor(2 * (y + 1))];
  return colors[4 * row + column] ?? mixColors(BLACK, WHITE, column / 3);
}
