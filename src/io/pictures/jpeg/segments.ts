/**
 * The segments of a JPEG file: a marker, its length and its data, and behind the header of a scan the coded data up to
 * the next marker.
 *
 * @module
 */

import { damagedJpeg } from "./frame.ts";

/** The markers that count here, the second of their two bytes. */
export const START = 0xd8;
export const END = 0xd9;
export const SCAN = 0xda;
export const QUANTIZATION = 0xdb;
export const HUFFMAN = 0xc4;
export const RESTART = 0xdd;
export const BASELINE = 0xc0;
export const EXTENDED = 0xc1;
export const PROGRESSIVE = 0xc2;
export const FRAMES: readonly number[] = [BASELINE, EXTENDED, PROGRESSIVE];
export const JFIF = 0xe0;
export const EXIF = 0xe1;
export const ADOBE = 0xee;

const FIRST_RESTART_MARK = 0xd0;
const LAST_RESTART_MARK = 0xd7;

/** The ways to code a picture that are not read, by their markers. */
const OTHER_KINDS: ReadonlyMap<number, string> = new Map([
  [0xc3, "a lossless"],
  [0xc5, "a hierarchical"],
  [0xc6, "a hierarchical"],
  [0xc7, "a hierarchical"],
  [0xc9, "an arithmetically coded"],
  [0xca, "an arithmetically coded"],
  [0xcb, "an arithmetically coded"],
  [0xcd, "an arithmetically coded"],
  [0xce, "an arithmetically coded"],
  [0xcf, "an arithmetically coded"],
]);

/** A part of a file. */
export interface Segment {
  readonly marker: number;
  readonly data: Uint8Array;
  /** Where the next one begins, or the coded data of a scan. */
  readonly end: number;
}

/**
 * Reads the segment that begins at a place.
 *
 * @throws {SyntaxError} If there is no whole one.
 */
export function segmentAt(bytes: Uint8Array, at: number): Segment {
  if (at >= bytes.length) throw endsEarly();
  if (bytes[at] !== 0xff) throw damagedJpeg(`at byte ${at} no part begins`);
  // Any number of such bytes may stand in front.
  while (bytes[at + 1] === 0xff) at++;
  const marker = bytes[at + 1];
  if (marker === undefined) throw endsEarly();
  if (marker === END || marker === START) {
    return { marker, data: bytes.subarray(at, at), end: at + 2 };
  }
  if (at + 4 > bytes.length) throw endsEarly();
  const length = (bytes[at + 2] ?? 0) << 8 | (bytes[at + 3] ?? 0);
  const end = at + 2 + length;
  if (length < 2) throw damagedJpeg(`at byte ${at} a part has a length of ${length}`);
  if (end > bytes.length) throw endsEarly();
  return { marker, data: bytes.subarray(at + 4, end), end };
}

/**
 * The coded data that begin at a place, from one mark to the next at which decoding can begin anew, without what keeps
 * them from looking like markers.
 *
 * @returns Where the next segment begins.
 * @throws {SyntaxError} If no segment follows them, or their marks are out of order.
 */
export function* intervalsAt(bytes: Uint8Array, at: number): Generator<Uint8Array, number> {
  for (let index = 0;; index++) {
    const end = endOfInterval(bytes, at);
    yield withoutStuffing(bytes.subarray(at, end));
    const marker = bytes[end + 1] ?? 0;
    if (marker < FIRST_RESTART_MARK || marker > LAST_RESTART_MARK) return end;
    // The marks are numbered from 0 to 7, over and over.
    if (marker !== FIRST_RESTART_MARK + index % 8) {
      throw damagedJpeg("a part of its picture data is missing");
    }
    at = end + 2;
  }
}

/** Where the next marker stands. A byte of 255 in the data has a zero behind it. */
function endOfInterval(bytes: Uint8Array, at: number): number {
  for (;;) {
    const next = bytes.indexOf(0xff, at);
    if (next < 0 || next + 1 >= bytes.length) throw endsEarly();
    if (bytes[next + 1] !== 0) return next;
    at = next + 2;
  }
}

function withoutStuffing(coded: Uint8Array): Uint8Array {
  const data = new Uint8Array(coded.length);
  let length = 0;
  for (let at = 0; at < coded.length; at++) {
    const byte = coded[at] ?? 0;
    data[length++] = byte;
    if (byte === 0xff) at++;
  }
  return data.subarray(0, length);
}

function endsEarly(): SyntaxError {
  return new SyntaxError("it ends early: the JPEG picture has no end mark");
}

/**
 * Refuses the ways to code a picture that are not read.
 *
 * @throws {SyntaxError} If a marker is of one of them.
 */
export function checkKind(marker: number): void {
  const kind = OTHER_KINDS.get(marker);
  if (kind === undefined) return;
  throw new SyntaxError(`it is ${kind} JPEG picture; expected a baseline or progressive one`);
}
