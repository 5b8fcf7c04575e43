import { Tensor } from "../../tensor/tensor.ts";

/** A colour, each part from 0 to 1. */
type Color = readonly [red: number, green: number, blue: number];

/** The width and height of the test chart. */
export const CHART_SIZE = 256;

const QUARTER = CHART_SIZE / 2;

/**
 * Draws a test chart: rings that grow finer outwards, a disc on a gradient of colours, bars of falling
 * width over a grey ramp, and a star of spokes. Blurs, edges and enlargements all show on one of them.
 *
 * @returns `(3, 256, 256)`, values from 0 to 1.
 */
export function drawChart(): Tensor {
  const plane = CHART_SIZE * CHART_SIZE;
  const values = new Float32Array(3 * plane);
  for (let y = 0; y < CHART_SIZE; y++) {
    for (let x = 0; x < CHART_SIZE; x++) {
      colorAt(x, y).forEach((part, channel) => {
        values[channel * plane + y * CHART_SIZE + x] = part;
      });
    }
  }
  return new Tensor(values, [3, CHART_SIZE, CHART_SIZE]);
}

function colorAt(x: number, y: number): Color {
  const draw = y < QUARTER ? x < QUARTER ? rings : disc : x < QUARTER ? bars : star;
  return draw(x % QUARTER, y % QUARTER);
}

/** A zone plate: at the middle of each side the rings are as fine as pixels can show. */
function rings(x: number, y: number): Color {
  const squared = distance(x, y) ** 2;
  return grey(0.5 + 0.5 * Math.cos(Math.PI * squared / QUARTER));
}

/** All hues around the middle, fading outwards, with a dark disc that has a bright rim. */
function disc(x: number, y: number): Color {
  const r = distance(x, y);
  if (r < 0.2 * QUARTER) return grey(0.08);
  if (r < 0.25 * QUARTER) return [1, 0.85, 0.2];
  const hue = Math.atan2(y - QUARTER / 2, x - QUARTER / 2) / (2 * Math.PI);
  const fade = Math.min(1, r / (0.7 * QUARTER));
  const part = (turn: number) =>
    (0.5 + 0.5 * Math.cos(2 * Math.PI * turn)) * (1 - fade) + 0.75 * fade;
  return [part(hue), part(hue + 1 / 3), part(hue + 2 / 3)];
}

/** Bars of 16, 8, 4, 2 and 1 pixels, and below them a ramp from black to white. */
function bars(x: number, y: number): Color {
  if (y >= 0.75 * QUARTER) return grey(x / (QUARTER - 1));
  const width = 2 ** Math.max(0, 4 - Math.floor(5 * y / (0.75 * QUARTER)));
  return Math.floor(x / width) % 2 === 0 ? [0.1, 0.2, 0.45] : [0.95, 0.9, 0.8];
}

/** Spokes that meet in the middle, on red and blue. */
function star(x: number, y: number): Color {
  const angle = Math.atan2(y - QUARTER / 2, x - QUARTER / 2);
  const spoke = Math.cos(16 * angle) > 0;
  if (distance(x, y) > 0.46 * QUARTER) return [0.85, 0.85, 0.82];
  return spoke ? [0.75, 0.15, 0.15] : [0.95, 0.95, 0.95];
}

/** How far a pixel of a quarter is from its middle. */
function distance(x: number, y: number): number {
  return Math.hypot(x - QUARTER / 2, y - QUARTER / 2);
}

function grey(value: number): Color {
  return [value, value, value];
}
