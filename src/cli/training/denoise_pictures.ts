/**
 * The pictures that a denoiser learns from, and those that it is tested on.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { failed, FileError } from "../../io/files.ts";
import { peekPicture } from "../../io/pictures/peek.ts";
import type { PeekedPicture } from "../../io/pictures/picture.ts";
import { type Raster, readRows } from "../../io/pictures/raster.ts";
import { createRandom } from "../../tensor/random.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { hasAlpha, multiplyByAlpha } from "../pictures/transparency.ts";
import { randomOrder } from "./random_order.ts";

/** A picture, and what it is called. */
export interface NamedPicture {
  readonly name: string;
  /** `(C, H, W)`, from 0 to 1. */
  readonly pixels: Tensor;
}

/** Pictures of as many channels: one if all are grey, else three. */
export interface PictureSet {
  readonly channels: number;
  readonly training: readonly NamedPicture[];
  /** Training sees nothing of these. */
  readonly test: readonly NamedPicture[];
}

/** How pictures are chosen. */
export interface PictureOptions {
  /** The least rows and columns of a picture. */
  readonly patch: number;
  /** Fixes which are for training and which are for the test. */
  readonly seed: number;
  /** Is told what is not used as it was expected. */
  readonly warn: (text: string) => void;
  /** Is told that another one has been looked at. */
  readonly advance?: () => void;
}

/** More pictures than this are not read, and of all together no more pixels. */
const MOST_PICTURES = 100;
const MOST_PIXELS = 24e6;

/** More rows or columns than this are not read of one, and of one of the test. */
const LARGEST_SIDE = 2048;
const LARGEST_TEST_SIDE = 512;

/** The share of pictures that are for the test, and the most of them. */
const TEST_SHARE = 1 / 5;
const MOST_TEST_PICTURES = 20;

/** The share of the only picture that is for the test. */
const TEST_PART = 1 / 4;

const EXTENSION = /\.(png|jpe?g)$/i;

/**
 * The files of pictures: those that are named, and those in folders that are named, not in folders therein. Each
 * is there once: what is trained on must not be in the test under another name.
 *
 * @param paths Of files and folders.
 * @param without The path of a file that is left out: a sheet of an earlier training is no picture to learn from.
 * @throws {FileError} If one is not there, or a folder holds no picture.
 */
export async function findPictures(
  paths: readonly string[],
  without: string,
): Promise<readonly string[]> {
  const found = new Map<string, string>();
  const left = await Deno.realPath(without).catch(() => null);
  for (const path of paths) {
    for (const file of await filesOf(path)) {
      const place = await reading(file, () => Deno.realPath(file));
      if (place !== left && !found.has(place)) found.set(place, file);
    }
  }
  if (found.size > 0) return [...found.values()];
  throw new FileError(
    `There is no PNG or JPEG picture in ${paths.map((path) => `"${path}"`).join(", ")}`,
  );
}

async function filesOf(path: string): Promise<readonly string[]> {
  const { isDirectory } = await reading(path, () => Deno.stat(path));
  if (!isDirectory) return [path];
  const entries = await reading(path, () => Array.fromAsync(Deno.readDir(path)));
  // What begins with a dot is hidden: programs leave their own files so.
  return entries
    .filter(({ name, isDirectory }) =>
      !isDirectory && !name.startsWith(".") && EXTENSION.test(name)
    )
    .map(({ name }) => join(path, name)).sort();
}

async function reading<Result>(path: string, step: () => Promise<Result>): Promise<Result> {
  try {
    return await step();
  } catch (error) {
    throw failed(`read "${path}"`, error);
  }
}

/**
 * Reads pictures, of large ones the middle, and holds some of them out for the test; of a single one a part.
 *
 * @param paths Their files.
 * @throws {FileError} If one cannot be read, or none is large enough.
 */
export async function loadPictures(
  paths: readonly string[],
  options: PictureOptions,
): Promise<PictureSet> {
  const { patch, seed, warn, advance } = options;
  const peeked = await choosePictures(paths, options);
  const channels = peeked.some(({ picture }) => picture.channels > 2) ? 3 : 1;
  const side = Math.min(LARGEST_SIDE, Math.floor(Math.sqrt(MOST_PIXELS / peeked.length)));
  const pictures: NamedPicture[] = [];
  for (const { path, picture } of peeked) {
    const raster = await picture.read();
    for (const warning of raster.warnings) warn(`${path}: ${warning}`);
    pictures.push({ name: path, pixels: middleOf(pixelsOf(raster, channels, side), side, side) });
    advance?.();
  }
  const [only, ...others] = pictures;
  if (only !== undefined && others.length === 0) {
    warn(`${only.name} is the only picture: a quarter of it is held out for the test`);
    return { channels, ...partsOf(only, patch) };
  }
  const held = Math.min(MOST_TEST_PICTURES, Math.max(1, Math.round(TEST_SHARE * pictures.length)));
  const order = randomOrder(pictures.length, createRandom("train denoise", seed));
  const take = (indices: readonly number[]) => indices.flatMap((index) => pictures[index] ?? []);
  return {
    channels,
    training: take(order.slice(held)),
    test: take(order.slice(0, held)).map(({ name, pixels }) => ({
      name,
      pixels: middleOf(pixels, LARGEST_TEST_SIDE, LARGEST_TEST_SIDE),
    })),
  };
}

/** A picture of which only the size is known. */
interface ChosenPicture {
  readonly path: string;
  readonly picture: PeekedPicture;
}

/** Pictures that are large enough, as many as are read. */
async function choosePictures(
  paths: readonly string[],
  { patch, seed, warn }: PictureOptions,
): Promise<readonly ChosenPicture[]> {
  const chosen: ChosenPicture[] = [];
  for (const index of randomOrder(paths.length, createRandom("train denoise", seed))) {
    if (chosen.length === MOST_PICTURES) {
      warn(`Of ${paths.length} pictures ${MOST_PICTURES} are used, as the seed draws them`);
      break;
    }
    const path = paths[index] ?? "";
    const picture = await peekPicture(path);
    const { width, height } = picture;
    if (Math.min(width, height) < patch) {
      warn(
        `${path} is left out: it has ${width} x ${height} pixels, less than a patch of ${patch}`,
      );
      continue;
    }
    chosen.push({ path, picture });
  }
  if (chosen.length > 0) return chosen;
  throw new FileError(`No picture is as large as a patch of ${patch} x ${patch} pixels`);
}

/** The middle rows of a picture with as many channels as all have; on black where it is transparent. */
function pixelsOf(raster: Raster, channels: number, mostRows: number): Tensor {
  const { width } = raster;
  const height = Math.min(raster.height, mostRows);
  const plane = width * height;
  const values = new Float32Array(plane * raster.channels);
  readRows(raster, (raster.height - height) >> 1, values);
  const planes = Array.from(
    { length: raster.channels },
    (_, channel) => values.subarray(channel * plane, (channel + 1) * plane),
  );
  const alpha = hasAlpha(raster.channels) ? planes.pop() : undefined;
  if (alpha !== undefined) multiplyByAlpha(planes, alpha);
  const pixels = Tensor.zeros([channels, height, width]);
  for (let channel = 0; channel < channels; channel++) {
    pixels.data.set(planes[planes.length === 1 ? 0 : channel] ?? [], channel * plane);
  }
  return pixels;
}

/** The middle of a picture that has more rows or columns. */
export function middleOf(pixels: Tensor, mostRows: number, mostColumns: number): Tensor {
  const [, height = 0, width = 0] = pixels.shape;
  const [rows, columns] = [Math.min(height, mostRows), Math.min(width, mostColumns)];
  return partOf(pixels, (height - rows) >> 1, (width - columns) >> 1, rows, columns);
}

function partOf(pixels: Tensor, top: number, left: number, rows: number, columns: number): Tensor {
  const [channels = 0, height = 0, width = 0] = pixels.shape;
  const part = Tensor.zeros([channels, rows, columns]);
  for (let row = 0; row < channels * rows; row++) {
    const y = Math.floor(row / rows) * height + top + row % rows;
    const from = y * width + left;
    part.data.set(pixels.data.subarray(from, from + columns), row * columns);
  }
  return part;
}

/** Two parts of a picture, side by side along its longer side. */
function partsOf({ name, pixels }: NamedPicture, patch: number): Omit<PictureSet, "channels"> {
  const [, height = 0, width = 0] = pixels.shape;
  const longer = Math.max(height, width);
  const held = Math.max(patch, Math.floor(TEST_PART * longer));
  const rest = longer - held;
  if (rest < patch) {
    throw new FileError(
      `"${name}" is the only picture, and with ${width} x ${height} pixels too small to hold out a ` +
        `part of it for the test: its longer side would have to be ${2 * patch}`,
    );
  }
  const [training, test] = width >= height
    ? [partOf(pixels, 0, 0, height, rest), partOf(pixels, 0, rest, height, held)]
    : [partOf(pixels, 0, 0, rest, width), partOf(pixels, rest, 0, held, width)];
  return {
    training: [{ name, pixels: training }],
    test: [{ name, pixels: middleOf(test, LARGEST_TEST_SIDE, LARGEST_TEST_SIDE) }],
  };
}

/** Tells pictures from others: a digest of all their pixels. */
export function fingerprint(pictures: readonly NamedPicture[]): string {
  const hash = createHash("sha256");
  for (const { pixels } of pictures) {
    hash.update(pixels.shape.join());
    hash.update(new Uint8Array(pixels.data.buffer, pixels.data.byteOffset, pixels.data.byteLength));
  }
  return hash.digest("hex").slice(0, 16);
}
