/**
 * Runs the phases of a map over values that lie in the shared memory.
 *
 * @module
 */

import type { Target } from "../codegen/target.ts";
import type { Block } from "../engine/heap.ts";
import type { Runtime, Task } from "../engine/runtime.ts";
import { bufferBytes } from "../engine/work.ts";
import type { MapBuffer, MapWork } from "../kernels/maps/work.ts";
import { phasesOf } from "./piece.ts";

/** A map, and what its operands are. */
export interface MapPrograms {
  /** For each operand which of a step's inputs it is, or numbers that never change. */
  readonly operands: readonly (number | Float32Array)[];
  /** Makes the phases; `null` if there are none for such sizes. */
  readonly plan: (target: Target) => MapWork | null;
}

/** Addresses of the values of a step. */
export interface MapPlaces {
  readonly inputs: readonly number[];
  readonly output: number;
}

/** Maps that are planned, by the target: those of a sequence stay the same. */
const planned = new WeakMap<MapPrograms, Map<Target, MapWork | null>>();

function workOf(programs: MapPrograms, target: Target): MapWork | null {
  const works = planned.get(programs) ?? new Map<Target, MapWork | null>();
  planned.set(programs, works);
  const known = works.get(target);
  if (known !== undefined) return known;
  const work = programs.plan(target);
  works.set(target, work);
  return work;
}

/** Under which name numbers are kept, by the array that they come from. */
const NUMBERS = "numbers";

/**
 * Runs a map.
 *
 * @returns Whether it could: there are phases, and memory for what they need.
 */
export function* runMap(
  runtime: Runtime,
  programs: MapPrograms,
  { inputs, output }: MapPlaces,
): Task<boolean> {
  const work = workOf(programs, runtime.target);
  if (work === null) return false;
  const { operands } = programs;
  const room = new MapRoom(runtime);
  try {
    const bases: number[] = [];
    const others: number[] = [];
    for (const [buffer, spec] of work.buffers.entries()) {
      const operand = operands[buffer];
      const numbers = operand instanceof Float32Array ? operand : spec.numbers;
      if (typeof operand === "number") bases[buffer] = inputs[operand] ?? 0;
      else if (buffer === operands.length) bases[buffer] = output;
      else if (numbers === undefined) others.push(buffer);
      else bases[buffer] = room.numbers(numbers) ?? NaN;
    }
    const specs = others.map((buffer) => work.buffers[buffer] ?? NO_BUFFER);
    const threads = room.threadsFor(specs);
    if (threads === 0 || bases.some(Number.isNaN)) return false;
    for (const [i, buffer] of others.entries()) {
      bases[buffer] = room.place(bufferBytes(specs[i] ?? NO_BUFFER, threads));
    }
    yield* phasesOf(runtime, work.phases, { bases, threads });
    room.keep();
    return true;
  } finally {
    room.close();
  }
}

const NO_BUFFER: MapBuffer = { name: "nothing", bytes: 0 };

/** Blocks are at least aligned to this. */
const CACHE_LINE_BYTES = 64;

/** The blocks of a map under way. */
class MapRoom {
  readonly #runtime: Runtime;
  readonly #blocks: Block[] = [];
  /** Blocks of numbers, by the array that they come from. They are taken while the memory may be asked for more. */
  readonly #numbers = new Map<Float32Array, Block>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** The address of a copy of some numbers; `null` if there is no room for it. */
  numbers(numbers: Float32Array): number | null {
    const runtime = this.#runtime;
    const known = this.#numbers.get(numbers) ?? runtime.residents.take(numbers, NUMBERS);
    if (known === undefined && !runtime.makeRoom(numbers.byteLength)) return null;
    const block = known ?? runtime.allocate(numbers.byteLength);
    if (known === undefined) runtime.floats(block.address, numbers.length).set(numbers);
    this.#numbers.set(numbers, block);
    return block.address;
  }

  /** How many threads there is room for buffers for, 0 if for none. */
  threadsFor(buffers: readonly MapBuffer[]): number {
    const bytes = (threads: number) =>
      buffers.reduce((sum, spec) => sum + bufferBytes(spec, threads) + CACHE_LINE_BYTES, 0);
    const { threads } = this.#runtime;
    return [threads, 1].find((count) => this.#runtime.makeRoom(bytes(count))) ?? 0;
  }

  place(bytes: number): number {
    const block = this.#runtime.allocate(bytes);
    this.#blocks.push(block);
    return block.address;
  }

  /** Keeps the numbers for the next time. */
  keep(): void {
    for (const [numbers, block] of this.#numbers) {
      this.#runtime.residents.keep(numbers, NUMBERS, block);
    }
    this.#numbers.clear();
  }

  close(): void {
    for (const block of [...this.#blocks, ...this.#numbers.values()]) this.#runtime.release(block);
  }
}
