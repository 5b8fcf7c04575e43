/**
 * Which real register stands for which virtual one: a fixed mapping for the whole of a program.
 *
 * A name is live from the first step that uses it to the last. A loop that a name's life begins or ends
 * in, without being all there is of it, belongs to it as a whole: what the loop finds in its next turn
 * must still be there. Nothing is split, so scanning the lives in the order of their beginnings finds a
 * register for every one whenever there is a way to.
 *
 * @module
 */

import { type Linear, type Step, type Uses, visitPointers, visitRegisters } from "./linear.ts";

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
  linear: Linear,
  needs: (step: Step) => Needs,
  available: number,
): VectorRegisters {
  const { program, steps } = linear;
  const required = steps.map(needs);
  const lives = livesOf(linear, program.registers, visitRegisters, (step) => required[step]?.early);
  const owners: number[] = [];
  required.forEach(({ temporaries }, step) => {
    for (let i = 0; i < temporaries; i++) owners.push(step);
  });
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
export function allocatePointers(linear: Linear, available: number): PointerPlaces {
  const { program, loops } = linear;
  const lives = livesOf(linear, program.pointers + loops.length, (step, uses) => {
    // The counter is written where its loop begins and last used where it ends.
    if (step.op === "begin") uses.write(program.pointers + step.loop);
    else if (step.op === "end") uses.read(program.pointers + step.loop);
    else visitPointers(step, uses);
  });
  lives.starts.forEach((start, name) => {
    if (name < program.parameters && start !== NEVER) lives.starts[name] = BEFORE;
    else if (start === BEFORE) {
      throw new RangeError(`Program "${program.name}" uses pointer ${name} before it is set`);
    }
  });
  // A parameter that is set anew first was taken for one without a value before.
  stretch(linear, lives);
  const places = scanWithSlots(lives, weightsOf(linear), available);
  const slots = places.reduce((most, place) => Math.max(most, -place), 0);
  return {
    places,
    slots,
    isUsed: (pointer) => lives.starts[pointer] !== NEVER,
    isUsedAfter: (pointer, step) => (lives.ends[pointer] ?? BEFORE) > step * TIMES_PER_STEP,
  };
}

type Visit = (step: Step, uses: Uses) => void;

/** When each of `count` names is in use. */
function livesOf(
  linear: Linear,
  count: number,
  visit: Visit,
  isEarly: (step: number) => boolean | undefined = () => false,
): Lives {
  const starts = new Int32Array(count).fill(NEVER);
  const ends = new Int32Array(count).fill(BEFORE);
  let time = 0;
  let written = 0;
  const read = (name: number) => {
    if (starts[name] === NEVER) starts[name] = BEFORE;
    ends[name] = Math.max(time, ends[name] ?? BEFORE);
  };
  const write = (name: number) => {
    if (starts[name] === NEVER) starts[name] = written;
    ends[name] = time + 1;
  };
  const uses = { read, write };
  linear.steps.forEach((step, index) => {
    time = index * TIMES_PER_STEP;
    written = isEarly(index) ? time : time + 1;
    visit(step, uses);
  });
  const lives = { starts, ends };
  stretch(linear, lives);
  return lives;
}

/** Takes whole loops into the lives that begin or end in them. */
function stretch({ steps, loops }: Linear, { starts, ends }: Lives): void {
  const begins = new Int32Array(loops.length);
  const finishes = new Int32Array(loops.length);
  const loopOf = new Int32Array(steps.length);
  let current = -1;
  steps.forEach((step, index) => {
    if (step.op === "begin") {
      current = step.loop;
      begins[current] = index * TIMES_PER_STEP;
    }
    loopOf[index] = current;
    if (step.op === "end") {
      finishes[current] = index * TIMES_PER_STEP + 1;
      current = loops[current]?.outer ?? -1;
    }
  });
  /** The outermost loop that contains one time and not the other. */
  const cut = (time: number, other: number): number => {
    let outermost = -1;
    if (time < 0) return outermost;
    let loop = loopOf[Math.floor(time / TIMES_PER_STEP)] ?? -1;
    while (loop >= 0 && (other < (begins[loop] ?? 0) || other > (finishes[loop] ?? 0))) {
      outermost = loop;
      loop = loops[loop]?.outer ?? -1;
    }
    return outermost;
  };
  starts.forEach((start, name) => {
    if (start === NEVER) return;
    const end = ends[name] ?? BEFORE;
    const [first, last] = [cut(start, end), cut(end, start)];
    if (first >= 0) starts[name] = begins[first] ?? start;
    if (last >= 0) ends[name] = finishes[last] ?? end;
  });
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
function weightsOf({ program, steps, loops }: Linear): Float64Array {
  const weights = new Float64Array(program.pointers + loops.length);
  let turns = 1;
  const use = (name: number) => weights[name] = (weights[name] ?? 0) + turns;
  for (const step of steps) {
    if (step.op === "begin") turns *= TURNS;
    else if (step.op === "end") {
      use(program.pointers + step.loop);
      turns /= TURNS;
    } else visitPointers(step, { read: use, write: () => {} });
  }
  return weights;
}
