/**
 * The Huffman code that takes the fewest bits for what is to be written, as T.81 (K.2) makes it: no code of more than 16
 * bits, and none of ones alone.
 *
 * @module
 */

import type { HuffmanTable } from "./huffman.ts";
import { LONGEST_CODE } from "./huffman.ts";

/** How often each of 256 values comes. */
export type Frequencies = Float64Array;

/** What stands for each value: bits, and how many they are. */
export interface WrittenCode {
  readonly table: HuffmanTable;
  readonly bits: Uint16Array;
  readonly lengths: Uint8Array;
}

/** A value that never comes, for which the code of ones is kept. */
const NO_VALUE = 256;

/** Lengths that come out of merging, before they are cut to 16. */
const MOST_LENGTH = 257;

/** The code of values that come so often. */
export function codeOfFrequencies(frequencies: Frequencies): WrittenCode {
  const lengths = mergedLengths(frequencies);
  const counts = limited(countsOf(lengths));
  // The longest code is that of the value that never comes.
  const longest = counts.findLastIndex((count) => count > 0);
  counts[longest] = (counts[longest] ?? 0) - 1;
  const values = Uint8Array.from(
    Array.from({ length: NO_VALUE }, (_, value) => value)
      .filter((value) => (lengths[value] ?? 0) > 0)
      .sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0) || a - b),
  );
  return codeOf({ counts: Uint8Array.from(counts.slice(1, LONGEST_CODE + 1)), values });
}

/** How many bits each value would take: the two rarest groups of values are merged until one is left. */
function mergedLengths(frequencies: Frequencies): readonly number[] {
  const lengths = new Array<number>(NO_VALUE + 1).fill(0);
  const groups = Array.from(frequencies, (frequency, value) => ({ frequency, values: [value] }))
    .filter(({ frequency }) => frequency > 0);
  groups.push({ frequency: 1, values: [NO_VALUE] });
  while (groups.length > 1) {
    groups.sort((a, b) =>
      b.frequency - a.frequency || Math.max(...a.values) - Math.max(...b.values)
    );
    const [rarest, next] = [groups.pop(), groups.pop()];
    if (rarest === undefined || next === undefined) break;
    const values = [...next.values, ...rarest.values];
    for (const value of values) lengths[value] = (lengths[value] ?? 0) + 1;
    groups.push({ frequency: rarest.frequency + next.frequency, values });
  }
  // Where nothing comes at all, a code has a length all the same.
  if (lengths[NO_VALUE] === 0) lengths[NO_VALUE] = 1;
  return lengths;
}

function countsOf(lengths: readonly number[]): number[] {
  const counts = new Array<number>(MOST_LENGTH + 1).fill(0);
  for (const length of lengths) if (length > 0) counts[length] = (counts[length] ?? 0) + 1;
  return counts;
}

/** Two codes that are too long become one of one bit less, and a shorter one is made longer for the other. */
function limited(counts: number[]): number[] {
  for (let length = counts.length - 1; length > LONGEST_CODE; length--) {
    while ((counts[length] ?? 0) > 0) {
      let shorter = length - 2;
      while (counts[shorter] === 0) shorter--;
      counts[length] = (counts[length] ?? 0) - 2;
      counts[length - 1] = (counts[length - 1] ?? 0) + 1;
      counts[shorter + 1] = (counts[shorter + 1] ?? 0) + 2;
      counts[shorter] = (counts[shorter] ?? 0) - 1;
    }
  }
  return counts;
}

/** Shorter codes come first, and each is the one before it plus 1. */
function codeOf(table: HuffmanTable): WrittenCode {
  const bits = new Uint16Array(NO_VALUE);
  const lengths = new Uint8Array(NO_VALUE);
  let code = 0;
  let place = 0;
  for (const [index, count] of table.counts.entries()) {
    for (let number = 0; number < count; number++) {
      const value = table.values[place++] ?? 0;
      bits[value] = code++;
      lengths[value] = index + 1;
    }
    code <<= 1;
  }
  return { table, bits, lengths };
}
