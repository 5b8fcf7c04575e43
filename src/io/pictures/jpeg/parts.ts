/**
 * Reads a JPEG file segment by segment: tables are noted, scans are decoded with those that were noted last.
 *
 * @module
 */

import { kindOf } from "../../file_kind.ts";
import { ByteReader } from "../../reader.ts";
import type { ColorSpace } from "./colors.ts";
import { isExif, orientationOf } from "./exif.ts";
import type { Frame } from "./frame.ts";
import { BLOCK, checkFrame, damagedJpeg, readFrame } from "./frame.ts";
import type { HuffmanCode, HuffmanTable } from "./huffman.ts";
import { checkTable, huffmanCode, LONGEST_CODE } from "./huffman.ts";
import type { Band, Plane, ScanPart } from "./scan.ts";
import { decodeScan, ZIGZAG } from "./scan.ts";
import type { Segment } from "./segments.ts";
import * as markers from "./segments.ts";
import { checkKind, intervalsAt, segmentAt } from "./segments.ts";

/** A component's coefficients, and what they are to be multiplied by. */
export interface CodedPlane extends Plane {
  readonly table: Uint16Array;
}

/** What a file holds. */
export interface JpegParts {
  readonly frame: Frame;
  readonly planes: readonly CodedPlane[];
  readonly space: ColorSpace;
  /** How the camera was held, 1 to 8. */
  readonly orientation: number;
  readonly warnings: readonly string[];
}

/** A progressive picture comes in about ten scans; each of them goes through all blocks, however few its bytes are. */
const MOST_SCANS = 100;

/** The numbers of tables. */
const MOST_TABLES = 4;

const ADOBE_NAME = [0x41, 0x64, 0x6f, 0x62, 0x65];
const JFIF_NAME = [0x4a, 0x46, 0x49, 0x46, 0];
const RGB_IDS = "82,71,66";

/**
 * Reads a whole file.
 *
 * @param bytes The file.
 * @param mostPixels How many pixels the picture may have.
 * @throws {SyntaxError} If it is damaged, of a kind that is not read, or too large.
 */
export function readParts(bytes: Uint8Array, mostPixels: number): JpegParts {
  checkStart(bytes);
  const reader = new PartsReader(mostPixels);
  for (let at = 2;;) {
    const segment = segmentAt(bytes, at);
    if (segment.marker === markers.END) return reader.finish();
    at = segment.end;
    if (segment.marker === markers.SCAN) {
      at = reader.takeScan(segment.data, intervalsAt(bytes, at));
    } else {
      reader.take(segment, bytes.length - at);
    }
  }
}

function checkStart(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new SyntaxError("it is empty; expected a JPEG picture");
  if (bytes[0] === 0xff && bytes[1] === markers.START) return;
  const kind = kindOf(bytes);
  throw new SyntaxError(
    kind === undefined ? "it is not a JPEG picture" : `it is ${kind}, not a JPEG picture`,
  );
}

class PartsReader {
  readonly #mostPixels: number;
  readonly #quantization = new Map<number, Uint16Array>();
  /** Codes of first coefficients, and of the others. */
  readonly #firsts = new Map<number, HuffmanTable>();
  readonly #others = new Map<number, HuffmanTable>();
  /** The tables of components, as they were when their first scan came. */
  readonly #tables = new Map<Plane, Uint16Array>();
  readonly #warnings: string[] = [];
  #frame: Frame | null = null;
  #planes: readonly Plane[] = [];
  #restart = 0;
  #scans = 0;
  #orientation: number | null = null;
  #isJfif = false;
  #adobe: number | null = null;

  constructor(mostPixels: number) {
    this.#mostPixels = mostPixels;
  }

  /** Takes a segment that has no coded data. */
  take({ marker, data }: Segment, bytesLeft: number): void {
    switch (marker) {
      case markers.BASELINE:
      case markers.EXTENDED:
      case markers.PROGRESSIVE:
        return this.#takeFrame(readFrame(data, marker === markers.PROGRESSIVE), bytesLeft);
      case markers.QUANTIZATION:
        return this.#takeQuantization(data);
      case markers.HUFFMAN:
        return this.#takeHuffman(data);
      case markers.RESTART:
        this.#restart = new ByteReader(data, "its JPEG tables").uint8() * 256 + (data[1] ?? 0);
        return;
      case markers.JFIF:
        this.#isJfif ||= begins(data, JFIF_NAME);
        return;
      case markers.ADOBE:
        if (begins(data, ADOBE_NAME)) this.#adobe = data[11] ?? null;
        return;
      case markers.EXIF:
        if (isExif(data) && this.#orientation === null) this.#takeExif(data);
        return;
      default:
        return checkOther(marker);
    }
  }

  #takeExif(data: Uint8Array): void {
    const orientation = orientationOf(data);
    if (orientation === null) {
      this.#warnings.push("what it says of how the camera was held is left out: it is damaged");
    }
    this.#orientation = orientation ?? 1;
  }

  #takeFrame(frame: Frame, bytesLeft: number): void {
    if (this.#frame !== null) throw damagedJpeg("it has two headers");
    checkFrame(frame, bytesLeft, this.#mostPixels);
    this.#frame = frame;
    this.#planes = frame.components.map((component) => ({
      component,
      coefficients: new Int16Array(component.blocksAcross * component.blocksDown * BLOCK),
    }));
  }

  #takeQuantization(data: Uint8Array): void {
    const reader = new ByteReader(data, "its JPEG tables");
    while (reader.left > 0) {
      const form = reader.uint8();
      const [isWide, number] = [form >> 4 === 1, form & 15];
      if (form >> 4 > 1 || number >= MOST_TABLES) {
        throw damagedJpeg("a quantization table has a wrong number");
      }
      const table = new Uint16Array(BLOCK);
      for (const place of ZIGZAG) {
        table[place] = isWide ? reader.uint8() * 256 + reader.uint8() : reader.uint8();
      }
      this.#quantization.set(number, table);
    }
  }

  #takeHuffman(data: Uint8Array): void {
    const reader = new ByteReader(data, "its JPEG tables");
    while (reader.left > 0) {
      const form = reader.uint8();
      const [kind, number] = [form >> 4, form & 15];
      if (kind > 1 || number >= MOST_TABLES) {
        throw damagedJpeg("a Huffman table has a wrong number");
      }
      const counts = reader.take(LONGEST_CODE);
      const values = reader.take(counts.reduce((sum, count) => sum + count, 0));
      const table = { counts, values };
      checkTable(table);
      (kind === 0 ? this.#firsts : this.#others).set(number, table);
    }
  }

  /** Takes a scan and its coded data; returns where they end. */
  takeScan(header: Uint8Array, intervals: Iterator<Uint8Array, number>): number {
    const frame = this.#frame;
    if (frame === null) throw damagedJpeg("its picture data come before its header");
    if (++this.#scans > MOST_SCANS) {
      throw new SyntaxError(`it is a JPEG picture in more than ${MOST_SCANS} scans`);
    }
    const reader = new ByteReader(header, "its JPEG scan");
    const count = reader.uint8();
    const parts = Array.from({ length: Math.min(count, 5) }, () => this.#readPart(reader));
    const band = frame.progressive ? readBand(reader, count) : PLAIN;
    if (count < 1 || new Set(parts.map(({ plane }) => plane)).size !== count) {
      throw damagedJpeg(`a scan is of ${count} components; expected some of those in the header`);
    }
    for (const { plane } of parts) this.#noteTable(plane);
    return decodeScan(frame, { parts, band, restart: this.#restart }, intervals);
  }

  #readPart(reader: ByteReader): ScanPart {
    const [id, tables] = [reader.uint8(), reader.uint8()];
    const plane = this.#planes.find(({ component }) => component.id === id);
    if (plane === undefined) throw damagedJpeg(`a scan is of component ${id}, which is not there`);
    const [first, others] = [this.#firsts.get(tables >> 4), this.#others.get(tables & 15)];
    return { plane, first: codeOf(first), others: codeOf(others) };
  }

  #noteTable(plane: Plane): void {
    if (this.#tables.has(plane)) return;
    const table = this.#quantization.get(plane.component.table);
    if (table === undefined) throw damagedJpeg("a quantization table is missing");
    this.#tables.set(plane, table);
  }

  finish(): JpegParts {
    const frame = this.#frame;
    if (frame === null) throw damagedJpeg("it has no picture");
    const planes = this.#planes.map((plane) => {
      const table = this.#tables.get(plane);
      if (table === undefined) throw damagedJpeg("a component has no data");
      return { ...plane, table };
    });
    const orientation = this.#orientation ?? 1;
    return { frame, planes, space: this.#spaceOf(frame), orientation, warnings: this.#warnings };
  }

  /** How the components are meant, by the signs that everybody goes by. */
  #spaceOf({ components }: Frame): ColorSpace {
    if (components.length === 1) return "grey";
    if (components.length === 4) {
      if (this.#adobe === null) {
        throw new SyntaxError(
          "it is a JPEG picture of four inks that does not say how they are meant",
        );
      }
      return this.#adobe === 0 ? "CMYK" : "YCCK";
    }
    if (this.#isJfif) return "YCbCr";
    if (this.#adobe !== null) return this.#adobe === 0 ? "RGB" : "YCbCr";
    return components.map(({ id }) => id).join() === RGB_IDS ? "RGB" : "YCbCr";
  }
}

/** All coefficients, all bits. */
const PLAIN: Band = { from: 0, to: BLOCK - 1, refines: false, low: 0 };

const MOST_LOW_BITS = 13;

function readBand(reader: ByteReader, components: number): Band {
  const [from, to, bits] = [reader.uint8(), reader.uint8(), reader.uint8()];
  const [high, low] = [bits >> 4, bits & 15];
  const isRange = from === 0 ? to === 0 : from <= to && to < BLOCK && components === 1;
  if (!isRange || low > MOST_LOW_BITS || high !== 0 && high !== low + 1) {
    throw damagedJpeg(`a scan is of coefficients ${from} to ${to}, bits ${high} to ${low}`);
  }
  return { from, to, refines: high !== 0, low };
}

function codeOf(table: HuffmanTable | undefined): HuffmanCode | undefined {
  return table === undefined ? undefined : huffmanCode(table);
}

function begins(data: Uint8Array, name: readonly number[]): boolean {
  return name.every((byte, index) => data[index] === byte);
}

/** Texts, colour profiles and thumbnails are left out; what the picture is coded in cannot be. */
function checkOther(marker: number): void {
  checkKind(marker);
  const isLeftOut = marker >= 0xe0 && marker <= 0xef || marker === 0xfe;
  if (!isLeftOut) throw damagedJpeg(`it has a part of kind ${marker}, which is unknown`);
}
