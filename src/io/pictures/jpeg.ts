import { checkInteger, checkOptionNames, describeShape } from "../../base/checks.ts";
import type { AnyTensor } from "../../tensor/tensor.ts";
import { checkBytes, checkTensor } from "../checks.ts";
import type { PeekedFile } from "../files.ts";
import { decodeNamed, peekFile, readBytes, writeBytes } from "../files.ts";
import { channelsOf, colorsOf, componentsOf } from "./jpeg/colors.ts";
import { encodePlanes } from "./jpeg/encode.ts";
import type { Frame } from "./jpeg/frame.ts";
import { BLOCK, blocksOf, checkFrame } from "./jpeg/frame.ts";
import { isTurned, upright } from "./jpeg/orient.ts";
import { readParts } from "./jpeg/parts.ts";
import type { JpegStart } from "./jpeg/start.ts";
import { readStart } from "./jpeg/start.ts";
import { samplesOf } from "./jpeg/transform.ts";
import { upsample } from "./jpeg/upsample.ts";
import type { DecodedPicture, DecodedRaster, PeekedPicture, PictureOptions } from "./picture.ts";
import { mostPixelsOf, pictureOf } from "./picture.ts";

/** How a picture is written. */
export interface JpegOptions {
  /**
   * From 1 to 100, by the scale that everybody uses: at 100 hardly anything is lost, below 50 it is seen.
   *
   * @default {90}
   */
  readonly quality?: number;
}

const DEFAULT_QUALITY = 90;

/** Sizes are numbers of two bytes. */
const LARGEST_SIDE = 65535;

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

/**
 * The bytes of a picture as a baseline JPEG file (ITU-T T.81, JFIF), its colours as sharp as its brightness.
 *
 * @param picture The picture: grey, or red, green and blue. Values below 0, above 1 and NaN become the nearest that can
 * be stored, NaN becomes 0.
 * @param options How much may be lost.
 * @returns The whole file.
 * @throws {TypeError} If the pixels are not a tensor, or an option is unknown or no number.
 * @throws {RangeError} If the shape is not `(C, H, W)` with one or three channels and 1 to 65,535 rows and columns, or
 * the quality not an integer from 1 to 100.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { decodeJpeg, encodeJpeg } from "@tileconv/conv/files";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { pixels } = decodeJpeg(encodeJpeg({ pixels: Tensor.full([3, 40, 30], 0.25) }));
 * assertAlmostEquals(pixels.data[0] ?? NaN, 0.25, 1 / 255);
 * ```
 */
export function encodeJpeg(
  picture: { readonly pixels: AnyTensor },
  options: JpegOptions = {},
): Uint8Array {
  const where = "encodeJpeg()";
  checkOptionNames(where, options, ["quality"]);
  const quality = checkInteger(where, "quality", options.quality ?? DEFAULT_QUALITY, 1);
  if (quality > 100) {
    throw new RangeError(`${where}: quality must be from 1 to 100, but is ${quality}`);
  }
  const { shape, data } = checkTensor(where, "pixels", picture.pixels);
  const [channels = 0, height = 0, width = 0] = shape;
  const isPicture = shape.length === 3 && (channels === 1 || channels === 3) &&
    [height, width].every((side) => side >= 1 && side <= LARGEST_SIDE);
  if (!isPicture) {
    throw new RangeError(
      `${where}: pixels must have a shape (C, H, W) with 1 or 3 channels and 1 to ${LARGEST_SIDE} ` +
        `rows and columns, but have ${describeShape(shape)}`,
    );
  }
  const planes = componentsOf(data, channels).map((samples) => ({ width, height, samples }));
  return encodePlanes(planes, quality);
}

/**
 * Writes a JPEG file.
 *
 * @param path The file's path. It is replaced in one step: it never holds half of the picture.
 * @param picture The picture, as {@linkcode encodeJpeg} takes it.
 * @param options How much may be lost.
 * @throws {FileError} If the file cannot be written.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { readJpeg, writeJpeg } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".jpg" });
 * await writeJpeg(path, { pixels: Tensor.uniform([3, 9, 16]) }, { quality: 95 });
 * assertEquals((await readJpeg(path)).pixels.shape, [3, 9, 16]);
 * await Deno.remove(path);
 * ```
 */
export async function writeJpeg(
  path: string,
  picture: { readonly pixels: AnyTensor },
  options: JpegOptions = {},
): Promise<void> {
  await writeBytes(path, encodeJpeg(picture, options));
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

/** Whether a file begins as they all do. */
export function isJpegStart(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8;
}

/**
 * What a JPEG file says of its picture.
 *
 * @param path The file's path.
 * @param peeked Its beginning.
 * @param mostPixels How many pixels the picture may have.
 * @throws {FileError} If the file cannot be read, or {@linkcode decodeJpeg} would reject what stands in it up to the
 * picture's size.
 */
export async function peekedJpeg(
  path: string,
  peeked: PeekedFile,
  mostPixels: number,
): Promise<PeekedPicture> {
  for (;;) {
    const { size, start, whole } = peeked;
    const found = decodeNamed(path, () => startIn(peeked));
    if (found === null) {
      peeked = await peekFile(path, 4 * start.length);
      continue;
    }
    const { frame, orientation, end } = found;
    decodeNamed(path, () => checkFrame(frame, size - end, mostPixels));
    const read = async () => {
      const bytes = await whole();
      return decodeNamed(path, () => decodeRaster(bytes, mostPixels));
    };
    const [width, height] = isTurned(orientation)
      ? [frame.height, frame.width]
      : [frame.width, frame.height];
    const channels = frame.components.length === 1 ? 1 : 3;
    return {
      width,
      height,
      channels,
      bitDepth: 8,
      readingBytes: size + decodingBytes(frame),
      read,
    };
  }
}

/** The size of a picture; `null` if what says it is not among the first bytes of a file. */
function startIn({ start, size }: PeekedFile): JpegStart | null {
  try {
    return readStart(start);
  } catch (error) {
    // What is damaged will be so with more of its bytes.
    if (error instanceof SyntaxError && start.length < size) return null;
    throw error;
  }
}

/** Coefficients, the samples of blocks, components of the picture's size, and pixels as they are stored and upright. */
function decodingBytes(frame: Frame): number {
  const { width, height, components } = frame;
  const block = BLOCK * (Int16Array.BYTES_PER_ELEMENT + 1);
  return block * blocksOf(frame) + 3 * components.length * width * height;
}
