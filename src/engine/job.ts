/**
 * A phase over concrete addresses, as words in the shared memory.
 *
 * @module
 */

import { FLOAT_BYTES, type Program } from "../codegen/program.ts";
import { reachOf } from "../codegen/reach.ts";
import { gridTiles, type Phase, phaseTiles } from "./work.ts";

/** Where the encoded code of a phase lies. */
export interface ModuleLocation {
  /** Unique among all modules of the engine. */
  readonly id: number;
  readonly address: number;
  readonly bytes: number;
}

/** Most units of a job: they are counted in 16 bits, and each has a word of state. */
export const MOST_UNITS = 8192;

/** How many units a phase's tiles are claimed in. */
export function unitsOf(phase: Phase): number {
  const tiles = phaseTiles(phase);
  return Math.ceil(tiles / tilesPerUnit(tiles));
}

/** How many of a phase's tiles make a unit. */
export function tilesPerUnit(tiles: number): number {
  return Math.max(1, Math.ceil(tiles / MOST_UNITS));
}

/**
 * Encodes a job:
 * `[module id, code address, code bytes, units, tiles per unit, grids, threads]`, then for each grid `[program,
 * tiles, axes, parameters, extents..., (pointer, its high word, reach, thread step, steps...) per
 * parameter]`. The reach is how many bytes a tile reads from the pointer on in the buffer that is being
 * filled, and 0 in all others.
 *
 * @param phase The tiles.
 * @param bases Address of each buffer.
 * @param module Where the programs' code is.
 * @param threads How many may take part: those with numbers below.
 * @param filling The buffer that is being filled while the tiles run; `null` if none is.
 */
export function encodeJob(
  phase: Phase,
  bases: readonly number[],
  module: ModuleLocation,
  threads: number,
  filling: number | null,
): Int32Array<ArrayBuffer> {
  const templates = templatesOf.get(phase) ?? new Map<number | null, JobTemplate>();
  const template = templates.get(filling) ?? makeTemplate(phase, filling);
  templatesOf.set(phase, templates.set(filling, template));
  const words = template.words.slice();
  words[0] = module.id;
  words[1] = module.address;
  words[2] = module.bytes;
  words[6] = threads;
  for (const { word, buffer, offset } of template.pointers) {
    const pointer = (bases[buffer] ?? 0) + offset;
    words[word] = pointer;
    words[word + 1] = highWord(pointer);
  }
  return words;
}

/** A job but for its module and its addresses, which are others in every call. */
interface JobTemplate {
  readonly words: Int32Array<ArrayBuffer>;
  readonly pointers: readonly JobPointer[];
}

/** Where in the words of a job a pointer belongs, and what it points to. */
interface JobPointer {
  readonly word: number;
  readonly buffer: number;
  readonly offset: number;
}

/** By the buffer that is being filled. */
const templatesOf = new WeakMap<Phase, Map<number | null, JobTemplate>>();

function makeTemplate(phase: Phase, filling: number | null): JobTemplate {
  const tiles = phaseTiles(phase);
  const words = [0, 0, 0, unitsOf(phase), tilesPerUnit(tiles), phase.grids.length, 0];
  const pointers: JobPointer[] = [];
  for (const grid of phase.grids) {
    const { program, extents, args } = grid;
    words.push(program, gridTiles(grid), extents.length, args.length, ...extents);
    for (const [parameter, { buffer, offset, threadStep, steps }] of args.entries()) {
      const reach = buffer === filling ? readEnd(phase.programs[program], parameter) : 0;
      pointers.push({ word: words.length, buffer, offset });
      words.push(0, 0, reach, threadStep, ...steps);
    }
  }
  return { words: Int32Array.from(words), pointers };
}

/** How many bytes a program reads from a parameter on; 0 if it reads nothing there. */
function readEnd(program: Program | undefined, parameter: number): number {
  const reads = program === undefined ? null : reachOf(program)[parameter]?.reads ?? null;
  return reads === null ? 0 : Math.max(reads.end, FLOAT_BYTES);
}

/** What a pointer has beyond its low word, taken as a signed number: 0 within the shared memory. */
function highWord(pointer: number): number {
  return (pointer - (pointer | 0)) / 2 ** 32;
}
