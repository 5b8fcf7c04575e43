/**
 * From components to red, green and blue, with the roundings of the usual decoder, and back.
 *
 * @module
 */

/** How the components of a picture are meant. */
export type ColorSpace = "grey" | "RGB" | "YCbCr" | "CMYK" | "YCCK";

/** The constants of ITU-R BT.601 in units of 2^-16. */
const RED_OF_CR = 91881;
const GREEN_OF_CB = 22554;
const GREEN_OF_CR = 46802;
const BLUE_OF_CB = 116130;
const HALF = 32768;

/** The channels of what a picture becomes. */
export function channelsOf(space: ColorSpace): 1 | 3 {
  return space === "grey" ? 1 : 3;
}

/**
 * The samples of the pixels, the channels of each beside each other.
 *
 * @param space How the components are meant.
 * @param planes The components, each as large as the picture.
 */
export function colorsOf(space: ColorSpace, planes: readonly Uint8Array[]): Uint8Array {
  const [first = new Uint8Array(), second = first, third = first, fourth = first] = planes;
  if (space === "grey") return first;
  const pixels = new Uint8Array(3 * first.length);
  if (space === "RGB" || space === "CMYK") join(first, second, third, pixels);
  else convert(first, second, third, pixels);
  // Programs that write such files write how much light each ink leaves.
  if (space === "YCCK") invert(pixels);
  if (space === "CMYK" || space === "YCCK") darken(pixels, fourth);
  return pixels;
}

function join(red: Uint8Array, green: Uint8Array, blue: Uint8Array, pixels: Uint8Array): void {
  for (let pixel = 0, at = 0; pixel < red.length; pixel++, at += 3) {
    pixels[at] = red[pixel] ?? 0;
    pixels[at + 1] = green[pixel] ?? 0;
    pixels[at + 2] = blue[pixel] ?? 0;
  }
}

function convert(light: Uint8Array, cbs: Uint8Array, crs: Uint8Array, pixels: Uint8Array): void {
  for (let pixel = 0, at = 0; pixel < light.length; pixel++, at += 3) {
    const y = light[pixel] ?? 0;
    const cb = (cbs[pixel] ?? 0) - 128;
    const cr = (crs[pixel] ?? 0) - 128;
    pixels[at] = clamp(y + (RED_OF_CR * cr + HALF >> 16));
    pixels[at + 1] = clamp(y + (HALF - GREEN_OF_CB * cb - GREEN_OF_CR * cr >> 16));
    pixels[at + 2] = clamp(y + (BLUE_OF_CB * cb + HALF >> 16));
  }
}

function invert(pixels: Uint8Array): void {
  for (let at = 0; at < pixels.length; at++) pixels[at] = 255 - (pixels[at] ?? 0);
}

/** What black leaves of colours. */
function darken(pixels: Uint8Array, black: Uint8Array): void {
  for (let pixel = 0, at = 0; pixel < black.length; pixel++) {
    const left = black[pixel] ?? 0;
    for (const end = at + 3; at < end; at++) {
      pixels[at] = Math.round((pixels[at] ?? 0) * left / 255);
    }
  }
}

/** How much the colours count for brightness (ITU-R BT.601). */
const [RED, GREEN, BLUE] = [0.299, 0.587, 0.114];

/**
 * The components that a picture is written in: brightness alone, or with how much bluer and redder it is, all around 0.
 *
 * @param pixels Planes of grey or of red, green and blue, from 0 to 1.
 * @param channels How many.
 */
export function componentsOf(pixels: Float32Array, channels: number): readonly Float32Array[] {
  const plane = pixels.length / channels;
  const level = (at: number) => {
    const value = 255 * (pixels[at] ?? 0);
    // A comparison with NaN is false.
    return value > 0 ? Math.min(value, 255) : 0;
  };
  if (channels === 1) return [Float32Array.from({ length: plane }, (_, at) => level(at) - 128)];
  const light = new Float32Array(plane);
  const bluer = new Float32Array(plane);
  const redder = new Float32Array(plane);
  for (let at = 0; at < plane; at++) {
    const [red, green, blue] = [level(at), level(at + plane), level(at + 2 * plane)];
    const brightness = RED * red + GREEN * green + BLUE * blue;
    light[at] = brightness - 128;
    bluer[at] = (blue - brightness) / (2 * (1 - BLUE));
    redder[at] = (red - brightness) / (2 * (1 - RED));
  }
  return [light, bluer, redder];
}

function clamp(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}
