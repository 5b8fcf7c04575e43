/**
 * Which real register stands for which virtual one: a fixed mapping for the whole of a program.
 *
 * A name is live from the first step that uses it to the last. If that is in a loop that the life began
 * before, it is live to the loop's end: what the next turn finds must still be there. (A life that
 * begins in a loop begins with a write, in every turn.) Nothing is split, so scanning the lives in the
 * order of their beginnings finds a register for every one whenever there is a way to.
 *
 * @module
 */

import type { Folded } from "./memory_operands.ts";
import { MOST_READS, NOBODY, type Step, type Uses } from "./linear.ts";

/** The time of a step's reads; its writes come after them. */
const TIMES_PER_STEP = 2;

/** The time at which the parameters of a program are set, before its first step. */
const BEFORE = -1;

/** When a name is in use; nobody uses what never begins. */
export interface Lives {
  /** For each name, the first time; {@linkcode NEVER} for one without uses. */
  readonly starts: Int32Array;
  /** For each name, the last time. */
  readonly ends: Int32Array;
}

/** A start that does not come. */
export const NEVER: number = 2 ** 31 - 1;

/** What a step takes of vector registers besides its operands. */
export interface Needs {
  /** Registers of no meaning before and after. */
  readonly temporaries: number;
  /** Whether it writes its result before it has read all that it reads. */
  readonly early: boolean;
}

/** The vector registers of a program. */
export interface VectorRegisters {
  /** For each virtual register, the real one. */
  readonly registers: Uint8Array;
  /** For each step that needs temporaries, those. */
  readonly temporaries: ReadonlyMap<number, readonly number[]>;
  /** Virtual registers that are read before they are written: they are 0 then. */
  readonly zeroed: readonly number[];
}

/**
 * Gives each virtual vector register a real one.
 *
 * @param linear The program.
 * @param needs What a step needs besides its operands.
 * @param available How many registers there are.
 * @throws {RangeError} If the program uses more at a time.
 */
export function allocateVectors(
  linear: Folded,
  needs: (step: Step) => Needs,
  available: number,
): VectorRegisters {
  const { program, steps } = linear;
  const owners: number[] = [];
  const early = new Uint8Array(steps.length);
  steps.forEach((step, index) => {
    if (step === null) return;
    const required = needs(step);
    early[index] = Number(required.early);
    for (let i = 0; i < required.temporaries; i++) owners.push(index);
  });
  const lives = livesOf(linear, linear.registers, program.registers, early);
  const all = withTemporaries(lives, owners);
  const registers = scan(all, available);
  if (registers === null) {
    throw new RangeError(
      `Program "${program.name}" uses ${mostAtOnce(all)} vector registers at once, ` +
        `but there are ${available}`,
    );
  }
  const temporaries = new Map<number, number[]>();
  owners.forEach((step, i) => {
    const list = temporaries.get(step) ?? [];
    list.push(registers[program.registers + i] ?? 0);
    temporaries.set(step, list);
  });
  const zeroed = [...lives.starts.keys()].filter((name) => lives.starts[name] === BEFORE);
  return { registers, temporaries, zeroed };
}

/** Where pointers and loop counters are kept. */
export interface PointerPlaces {
  /** For each pointer, then for each loop's counter: a register's index, or `-1 - slot`. */
  readonly places: Int32Array;
  /** How many slots there are. */
  readonly slots: number;
  /** Whether a pointer is used at all. */
  readonly isUsed: (pointer: number) => boolean;
  /** Whether a pointer is used after a step, or before it in the next turn of a loop. */
  readonly isUsedAfter: (pointer: number, step: number) => boolean;
}

/** How much more a use counts for each loop around it. */
const TURNS = 8;

/**
 * Gives each pointer and each loop's counter a general register. Where they are too many, those that
 * are used least, a use in a loop counting eightfold, are kept in slots of the stack.
 *
 * @throws {RangeError} If a local pointer is used before it points anywhere.
 */
export function allocatePointers(linear: Folded, available: number): PointerPlaces {
  const { program, loops } = linear;
  const names = program.pointers + loops.length;
  const lives = livesOf(linear, linear.pointers, names, null, program.parameters);
  lives.starts.forEach((start, name) => {
    if (start !== BEFORE || name < program.parameters) return;
    throw new RangeError(`Program "${program.name}" uses pointer ${name} before it is set`);
  });
  const places = scanWithSlots(lives, weightsOf(linear), available);
  const slots = places.reduce((most, place) => Math.max(most, -place), 0);
  return {
    places,
    slots,
    isUsed: (pointer) => lives.starts[pointer] !== NEVER,
    isUsedAfter: (pointer, step) => (lives.ends[pointer] ?? BEFORE) > step * TIMES_PER_STEP,
  };
}

/**
 * When each of `count` names is in use.
 *
 * @param linear The program.
 * @param uses Which names its steps use.
 * @param count How many names there are.
 * @param early The steps that write before they have read; `null` if none do.
 * @param parameters The first so many names are set before the program.
 */
function livesOf(
  { steps, loops, loopOf }: Folded,
  { reads, writes }: Uses,
  count: number,
  early: Uint8Array | null,
  parameters = 0,
): Lives {
  const starts = new Int32Array(count).fill(NEVER);
  const ends = new Int32Array(count).fill(BEFORE);
  for (let step = 0; step < steps.length; step++) {
    const time = step * TIMES_PER_STEP;
    for (let i = 0; i < MOST_READS; i++) {
      const name = reads[MOST_READS * step + i] ?? NOBODY;
      if (name === NOBODY) break;
      if (starts[name] === NEVER) starts[name] = BEFORE;
      ends[name] = time;
    }
    const name = writes[step] ?? NOBODY;
    if (name === NOBODY) continue;
    if (starts[name] === NEVER) {
      starts[name] = name < parameters ? BEFORE : early?.[step] === 1 ? time : time + 1;
    }
    ends[name] = time + 1;
  }
  for (let name = 0; name < count; name++) {
    const start = starts[name] ?? NEVER;
    if (start === NEVER) continue;
    // A life that began before a loop and ends in it lasts as long as the loop.
    let loop = loops[loopOf[Math.floor((ends[name] ?? 0) / TIMES_PER_STEP)] ?? NOBODY];
    while (loop !== undefined && start < loop.begin * TIMES_PER_STEP) {
      ends[name] = loop.end * TIMES_PER_STEP + 1;
      loop = loops[loop.outer];
    }
  }
  return { starts, ends };
}

/** Lives for the temporaries of steps besides. */
function withTemporaries({ starts, ends }: Lives, owners: readonly number[]): Lives {
  const from = owners.map((step) => step * TIMES_PER_STEP);
  return {
    starts: Int32Array.from([...starts, ...from]),
    ends: Int32Array.from([...ends, ...from.map((time) => time + 1)]),
  };
}

/** The names that are used, in the order in which their lives begin. */
function inOrder({ starts }: Lives): Float64Array {
  const keys = Float64Array.from(starts, (start, name) => start * starts.length + name);
  const last = NEVER * starts.length;
  return keys.filter((key) => key < last).sort().map((key) =>
    key - Math.floor(key / starts.length) * starts.length
  );
}

/** A register for each life, `null` if they do not suffice. */
function scan(lives: Lives, available: number): Uint8Array | null {
  const chosen = new Uint8Array(lives.starts.length);
  const busyUntil = new Int32Array(available).fill(BEFORE - 1);
  for (const name of inOrder(lives)) {
    const start = lives.starts[name] ?? 0;
    const register = busyUntil.findIndex((end) => end < start);
    if (register < 0) return null;
    chosen[name] = register;
    busyUntil[register] = lives.ends[name] ?? start;
  }
  return chosen;
}

/** The most lives there are at any time. */
function mostAtOnce(lives: Lives): number {
  const busyUntil: number[] = [];
  for (const name of inOrder(lives)) {
    const start = lives.starts[name] ?? 0;
    const free = busyUntil.findIndex((end) => end < start);
    busyUntil[free < 0 ? busyUntil.length : free] = lives.ends[name] ?? start;
  }
  return busyUntil.length;
}

/** A register for each life, or a slot: whoever is used least gives way. */
function scanWithSlots(lives: Lives, weights: Float64Array, available: number): Int32Array {
  const places = new Int32Array(lives.starts.length);
  const owner = new Int32Array(available).fill(-1);
  const without: number[] = [];
  const weight = (name: number) => weights[name] ?? 0;
  for (const name of inOrder(lives)) {
    const start = lives.starts[name] ?? 0;
    const free = owner.findIndex((other) => other < 0 || (lives.ends[other] ?? 0) < start);
    const register = free >= 0 ? free : owner.reduce(
      (least, other, i) => weight(other) < weight(owner[least] ?? -1) ? i : least,
      0,
    );
    const other = owner[register] ?? -1;
    if (free < 0 && weight(other) >= weight(name)) {
      without.push(name);
      continue;
    }
    if (free < 0) without.push(other);
    owner[register] = name;
    places[name] = register;
  }
  giveSlots(lives, without, places);
  return places;
}

/** A slot for each of some lives, as few as there can be. */
function giveSlots(lives: Lives, names: readonly number[], places: Int32Array): void {
  const starts = new Int32Array(lives.starts.length).fill(NEVER);
  for (const name of names) starts[name] = lives.starts[name] ?? 0;
  const busyUntil: number[] = [];
  for (const name of inOrder({ ...lives, starts })) {
    const start = lives.starts[name] ?? 0;
    const free = busyUntil.findIndex((end) => end < start);
    const slot = free < 0 ? busyUntil.length : free;
    busyUntil[slot] = lives.ends[name] ?? start;
    places[name] = -1 - slot;
  }
}

/** How often each pointer and each loop's counter is used, about. */
function weightsOf({ program, steps, loops, loopOf, pointers }: Folded): Float64Array {
  const weights = new Float64Array(program.pointers + loops.length);
  const turns: number[] = [];
  for (const { outer } of loops) turns.push(TURNS * (turns[outer] ?? 1));
  for (let step = 0; step < steps.length; step++) {
    const name = pointers.reads[MOST_READS * step] ?? NOBODY;
    if (name === NOBODY) continue;
    weights[name] = (weights[name] ?? 0) + (turns[loopOf[step] ?? NOBODY] ?? 1);
  }
  return weights;
}
