/**
 * Colours weighted by how much of them is to be seen: what is invisible then counts for nothing in a filter,
 * whatever its colour.
 *
 * @module
 */

/** Whether pictures of so many channels have an alpha channel: grey with alpha and RGBA do. */
export function hasAlpha(channels: number): boolean {
  return channels % 2 === 0;
}

/**
 * Multiplies colours by alpha.
 *
 * @param colors One plane per channel; changed in place.
 * @param alpha The plane of alpha.
 */
export function multiplyByAlpha(colors: readonly Float32Array[], alpha: Float32Array): void {
  for (const plane of colors) {
    for (let pixel = 0; pixel < plane.length; pixel++) {
      plane[pixel] = (plane[pixel] ?? 0) * (alpha[pixel] ?? 0);
    }
  }
}

/**
 * Divides weighted colours by alpha; they are black where nothing is to be seen.
 *
 * @param colors One plane per channel; changed in place.
 * @param alpha The plane of alpha, as the filter left it: also below 0 and above 1.
 */
export function divideByAlpha(colors: readonly Float32Array[], alpha: Float32Array): void {
  for (const plane of colors) {
    for (let pixel = 0; pixel < plane.length; pixel++) {
      const weight = alpha[pixel] ?? 0;
      plane[pixel] = weight > 0 ? (plane[pixel] ?? 0) / weight : 0;
    }
  }
}
