/**
 * The chunks of a PNG file and the rules of which may stand where. What a picture cannot be right without is
 * an error, what it can be shown without is left out with a warning: as the specification has it, a name with
 * a capital first letter is the former.
 *
 * @module
 */

import { kindOf } from "../file_kind.ts";
import { crc32 } from "../crc32.ts";
import { CHUNK_FRAME, HEADER_LENGTH, SIGNATURE } from "./png_chunks.ts";

/** The colour types of the specification. */
export const GREY = 0;
export const RGB = 2;
export const PALETTE = 3;
export const GREY_ALPHA = 4;
export const RGB_ALPHA = 6;

/** What a colour type means. */
interface ColorType {
  readonly name: string;
  /** The samples of a pixel. */
  readonly samples: number;
  /** The bits of a sample that are permitted. */
  readonly depths: readonly number[];
}

const COLOR_TYPES: ReadonlyMap<number, ColorType> = new Map([
  [GREY, { name: "grey", samples: 1, depths: [1, 2, 4, 8, 16] }],
  [RGB, { name: "RGB", samples: 3, depths: [8, 16] }],
  [PALETTE, { name: "palette", samples: 1, depths: [1, 2, 4, 8] }],
  [GREY_ALPHA, { name: "grey and alpha", samples: 2, depths: [8, 16] }],
  [RGB_ALPHA, { name: "RGB and alpha", samples: 4, depths: [8, 16] }],
]);

/** The largest number of four bytes that the specification permits, for lengths and sizes. */
const LARGEST = 2 ** 31 - 1;

/** A file of a million damaged texts has not a million things to say. */
const MOST_WARNINGS = 8;

/** What the header chunk says, checked. */
export interface PngHeader {
  readonly width: number;
  readonly height: number;
  /** The bits of a sample. */
  readonly depth: number;
  readonly colorType: number;
  /** The samples of a pixel. */
  readonly samples: number;
  readonly interlaced: boolean;
}

/** What is needed of a file's chunks. */
export interface PngParts {
  readonly header: PngHeader;
  /** The colours of a palette picture, three bytes each. */
  readonly palette: Uint8Array | null;
  /** The alpha of the palette's first colours, or the one colour that is transparent, two bytes a sample. */
  readonly transparency: Uint8Array | null;
  /** The compressed samples, in pieces. */
  readonly data: readonly Uint8Array[];
  /** What was left out, each in a line. */
  readonly warnings: readonly string[];
}

/** An error of a file that is a PNG file, but not a right one. */
export function damaged(reason: string, cause?: unknown): SyntaxError {
  return new SyntaxError(`it is a damaged PNG file (${reason})`, { cause });
}

/**
 * Reads the chunks of a whole file.
 *
 * @param bytes The file.
 * @throws {SyntaxError} If a chunk that counts is missing, damaged, unknown or out of place.
 */
export function readParts(bytes: Uint8Array): PngParts {
  const reader = new PartsReader(readHeader(bytes));
  let end = SIGNATURE.length;
  while (!reader.ended) {
    const chunk = chunkAt(bytes, end);
    reader.take(chunk);
    end = chunk.end;
  }
  if (end < bytes.length) {
    reader.warn(`what follows its end is left out (${bytes.length - end} bytes)`);
  }
  return reader.parts;
}

/**
 * Reads the chunks in front of the compressed samples.
 *
 * @param bytes The beginning of a file, up to {@linkcode findData}.
 * @throws {SyntaxError} As {@linkcode readParts} does.
 */
export function readStart(bytes: Uint8Array): PngParts {
  const reader = new PartsReader(readHeader(bytes));
  for (let at = SIGNATURE.length; at < bytes.length;) {
    const chunk = chunkAt(bytes, at);
    reader.take(chunk);
    at = chunk.end;
  }
  reader.checkPalette();
  return reader.parts;
}

/**
 * Looks for the compressed samples.
 *
 * @param bytes The beginning of a file.
 * @returns Where their first chunk begins; where the search has to go on if it lies behind the bytes.
 */
export function findData(bytes: Uint8Array): number {
  const view = viewOf(bytes);
  let at = SIGNATURE.length;
  while (at + 8 <= bytes.length && typeAt(bytes, at) !== "IDAT") {
    at += CHUNK_FRAME + view.getUint32(at);
  }
  return at;
}

function checkSignature(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new SyntaxError("it is empty; expected a PNG file");
  const begins = (start: ArrayLike<number>, at: number) =>
    Array.from(start).every((byte, index) => byte === bytes[at + index]);
  const present = Math.min(bytes.length, SIGNATURE.length);
  if (begins(SIGNATURE.subarray(0, present), 0)) return;
  // The bytes around the name are there to be changed by whatever takes a file for text.
  if (begins(SIGNATURE.subarray(1, 4), 1)) {
    throw damaged("its first bytes were changed, as if it were text");
  }
  const kind = kindOf(bytes);
  throw new SyntaxError(
    kind === undefined ? "it is not a PNG file" : `it is ${kind}, not a PNG file`,
  );
}

function readHeader(bytes: Uint8Array): PngHeader {
  checkSignature(bytes);
  const { type, data } = chunkAt(bytes, SIGNATURE.length);
  if (type !== "IHDR" || data.length !== HEADER_LENGTH) {
    throw damaged(
      `it begins with a part "${type}" of ${data.length} bytes; expected "IHDR" of ${HEADER_LENGTH}`,
    );
  }
  const view = viewOf(data);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth = 0, colorType = 0, compression, filter, interlace = 0] = data.subarray(8);
  if (width === 0 || height === 0) throw new SyntaxError("it has no pixels");
  if (width > LARGEST || height > LARGEST) {
    throw damaged(`it claims ${width} x ${height} pixels; expected at most ${LARGEST} a side`);
  }
  const color = COLOR_TYPES.get(colorType);
  if (color === undefined) {
    throw damaged(`it has colour type ${colorType}; expected 0, 2, 3, 4 or 6`);
  }
  if (!color.depths.includes(depth)) {
    throw damaged(
      `a ${color.name} picture has ${color.depths.join(", ")} bits a sample, but this one ${depth}`,
    );
  }
  if (compression !== 0 || filter !== 0 || interlace > 1) {
    throw damaged(
      `it has compression, filter and interlace method ${compression}, ${filter} and ${interlace}; ` +
        `expected 0, 0 and 0 or 1`,
    );
  }
  return { width, height, depth, colorType, samples: color.samples, interlaced: interlace === 1 };
}

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
  /** Whether the checksum is right. */
  readonly intact: boolean;
  /** Where the next one begins. */
  readonly end: number;
}

function chunkAt(bytes: Uint8Array, at: number): Chunk {
  if (at + CHUNK_FRAME > bytes.length) {
    throw new SyntaxError("it ends early: the PNG file has no end mark");
  }
  const view = viewOf(bytes);
  const type = typeAt(bytes, at);
  if (!/^[A-Za-z]{4}$/.test(type)) {
    throw damaged(`at byte ${at} the name of a part is not four letters`);
  }
  const length = view.getUint32(at);
  const end = at + CHUNK_FRAME + length;
  if (end > bytes.length) {
    throw new SyntaxError(
      `it ends early: its part "${type}" takes ${length} bytes, but ` +
        `${bytes.length - at - CHUNK_FRAME} are there`,
    );
  }
  const intact = crc32(bytes.subarray(at + 4, end - 4)) === view.getUint32(end - 4);
  if (!intact && isCritical(type)) throw damaged(`the checksum of its part "${type}" is wrong`);
  return { type, data: bytes.subarray(at + 8, end - 4), intact, end };
}

function isCritical(type: string): boolean {
  return type < "a";
}

function typeAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at + 4, at + 8));
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Takes chunks one after the other, and knows which may still come. */
class PartsReader {
  readonly #header: PngHeader;
  readonly #data: Uint8Array[] = [];
  readonly #warnings: string[] = [];
  #palette: Uint8Array | null = null;
  #transparency: Uint8Array | null = null;
  #previous = "";
  #hasData = false;

  constructor(header: PngHeader) {
    this.#header = header;
  }

  get parts(): PngParts {
    const [header, data, warnings] = [this.#header, this.#data, this.#warnings];
    const palette = header.colorType === PALETTE ? this.#palette : null;
    return { header, palette, transparency: this.#transparency, data, warnings };
  }

  get ended(): boolean {
    return this.#previous === "IEND";
  }

  warn(warning: string): void {
    if (this.#warnings.length < MOST_WARNINGS) this.#warnings.push(warning);
  }

  take({ type, data, intact }: Chunk): void {
    if (!intact) this.warn(`its part "${type}" is left out: its checksum is wrong`);
    else if (type === "IHDR") this.#takeHeader();
    else if (type === "PLTE") this.#takePalette(data);
    else if (type === "tRNS") this.#takeTransparency(data);
    else if (type === "IDAT") this.#takeData(data);
    else if (type === "IEND") this.#takeEnd(data);
    else if (isCritical(type)) {
      throw new SyntaxError(
        `it has a part "${type}", without which it is not right and which is unknown`,
      );
    }
    this.#previous = type;
  }

  checkPalette(): void {
    if (this.#header.colorType === PALETTE && this.#palette === null) {
      throw damaged("it has no palette in front of its picture data");
    }
  }

  #takeHeader(): void {
    if (this.#previous !== "") throw damaged("it has two headers");
  }

  #takePalette(data: Uint8Array): void {
    if (this.#hasData) throw damaged("its palette comes behind its picture data");
    if (this.#palette !== null) throw damaged("it has two palettes");
    this.#palette = data;
    const { colorType, depth } = this.#header;
    if (colorType === GREY || colorType === GREY_ALPHA) {
      this.warn('its part "PLTE" is left out: a grey picture has no palette');
    }
    if (colorType !== PALETTE) return;
    const most = 2 ** depth;
    const colors = data.length / 3;
    if (!Number.isInteger(colors) || colors < 1 || colors > most) {
      throw damaged(
        `its palette takes ${data.length} bytes; expected 3 for each of 1 to ${most} colours`,
      );
    }
  }

  #takeTransparency(data: Uint8Array): void {
    const reason = this.#reasonAgainst(data);
    if (reason === null) this.#transparency = data;
    else this.warn(`its part "tRNS" is left out: ${reason}`);
  }

  /** Why a chunk that says what is transparent cannot be meant. */
  #reasonAgainst({ length }: Uint8Array): string | null {
    const { colorType, samples } = this.#header;
    if (colorType === GREY_ALPHA || colorType === RGB_ALPHA) return "the picture has alpha already";
    if (this.#hasData) return "it comes behind the picture data";
    if (this.#transparency !== null) return "there is one already";
    if (colorType !== PALETTE) {
      const expected = 2 * samples;
      return length === expected ? null : `it takes ${length} bytes; expected ${expected}`;
    }
    if (this.#palette === null) return "it comes before the palette";
    const colors = this.#palette.length / 3;
    return length >= 1 && length <= colors
      ? null
      : `it is for ${length} colours, but the palette has ${colors}`;
  }

  #takeData(data: Uint8Array): void {
    if (!this.#hasData) this.checkPalette();
    else if (this.#previous !== "IDAT") throw damaged("other parts lie between its picture data");
    this.#hasData = true;
    if (data.length > 0) this.#data.push(data);
  }

  #takeEnd({ length }: Uint8Array): void {
    if (!this.#hasData) throw damaged("it has no picture data");
    if (length > 0) throw damaged(`its end mark takes ${length} bytes; expected none`);
  }
}
