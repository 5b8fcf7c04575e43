import { damagedJpeg } from "./frame.ts";

/** The most bits of a code. */
export const LONGEST_CODE = 16;

/** A Huffman code as a file has it: shorter ones come first, and each is the one before it plus 1. */
export interface HuffmanTable {
  /** How many codes there are of 1 to 16 bits. */
  readonly counts: Uint8Array;
  /** What they stand for. */
  readonly values: Uint8Array;
}

/**
 * A Huffman code, by 16 bits that begin with one: the value in the lower 8 bits, and above them how many bits stand for
 * it; 0 where nothing does.
 */
export type HuffmanCode = Uint16Array;

/**
 * Checks a table.
 *
 * @throws {SyntaxError} If there are more codes of a length than its bits can tell apart.
 */
export function checkTable({ counts }: HuffmanTable): void {
  const places = counts.reduce((sum, count, index) => sum + count * placesOf(index + 1), 0);
  if (places > 2 ** LONGEST_CODE) throw damagedJpeg("a Huffman table has too many codes");
}

/** How many of all 16 bits begin with a code of so many. */
function placesOf(bits: number): number {
  return 2 ** (LONGEST_CODE - bits);
}

/** The code of a table, which takes some time: it is made where the table is used. */
export function huffmanCode({ counts, values }: HuffmanTable): HuffmanCode {
  const code = new Uint16Array(2 ** LONGEST_CODE);
  let at = 0;
  let place = 0;
  for (const [index, count] of counts.entries()) {
    const places = placesOf(index + 1);
    for (let number = 0; number < count; number++, at += places) {
      code.fill(index + 1 << 8 | (values[place++] ?? 0), at, at + places);
    }
  }
  return code;
}
