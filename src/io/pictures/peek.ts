import { peekFile } from "../files.ts";
import { isJpegStart, peekedJpeg } from "./jpeg.ts";
import type { PeekedPicture, PictureOptions } from "./picture.ts";
import { mostPixelsOf, START_BYTES } from "./picture.ts";
import { peekedPng } from "./png.ts";

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
  const peeked = await peekFile(path, START_BYTES);
  return isJpegStart(peeked.start)
    ? await peekedJpeg(path, peeked, most)
    : await peekedPng(path, peeked, most);
}
