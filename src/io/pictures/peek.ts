import type { PeekedFile } from "../files.ts";
import { peekFile } from "../files.ts";
import { isJpegStart, peekedJpeg } from "./jpeg.ts";
import type { PeekedPicture, PictureOptions } from "./picture.ts";
import { mostPixelsOf, START_BYTES } from "./picture.ts";
import { peekedPng } from "./png.ts";
import { SIGNATURE } from "./png_chunks.ts";

/**
 * Reads of the file of a picture, PNG or JPEG by what is in it, what says how large the picture is.
 *
 * @param path The file's path.
 * @param options How much is read at most.
 * @throws {FileError} If the file cannot be read, or what stands in it in front of the picture's data is wrong.
 */
export async function peekPicture(
  path: string,
  options: PictureOptions = {},
): Promise<PeekedPicture> {
  const most = mostPixelsOf("peekPicture()", options);
  return await peekedPicture(path, await peekFile(path, START_BYTES), most);
}

/** What a file says of its picture of which the beginning was read, as {@linkcode peekPicture} does. */
export async function peekedPicture(
  path: string,
  peeked: PeekedFile,
  mostPixels: number,
): Promise<PeekedPicture> {
  return isJpegStart(peeked.start)
    ? await peekedJpeg(path, peeked, mostPixels)
    : await peekedPng(path, peeked, mostPixels);
}

/** Whether a file begins as pictures do that are read. */
export function isPictureStart(bytes: Uint8Array): boolean {
  return isJpegStart(bytes) || SIGNATURE.every((byte, index) => byte === bytes[index]);
}
