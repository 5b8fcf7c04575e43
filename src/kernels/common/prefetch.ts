/**
 * Weights that a tile reads once from one end to the other: a network's are seldom in a second-level cache when
 * their turn comes. The processor's own prefetchers look ahead no further than the end of a page of 4 KiB, and the
 * translation of each page's address is waited for besides.
 *
 * Machine code with AVX-512, one thread of a processor with 2 MiB of second-level cache, milliseconds of the first
 * of ten layers whose weights pass by in turn, by how far ahead their lines are asked for (none in WebAssembly, which has
 * no instruction for it):
 *
 * | layer, by Winograd's algorithm | not | 1 KiB | 2 KiB | 6 KiB | 12 KiB | 16 KiB | 32 KiB |
 * | --- | --- | --- | --- | --- | --- | --- | --- |
 * | 3x3 512>512 @7 | 2.70 | 2.11 | 1.95 | 1.75 | 1.75 | 1.90 | 2.27 |
 * | 3x3 256>256 @14 | 1.71 | 1.24 | 1.41 | 1.06 | 1.02 | 1.10 | 1.29 |
 *
 * Where the weights are near anyway it costs nothing that could be measured.
 *
 * @module
 */

import type { Pointer, ProgramBuilder } from "../../codegen/program.ts";
import { CACHE_LINE_BYTES } from "./cache.ts";

/** How far ahead lines are asked for. */
const AHEAD_BYTES = 12 * 1024;

/**
 * For a stream that is read from where its pointer stands: writes, each time it is called, what asks for the lines
 * that lie as far ahead as those up to some byte.
 */
export function prefetching(code: ProgramBuilder, stream: Pointer): (end: number) => void {
  let asked = 0;
  return (end) => {
    for (; asked < end; asked += CACHE_LINE_BYTES) code.prefetch(stream, AHEAD_BYTES + asked);
  };
}
