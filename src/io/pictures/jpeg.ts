import { checkBytes } from "../checks.ts";
import { decodeNamed, readBytes } from "../files.ts";
import { channelsOf, colorsOf } from "./jpeg/colors.ts";
import { upright } from "./jpeg/orient.ts";
import { readParts } from "./jpeg/parts.ts";
import { samplesOf } from "./jpeg/transform.ts";
import { upsample } from "./jpeg/upsample.ts";
import type { DecodedPicture, DecodedRaster, PictureOptions } from "./picture.ts";
import { mostPixelsOf, pictureOf } from "./picture.ts";

/**
 * Reads the bytes of a JPEG file (ITU-T T.81, JFIF, EXIF), baseline or progressive, as it is meant to be seen: turned as
 * the camera was held. The samples are those of libjpeg, to the bit.
 *
 * @param bytes The whole file.
 * @param options How much is read at most.
 * @returns The picture: grey stays grey, all else becomes red, green and blue. The four inks of print are converted
 * without their colour profile. Colour profiles and texts are left out.
 * @throws {SyntaxError} If the bytes are not a whole JPEG file, undamaged in all that the picture is made of, it is of a
 * kind that is not read (lossless, arithmetically coded, 12 bits), or it has too many pixels.
 *
 * @example
 * ```ts
 * import { decodeJpeg } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * // The smallest picture: 8 x 8 pixels of one grey.
 * const bytes = Uint8Array.fromBase64(
 *   "/9j/2wBDAAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB" +
 *   "AQEBAQEBAQEBAQH/xAAUAAEAAAAAAAAAAAAAAAAAAAAA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/AAAsI" +
 *   "AAgACAEBEQD/2gAIAQEAAD8AP//Z",
 * );
 * const { pixels } = decodeJpeg(bytes);
 * assertEquals(pixels.shape, [1, 8, 8]);
 * assertEquals(pixels.data[0], Math.fround(128 / 255));
 * ```
 */
export function decodeJpeg(bytes: Uint8Array, options: PictureOptions = {}): DecodedPicture {
  const most = mostPixelsOf("decodeJpeg()", options);
  return pictureOf(decodeRaster(checkBytes("decodeJpeg()", bytes), most));
}

/**
 * Reads a JPEG file.
 *
 * @param path The file's path.
 * @param options How much is read at most.
 * @returns The picture, as {@linkcode decodeJpeg} makes it.
 * @throws {FileError} If the file cannot be read or {@linkcode decodeJpeg} rejects it.
 *
 * @example
 * ```ts
 * import { FileError, readJpeg } from "@tileconv/conv/files";
 * import { assertRejects } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".jpg" });
 * await Deno.writeTextFile(path, "no picture");
 * await assertRejects(() => readJpeg(path), FileError, "it is not a JPEG picture");
 * await Deno.remove(path);
 * ```
 */
export async function readJpeg(
  path: string,
  options: PictureOptions = {},
): Promise<DecodedPicture> {
  const most = mostPixelsOf("readJpeg()", options);
  const bytes = await readBytes(path);
  return pictureOf(decodeNamed(path, () => decodeRaster(bytes, most)));
}

function decodeRaster(bytes: Uint8Array, mostPixels: number): DecodedRaster {
  const { frame, planes, space, orientation, warnings } = readParts(bytes, mostPixels);
  const { width, height } = frame;
  const components = planes.map((plane) =>
    upsample(frame, plane.component, samplesOf(plane, plane.table))
  );
  const stored = {
    width,
    height,
    channels: channelsOf(space),
    largest: 255,
    bitDepth: 8 as const,
    samples: colorsOf(space, components),
  };
  return { ...upright(stored, orientation), warnings };
}
