import { Tensor } from "../../tensor/tensor.ts";

/** A colour, each part from 0 to 1. */
export type Color = readonly [red: number, green: number, blue: number];

/**
 * An RGB picture to be drawn on, of one colour.
 *
 * @param height Its rows.
 * @param width Its columns.
 * @param color The colour.
 * @returns `(3, height, width)`.
 */
export function blankCanvas(height: number, width: number, color: Color): Tensor {
  const canvas = Tensor.zeros([color.length, height, width]);
  color.forEach((part, channel) => {
    canvas.data.fill(part, channel * height * width, (channel + 1) * height * width);
  });
  return canvas;
}

/**
 * Draws one picture over a part of another.
 *
 * @param canvas The picture that is changed.
 * @param pixels The picture that is drawn, of as many channels.
 * @param top The row of the canvas that its first one comes to.
 * @param left The column of the canvas that its first one comes to.
 */
export function placePicture(canvas: Tensor, pixels: Tensor, top: number, left: number): void {
  const [, canvasHeight = 0, canvasWidth = 0] = canvas.shape;
  const [channels = 0, height = 0, width = 0] = pixels.shape;
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < height; y++) {
      const from = (channel * height + y) * width;
      const to = (channel * canvasHeight + top + y) * canvasWidth + left;
      canvas.data.set(pixels.data.subarray(from, from + width), to);
    }
  }
}

/**
 * Draws a colour over a pixel.
 *
 * @param canvas The picture that is changed.
 * @param pixel Its place in a plane: `y * width + x`.
 * @param color The colour.
 * @param coverage How much of the pixel it covers, from 0 to 1.
 */
export function coverPixel(canvas: Tensor, pixel: number, color: Color, coverage: number): void {
  const plane = canvas.data.length / color.length;
  for (const [channel, part] of color.entries()) {
    const at = channel * plane + pixel;
    const below = canvas.data[at] ?? 0;
    canvas.data[at] = below + coverage * (part - below);
  }
}

/** A colour between two others: the first one at 0, the second one at 1. */
export function mixColors(first: Color, second: Color, share: number): Color {
  return [
    first[0] + share * (second[0] - first[0]),
    first[1] + share * (second[1] - first[1]),
    first[2] + share * (second[2] - first[2]),
  ];
}

/**
 * A picture with squares for pixels.
 *
 * @param pixels `(C, H, W)`.
 * @param size The pixels of a square along each axis.
 */
export function magnify(pixels: Tensor, size: number): Tensor {
  const [channels = 0, height = 0, width = 0] = pixels.shape;
  const large = Tensor.zeros([channels, height * size, width * size]);
  for (let row = 0; row < channels * height * size; row++) {
    const from = Math.floor(row / size) * width;
    for (let x = 0; x < width * size; x++) {
      large.data[row * width * size + x] = pixels.data[from + Math.floor(x / size)] ?? 0;
    }
  }
  return large;
}
