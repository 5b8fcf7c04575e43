/**
 * How a camera was held: the one number of the EXIF part of a JPEG file that changes what is seen.
 *
 * @module
 */

/** What stands in front of the EXIF part, which is a small TIFF file. */
const NAME = [0x45, 0x78, 0x69, 0x66, 0, 0];

const ORIENTATION = 0x0112;
const SHORT = 3;
const ENTRY_BYTES = 12;

/** Whether a segment is an EXIF part. */
export function isExif(data: Uint8Array): boolean {
  return NAME.every((byte, index) => data[index] === byte);
}

/**
 * The orientation in an EXIF part.
 *
 * @param data The segment.
 * @returns 1 to 8: 1 is as it is stored, and where nothing is said. `null` if the part is damaged.
 */
export function orientationOf(data: Uint8Array): number | null {
  const tiff = data.subarray(NAME.length);
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  if (tiff.length < 8) return null;
  const order = view.getUint16(0);
  const little = order === 0x4949;
  if (!little && order !== 0x4d4d || view.getUint16(2, little) !== 42) return null;
  const directory = view.getUint32(4, little);
  if (directory + 2 > tiff.length) return null;
  const count = view.getUint16(directory, little);
  for (let index = 0, at = directory + 2; index < count; index++, at += ENTRY_BYTES) {
    if (at + ENTRY_BYTES > tiff.length) return null;
    if (view.getUint16(at, little) !== ORIENTATION) continue;
    const value = view.getUint16(at + 8, little);
    const isRight = view.getUint16(at + 2, little) === SHORT && value >= 1 && value <= 8;
    return isRight ? value : null;
  }
  return 1;
}
