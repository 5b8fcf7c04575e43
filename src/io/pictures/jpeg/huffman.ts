import { damagedJpeg } from "./frame.ts";

/** The most bits of a code. */
export const LONGEST_CODE = 16;

/** A Huffman code: what 16 bits of the data begin with. */
export interface HuffmanCode {
  /** By all 16 bits: the value in the lower 8 bits and how many bits stand for it above them; 0 where nothing does. */
  readonly entries: Uint16Array;
}

/**
 * The code in which shorter ones come first and each is the one before it plus 1.
 *
 * @param counts How many codes there are of 1 to 16 bits.
 * @param values What they stand for.
 * @throws {SyntaxError} If there are more of a length than the bits can tell apart.
 */
export function huffmanCode(counts: Uint8Array, values: Uint8Array): HuffmanCode {
  const entries = new Uint16Array(2 ** LONGEST_CODE);
  let at = 0;
  let place = 0;
  for (const [index, count] of counts.entries()) {
    const bits = index + 1;
    const places = 2 ** (LONGEST_CODE - bits);
    for (let code = 0; code < count; code++, at += places) {
      if (at + places > entries.length) throw damagedJpeg("a Huffman table has too many codes");
      entries.fill(bits << 8 | (values[place++] ?? 0), at, at + places);
    }
  }
  return { entries };
}
