import type { Raster } from "../raster.ts";

/** Where the pixels of an upright picture stand in the stored one. */
interface Walk {
  /** Whether rows and columns change places. */
  readonly turned: boolean;
  /** Whether the columns, and the rows, of the stored picture run backwards. */
  readonly mirrored: boolean;
  readonly flipped: boolean;
}

/** By the numbers of EXIF, 1 to 8. */
const WALKS: readonly Walk[] = [
  { turned: false, mirrored: false, flipped: false },
  { turned: false, mirrored: true, flipped: false },
  { turned: false, mirrored: true, flipped: true },
  { turned: false, mirrored: false, flipped: true },
  { turned: true, mirrored: false, flipped: false },
  { turned: true, mirrored: false, flipped: true },
  { turned: true, mirrored: true, flipped: true },
  { turned: true, mirrored: true, flipped: false },
];

/** Whether rows and columns of a picture change places; see {@linkcode upright}. */
export function isTurned(orientation: number): boolean {
  return WALKS[orientation - 1]?.turned ?? false;
}

/**
 * A picture as it is meant to be seen.
 *
 * @param raster The picture as it is stored.
 * @param orientation What the camera said of how it was held, 1 to 8; 1 is upright.
 */
export function upright(raster: Raster, orientation: number): Raster {
  const { turned, mirrored, flipped } = WALKS[orientation - 1] ?? { turned: false };
  if (!turned && !mirrored && !flipped) return raster;
  const { channels, samples } = raster;
  const across = mirrored ? -1 : 1;
  const down = flipped ? -raster.width : raster.width;
  const begin = (mirrored ? raster.width - 1 : 0) +
    (flipped ? raster.height - 1 : 0) * raster.width;
  const [width, height] = turned ? [raster.height, raster.width] : [raster.width, raster.height];
  const [stepX, stepY] = turned ? [down, across] : [across, down];
  const result = new Uint8Array(width * height * channels);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (begin + x * stepX + y * stepY) * channels;
      for (let channel = 0; channel < channels; channel++) {
        result[at++] = samples[from + channel] ?? 0;
      }
    }
  }
  return { ...raster, width, height, samples: result };
}
