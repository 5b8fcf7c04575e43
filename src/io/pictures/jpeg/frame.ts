/**
 * What a JPEG file says of its picture: the size, and the components that pixels are made of, each on a grid of its own
 * and cut into blocks of 8 x 8 samples.
 *
 * @module
 */

import { ByteReader } from "../../reader.ts";
import { checkPixels } from "../picture.ts";

/** The samples of a block, and of one of its sides. */
export const BLOCK = 64;
export const BLOCK_SIDE = 8;

/** A component, such as brightness. */
export interface Component {
  /** By what number scans know it. */
  readonly id: number;
  /** How many samples it has beside and above each other where the coarsest component has one. */
  readonly across: number;
  readonly down: number;
  /** Which quantization table it has. */
  readonly table: number;
  /** Its samples. */
  readonly width: number;
  readonly height: number;
  /** Its blocks, with those that fill up the groups in which components take turns. */
  readonly blocksAcross: number;
  readonly blocksDown: number;
}

/** A picture, as its header has it. */
export interface Frame {
  readonly progressive: boolean;
  readonly width: number;
  readonly height: number;
  readonly components: readonly Component[];
  /** The most samples of a component in a group, beside and above each other. */
  readonly mostAcross: number;
  readonly mostDown: number;
  /** The groups: each has `across * down` blocks of every component. */
  readonly groupsAcross: number;
  readonly groupsDown: number;
}

const MOST_SAMPLING = 4;

/** A block takes a bit at least. */
const BLOCKS_A_BYTE = 8;

/** An error of a file that is a JPEG picture, but not a right one. */
export function damagedJpeg(reason: string): SyntaxError {
  return new SyntaxError(`it is a damaged JPEG picture (${reason})`);
}

/**
 * Reads the header of the picture.
 *
 * @param data The data of its segment.
 * @param progressive Whether the marker says that it comes in passes.
 * @throws {SyntaxError} If it is damaged, or of a kind that hardly any picture is.
 */
export function readFrame(data: Uint8Array, progressive: boolean): Frame {
  const reader = new ByteReader(data, "its JPEG header");
  const precision = reader.uint8();
  const height = reader.uint8() * 256 + reader.uint8();
  const width = reader.uint8() * 256 + reader.uint8();
  const count = reader.uint8();
  if (precision !== 8) {
    throw new SyntaxError(`it is a JPEG picture with ${precision} bits a sample; expected 8`);
  }
  if (width === 0 || height === 0) throw new SyntaxError("it has no pixels");
  if (count !== 1 && count !== 3 && count !== 4) {
    throw new SyntaxError(`it is a JPEG picture of ${count} components; expected 1, 3 or 4`);
  }
  const listed = Array.from({ length: count }, () => readListed(reader));
  if (reader.left > 0) throw damagedJpeg("its header is longer than its components");
  if (new Set(listed.map(({ id }) => id)).size < count) {
    throw damagedJpeg("two of its components have one number");
  }
  const mostAcross = Math.max(...listed.map(({ across }) => across));
  const mostDown = Math.max(...listed.map(({ down }) => down));
  if (listed.some(({ across, down }) => mostAcross % across !== 0 || mostDown % down !== 0)) {
    throw new SyntaxError("it is a JPEG picture with components on grids that do not fit together");
  }
  const groupsAcross = Math.ceil(width / (BLOCK_SIDE * mostAcross));
  const groupsDown = Math.ceil(height / (BLOCK_SIDE * mostDown));
  const components = listed.map((component) => ({
    ...component,
    width: Math.ceil(width * component.across / mostAcross),
    height: Math.ceil(height * component.down / mostDown),
    blocksAcross: groupsAcross * component.across,
    blocksDown: groupsDown * component.down,
  }));
  const groups = { mostAcross, mostDown, groupsAcross, groupsDown };
  return { progressive, width, height, components, ...groups };
}

/** What the header has of a component. */
function readListed(reader: ByteReader): Pick<Component, "id" | "across" | "down" | "table"> {
  const [id, sampling, table] = [reader.uint8(), reader.uint8(), reader.uint8()];
  const [across, down] = [sampling >> 4, sampling & 15];
  if (across < 1 || down < 1 || across > MOST_SAMPLING || down > MOST_SAMPLING) {
    throw damagedJpeg(`a component has ${across} x ${down} samples; expected 1 to 4`);
  }
  return { id, across, down, table };
}

/** How many blocks of 8 x 8 samples a picture is made of. */
export function blocksOf({ components }: Frame): number {
  return components.reduce(
    (sum, { blocksAcross, blocksDown }) => sum + blocksAcross * blocksDown,
    0,
  );
}

/**
 * Refuses a picture that is too large, before room is made for it.
 *
 * @param frame The picture.
 * @param bytesLeft The bytes behind its header.
 * @param mostPixels How many pixels it may have.
 */
export function checkFrame(frame: Frame, bytesLeft: number, mostPixels: number): void {
  const { width, height } = frame;
  checkPixels(width, height, mostPixels);
  if (blocksOf(frame) <= bytesLeft * BLOCKS_A_BYTE) return;
  throw new SyntaxError(
    `it claims ${width} x ${height} pixels, more than the ${bytesLeft} bytes behind its header can hold`,
  );
}
