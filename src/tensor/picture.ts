/**
 * Pictures as canvases have them: bytes, one pixel's channels after another.
 *
 * @module
 */

import { checkInteger, describe, describeShape } from "../base/checks.ts";
import type { Elements } from "./foreign.ts";
import { isTypedNumbers } from "./nested.ts";
import { wholeView } from "./strided.ts";
import { plainView } from "./values.ts";

/** An `ImageData`, or what readers of pictures give. */
export interface PictureData {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** The pixels row by row, their channels together: 4 of an `ImageData`. */
  readonly data: ArrayLike<number>;
}

/** How pictures lie. */
export const PICTURE_LAYOUT = "HWC";

const MOST_CHANNELS = 4;

/**
 * The pixels of a picture as they lie, and the value of white: the greatest of a type of integers, 1 of floats.
 *
 * @param where Who asks, for error messages.
 * @param picture The picture.
 * @returns Its elements; `undefined` if it is no picture.
 * @throws {TypeError} If its data is no typed array, or its width or height no number.
 * @throws {RangeError} If they do not fit together.
 */
export function pictureElements(
  where: string,
  picture: { readonly width?: unknown; readonly height?: unknown; readonly data?: unknown },
): Elements & { readonly most: number } | undefined {
  if (picture.width === undefined || picture.height === undefined || picture.data === undefined) {
    return undefined;
  }
  const width = checkInteger(where, "width", picture.width, 1);
  const height = checkInteger(where, "height", picture.height, 1);
  if (!isTypedNumbers(picture.data)) {
    throw new TypeError(
      `${where}: the data of a picture must be a typed array, but is ${describe(picture.data)}`,
    );
  }
  const data = plainView(picture.data);
  const channels = data.length / (width * height);
  if (!(Number.isInteger(channels) && channels >= 1 && channels <= MOST_CHANNELS)) {
    throw new RangeError(
      `${where}: a picture of ${width} by ${height} pixels takes 1 to ${MOST_CHANNELS} values for each, but the ` +
        `data has ${data.length}`,
    );
  }
  const shape = [height, width, channels];
  return { shape, view: wholeView(data, shape), most: mostOf(data) };
}

/** The value of white. */
function mostOf(data: unknown): number {
  if (data instanceof Uint8Array || data instanceof Uint8ClampedArray) return 255;
  return data instanceof Uint16Array ? 65535 : 1;
}

const WHITE = 255;

/**
 * A picture for a canvas, 1 becoming 255; what lies outside 0 to 1 is clamped.
 *
 * @param where Who asks, for error messages.
 * @param values Grey, grey and alpha, red, green and blue, or these and alpha.
 * @param shape `(C, H, W)`.
 * @returns An `ImageData`, in runtimes without them an object with the same properties.
 * @throws {RangeError} If it is no picture.
 */
export function imageData(
  where: string,
  values: Float32Array,
  shape: readonly number[],
): ImageData {
  const [channels = 0, height = 0, width = 0] = shape;
  const isPicture = shape.length === 3 && channels >= 1 && channels <= MOST_CHANNELS &&
    width * height > 0;
  if (!isPicture) {
    throw new RangeError(
      `${where}: a picture has shape (C, H, W) with 1 to ${MOST_CHANNELS} channels, but this is ` +
        describeShape(shape),
    );
  }
  const area = height * width;
  const data = new Uint8ClampedArray(area * MOST_CHANNELS).fill(WHITE);
  for (const [place, channel] of channelPlaces(channels)) {
    const start = channel * area;
    for (let i = 0; i < area; i++) {
      data[i * MOST_CHANNELS + place] = (values[start + i] ?? 0) * WHITE;
    }
  }
  if (typeof ImageData === "function") return new ImageData(data, width, height);
  return { data, width, height, colorSpace: "srgb", pixelFormat: "rgba-unorm8" } as ImageData;
}

/** Which channel goes to each place of a pixel; alpha has none where there is no alpha. */
function channelPlaces(channels: number): readonly (readonly [place: number, channel: number])[] {
  const colors = [0, 1, 2].map((place) => [place, channels < 3 ? 0 : place] as const);
  return channels % 2 === 0 ? [...colors, [3, channels - 1]] : colors;
}
