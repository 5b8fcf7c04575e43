/**
 * Decodes scans: runs of the data in which some coefficients of some components come, block by block. A picture of the
 * plain kind has all coefficients of a block at once; a progressive one first the most telling ones of all blocks, then
 * more of them, then their lower bits.
 *
 * @module
 */

import { BitReader } from "./bits.ts";
import type { Component, Frame } from "./frame.ts";
import { BLOCK, BLOCK_SIDE, damagedJpeg } from "./frame.ts";
import type { HuffmanCode } from "./huffman.ts";

/** The place in a block of each coefficient in the order of the file: diagonal by diagonal, to and fro. */
// deno-fmt-ignore
export const ZIGZAG: Uint8Array = Uint8Array.of(
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
  12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
  58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
);

/** The coefficients of a component, block by block; each block row by row. */
export interface Plane {
  readonly component: Component;
  readonly coefficients: Int16Array;
}

/** A component in a scan. */
export interface ScanPart {
  readonly plane: Plane;
  /** The codes of first coefficients and of the others; none where the file has none. */
  readonly first: HuffmanCode | undefined;
  readonly others: HuffmanCode | undefined;
}

/** Which coefficients come, and which of their bits. */
export interface Band {
  /** The first and the last coefficient in the order of the file. */
  readonly from: number;
  readonly to: number;
  /** Whether their upper bits are known already. */
  readonly refines: boolean;
  /** The lowest bit that comes. */
  readonly low: number;
}

/** A run of the data. */
export interface Scan {
  readonly parts: readonly ScanPart[];
  readonly band: Band;
  /** How many groups of blocks stand between two marks at which decoding can begin anew; 0 if there are no marks. */
  readonly restart: number;
}

/** Decodes a block at a place of the coefficients. */
type DecodeBlock = (coefficients: Int16Array, at: number, part: PartState) => void;

/** A component while it is decoded. */
interface PartState extends ScanPart {
  /** The first coefficient of the block before. */
  previous: number;
}

/**
 * Decodes a scan into the coefficients of its components.
 *
 * @param frame The picture.
 * @param scan What comes in the scan.
 * @param intervals The data between the marks; what they return is returned.
 * @throws {SyntaxError} If the data are damaged, or not as many as the picture takes.
 */
export function decodeScan<End>(
  frame: Frame,
  scan: Scan,
  intervals: Iterator<Uint8Array, End>,
): End {
  const decoder = new ScanDecoder(frame, scan);
  const units = decoder.units;
  const step = scan.restart === 0 ? units : scan.restart;
  for (let from = 0;; from += step) {
    const { done, value } = intervals.next();
    if (done !== true && from < units) decoder.decode(value, from, Math.min(from + step, units));
    else if (done === true && from >= units) return value;
    else throw damagedJpeg("its picture data have more or fewer marks than it says");
  }
}

class ScanDecoder {
  readonly #bits = new BitReader();
  readonly #frame: Frame;
  readonly #parts: readonly PartState[];
  readonly #band: Band;
  readonly #decodeBlock: DecodeBlock;
  /** The blocks that are still to come without any coefficient of their own. */
  #emptyBlocks = 0;

  constructor(frame: Frame, { parts, band }: Scan) {
    this.#frame = frame;
    this.#parts = parts.map((part) => ({ ...part, previous: 0 }));
    this.#band = band;
    this.#decodeBlock = this.#chooseDecoder();
  }

  /** The blocks of the one component, or the groups of blocks in which several take turns. */
  get units(): number {
    const [part, ...others] = this.#parts;
    if (part === undefined) return 0;
    if (others.length > 0) return this.#frame.groupsAcross * this.#frame.groupsDown;
    const { width, height } = part.plane.component;
    return Math.ceil(width / BLOCK_SIDE) * Math.ceil(height / BLOCK_SIDE);
  }

  /** Decodes what stands between two marks. */
  decode(bytes: Uint8Array, from: number, to: number): void {
    this.#bits.begin(bytes);
    this.#emptyBlocks = 0;
    for (const part of this.#parts) part.previous = 0;
    const [part, ...others] = this.#parts;
    if (part === undefined) return;
    if (others.length > 0) { for (let unit = from; unit < to; unit++) this.#decodeGroup(unit); }
    else this.#decodeAlone(part, from, to);
  }

  #decodeAlone(part: PartState, from: number, to: number): void {
    const { component, coefficients } = part.plane;
    const across = Math.ceil(component.width / BLOCK_SIDE);
    for (let unit = from; unit < to; unit++) {
      const row = Math.floor(unit / across);
      const block = row * component.blocksAcross + unit - row * across;
      this.#decodeBlock(coefficients, block * BLOCK, part);
    }
  }

  #decodeGroup(unit: number): void {
    const { groupsAcross } = this.#frame;
    const [row, column] = [Math.floor(unit / groupsAcross), unit % groupsAcross];
    for (const part of this.#parts) {
      const { component: { across, down, blocksAcross }, coefficients } = part.plane;
      for (let y = 0; y < down; y++) {
        const first = (row * down + y) * blocksAcross + column * across;
        for (let x = 0; x < across; x++) {
          this.#decodeBlock(coefficients, (first + x) * BLOCK, part);
        }
      }
    }
  }

  #chooseDecoder(): DecodeBlock {
    const { from, refines } = this.#band;
    if (!this.#frame.progressive) {
      return (block, at, part) => {
        this.#decodeFirst(block, at, part);
        this.#decodeOthers(block, at, part);
      };
    }
    if (from === 0) {
      return refines
        ? (block, at) => this.#refineFirst(block, at)
        : (block, at, part) => this.#decodeFirst(block, at, part);
    }
    return refines
      ? (block, at, part) => this.#refineOthers(block, at, part)
      : (block, at, part) => this.#decodeOthers(block, at, part);
  }

  /** The first coefficient comes as the difference to the one before. */
  #decodeFirst(block: Int16Array, at: number, part: PartState): void {
    const size = this.#bits.decode(codeOf(part.first));
    if (size > 15) throw damagedJpeg(`a coefficient has ${size} bits`);
    part.previous += this.#bits.signed(size);
    block[at] = part.previous << this.#band.low;
  }

  #refineFirst(block: Int16Array, at: number): void {
    block[at] = (block[at] ?? 0) | this.#bits.bit() << this.#band.low;
  }

  /** The others come as how many zeros stand in front of each. */
  #decodeOthers(block: Int16Array, at: number, part: PartState): void {
    if (this.#emptyBlocks > 0) {
      this.#emptyBlocks--;
      return;
    }
    const bits = this.#bits;
    const code = codeOf(part.others);
    const { to, low } = this.#band;
    for (let index = Math.max(this.#band.from, 1); index <= to; index++) {
      const value = bits.decode(code);
      const [zeros, size] = [value >> 4, value & 15];
      if (size === 0 && zeros < 15) {
        this.#emptyBlocks = this.#readEmptyBlocks(zeros) - 1;
        return;
      }
      index += zeros;
      if (index > to) throw damagedJpeg("a block has more coefficients than it can hold");
      if (size > 0) block[at + (ZIGZAG[index] ?? 0)] = bits.signed(size) << low;
    }
  }

  /** How many blocks end here; in pictures of the plain kind, this one. */
  #readEmptyBlocks(bits: number): number {
    if (!this.#frame.progressive && bits > 0) {
      throw damagedJpeg("a block ends as only those of progressive pictures do");
    }
    return (1 << bits) + this.#bits.take(bits);
  }

  /**
   * One more bit of each coefficient that is there, and those that come new with this bit: so many zeros stand in front
   * of each, and what is there among them is refined in passing.
   */
  #refineOthers(block: Int16Array, at: number, part: PartState): void {
    const code = codeOf(part.others);
    const { from, to, low } = this.#band;
    let index = from;
    for (; this.#emptyBlocks === 0 && index <= to; index++) {
      const value = this.#bits.decode(code);
      const [zeros, size] = [value >> 4, value & 15];
      if (size > 1) throw damagedJpeg("a coefficient comes new with more than one bit");
      if (size === 0 && zeros < 15) {
        this.#emptyBlocks = this.#readEmptyBlocks(zeros);
        break;
      }
      const sign = size === 0 ? 0 : this.#bits.bit() === 1 ? 1 : -1;
      index = this.#refineUntil(block, at, index, zeros);
      if (size > 0 && index <= to) block[at + (ZIGZAG[index] ?? 0)] = sign * (1 << low);
    }
    if (this.#emptyBlocks === 0) return;
    this.#refineUntil(block, at, index, BLOCK);
    this.#emptyBlocks--;
  }

  /** Refines what is there, up to the zero behind so many others; returns its place. */
  #refineUntil(block: Int16Array, at: number, index: number, zeros: number): number {
    const { to, low } = this.#band;
    for (; index <= to; index++) {
      const place = at + (ZIGZAG[index] ?? 0);
      const value = block[place] ?? 0;
      if (value === 0) {
        if (zeros-- === 0) break;
      } else if (this.#bits.bit() === 1 && (Math.abs(value) >> low & 1) === 0) {
        block[place] = value + (value > 0 ? 1 << low : -(1 << low));
      }
    }
    return index;
  }
}

function codeOf(code: HuffmanCode | undefined): HuffmanCode {
  if (code === undefined) throw damagedJpeg("a Huffman table is missing");
  return code;
}
