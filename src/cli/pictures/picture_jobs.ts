/**
 * Pictures that a command reads, and where it writes what it makes of them.
 *
 * @module
 */

import { FileError } from "../../io/files.ts";
import { peekPicture } from "../../io/pictures/peek.ts";
import { DEFAULT_MOST_PIXELS, type PeekedPicture } from "../../io/pictures/picture.ts";
import type { Arguments, Flag } from "../args.ts";
import { InputFile } from "../input_file.ts";
import { type Format, type OutputFile, outputsOf } from "../output_file.ts";
import { UsageError } from "../usage_error.ts";
import { integerFlag } from "../values.ts";

/** What pictures are written to. */
const PNG: Format = { name: "a PNG file", extension: ".png" };

/** The flag that says how large pictures may be. */
export const PIXELS_FLAG: Flag = {
  name: "max-pixels",
  value: "n",
  description: `pixels that a picture may have; default ${DEFAULT_MOST_PIXELS / 1e6} million`,
};

/** A picture that is read, and where what is made of it goes. */
export interface PictureJob {
  readonly file: InputFile;
  readonly picture: PeekedPicture;
  readonly target: OutputFile;
}

/**
 * Finds out what is read, and where the outputs go.
 *
 * @param words The paths of pictures, then that of the output or a folder.
 * @param files Receives what is to be disposed of at the end.
 * @throws {UsageError} If a path is missing, or the outputs have nowhere to go.
 * @throws {FileError} If a picture cannot be read, or is too large.
 */
export async function findJobs(
  args: Arguments,
  words: readonly string[],
  files: DisposableStack,
): Promise<readonly PictureJob[]> {
  const paths = words.slice(0, -1);
  const target = words.at(-1);
  if (target === undefined) throw new UsageError("Name the picture to read");
  if (paths.length === 0) throw new UsageError("Name the PNG file to write");
  const mostPixels = integerFlag(args, "max-pixels", 1) ?? DEFAULT_MOST_PIXELS;
  const targets = await outputsOf(paths, target, PNG);
  const peek = (path: string) => peekPicture(path, { mostPixels: Infinity });
  const jobs: PictureJob[] = [];
  for (const [index, target] of targets.entries()) {
    const file = files.use(await InputFile.open(paths[index] ?? ""));
    const picture = await file.read(peek);
    const { width, height } = picture;
    if (width * height > mostPixels) {
      throw new FileError(
        `Cannot read ${file.quoted}: it has ${width} x ${height} pixels, more than the ${mostPixels} ` +
          `that may be read; allow more with --max-pixels`,
      );
    }
    jobs.push({ file, picture, target });
  }
  return jobs;
}

/** Of pictures that are done, so many wait for the collector. */
const WAITING_PICTURES = 3;

/** Bytes of pictures that were read before one, and are not collected yet. */
export function waitingBytes(pictures: readonly PeekedPicture[]): number {
  return Math.min(pictures.length - 1, WAITING_PICTURES) *
    Math.max(...pictures.map(({ readingBytes }) => readingBytes));
}
