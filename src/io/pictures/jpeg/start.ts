import { isExif, orientationOf } from "./exif.ts";
import type { Frame } from "./frame.ts";
import { damagedJpeg, readFrame } from "./frame.ts";
import * as markers from "./segments.ts";
import { checkKind, segmentAt } from "./segments.ts";

/** What a file says before its picture begins. */
export interface JpegStart {
  readonly frame: Frame;
  /** How the camera was held, 1 to 8. */
  readonly orientation: number;
  /** Where what was read ends. */
  readonly end: number;
}

/**
 * Reads a JPEG file up to the size of its picture, in front of which cameras say how they were held.
 *
 * @param bytes The beginning of the file.
 * @throws {SyntaxError} If it is damaged or ends before, or is of a kind that is not read.
 */
export function readStart(bytes: Uint8Array): JpegStart {
  let orientation: number | null = null;
  for (let at = 2;;) {
    const { marker, data, end } = segmentAt(bytes, at);
    if (markers.FRAMES.includes(marker)) {
      const frame = readFrame(data, marker === markers.PROGRESSIVE);
      return { frame, orientation: orientation ?? 1, end };
    }
    if (marker === markers.SCAN || marker === markers.END) {
      throw damagedJpeg("its picture data come before its header");
    }
    if (marker === markers.EXIF && isExif(data)) orientation ??= orientationOf(data) ?? 1;
    checkKind(marker);
    at = end;
  }
}
