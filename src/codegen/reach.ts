/**
 * How far a vector program reaches from where its parameters point. Pointers move by constants and loops
 * have constant counts, so that is known before it runs.
 *
 * @module
 */

import { FLOAT_BYTES, type Instruction, type Pointer, type Program } from "./program.ts";

/** Bytes relative to where a parameter points: the first that is touched, and the one behind the last. */
export interface Span {
  readonly first: number;
  readonly end: number;
}

/** What a program touches through one of its parameters; `null` where it touches nothing. */
export interface Reach {
  readonly reads: Span | null;
  readonly writes: Span | null;
}

/** The reach of a program through each of its parameters. */
export function reachOf(program: Program): readonly Reach[] {
  const known = reaches.get(program) ?? measure(program);
  reaches.set(program, known);
  return known;
}

const reaches = new WeakMap<Program, readonly Reach[]>();

/** Where a pointer may be: between two distances from where a pointer was at first. */
interface Place {
  /** The pointer that it was set from; in a whole program a parameter. */
  readonly origin: Pointer;
  readonly least: number;
  readonly most: number;
}

/** The part of memory that one access touches, relative to its pointer. */
interface Access extends Span {
  readonly kind: keyof Reach;
  readonly ptr: Pointer;
}

function measure({ parameters, pointers, body }: Program): readonly Reach[] {
  const spans = Array.from(
    { length: parameters },
    (): Record<keyof Reach, Span | null> => ({ reads: null, writes: null }),
  );
  const motions = new Motions(pointers);
  const visit = (block: readonly Instruction[], start: readonly Place[]): void => {
    const places = [...start];
    for (const instruction of block) {
      if (instruction.op === "loop") {
        for (const turns of motions.turnsOf(instruction, places)) visit(instruction.body, turns);
      }
      const access = accessOf(instruction);
      const place = access === null ? undefined : places[access.ptr];
      if (access !== null && place !== undefined) {
        // Local pointers are set before they are used.
        const all = spans[place.origin];
        if (all !== undefined) all[access.kind] = widened(all[access.kind], place, access);
      }
      motions.move(places, instruction);
    }
  };
  visit(body, motions.still);
  return spans;
}

function widened(span: Span | null, { least, most }: Place, { first, end }: Access): Span {
  return {
    first: Math.min(span?.first ?? Infinity, least + first),
    end: Math.max(span?.end ?? -Infinity, most + end),
  };
}

function accessOf(instruction: Instruction): Access | null {
  switch (instruction.op) {
    case "load":
    case "store": {
      const { op, ptr, offset: first, lanes } = instruction;
      return {
        kind: op === "load" ? "reads" : "writes",
        ptr,
        first,
        end: first + lanes * FLOAT_BYTES,
      };
    }
    case "gather":
    case "scatter": {
      const { op, ptr, offsets } = instruction;
      const [first, last] = [Math.min(...offsets), Math.max(...offsets)];
      return { kind: op === "gather" ? "reads" : "writes", ptr, first, end: last + FLOAT_BYTES };
    }
    case "broadcast": {
      const { ptr, offset: first } = instruction;
      return { kind: "reads", ptr, first, end: first + FLOAT_BYTES };
    }
    default:
      return null;
  }
}

/** How blocks of a program move its pointers: where they leave each, from where all were before. */
class Motions {
  /** No motion at all. */
  readonly still: readonly Place[];
  readonly #known = new Map<readonly Instruction[], readonly Place[]>();

  constructor(pointers: number) {
    this.still = Array.from({ length: pointers }, (_, origin) => ({ origin, least: 0, most: 0 }));
  }

  /** Moves pointers as an instruction does. */
  move(places: Place[], instruction: Instruction): void {
    switch (instruction.op) {
      case "advance":
        return setPlace(places, instruction.ptr, instruction.ptr, instruction.bytes);
      case "point":
        return setPlace(places, instruction.dst, instruction.src, instruction.bytes);
      case "loop": {
        const after = carried(places, this.#times(this.#of(instruction.body), instruction.count));
        places.splice(0, places.length, ...after);
      }
    }
  }

  /** Where pointers are at the beginning of the turns of a loop: a few places that stand for all turns. */
  turnsOf(
    { count, body }: Extract<Instruction, { readonly op: "loop" }>,
    places: readonly Place[],
  ): (readonly Place[])[] {
    const turn = this.#of(body);
    if (count > 1 && isSteady(turn)) {
      const next = carried(places, turn);
      const last = carried(places, this.#times(turn, count - 1));
      return [places, next.map((place, pointer) => hull(place, last[pointer] ?? place))];
    }
    return Array.from({ length: count }, (_, done) => carried(places, this.#times(turn, done)));
  }

  #of(block: readonly Instruction[]): readonly Place[] {
    const known = this.#known.get(block);
    if (known !== undefined) return known;
    const places = [...this.still];
    for (const instruction of block) this.move(places, instruction);
    this.#known.set(block, places);
    return places;
  }

  /** A motion so many times. */
  #times(motion: readonly Place[], count: number): readonly Place[] {
    if (count === 0) return this.still;
    const half = this.#times(motion, count >> 1);
    const even = carried(half, half);
    return count % 2 === 0 ? even : carried(even, motion);
  }
}

/** Whether every pointer moves by the same distance in each turn from the second on. */
function isSteady(turn: readonly Place[]): boolean {
  const second = carried(turn, turn);
  const step = (pointer: Pointer) => (second[pointer]?.least ?? 0) - (turn[pointer]?.least ?? 0);
  return turn.every(({ origin }, pointer) =>
    second[pointer]?.origin === origin && step(pointer) === step(origin)
  );
}

function setPlace(places: Place[], dst: Pointer, src: Pointer, bytes: number): void {
  const place = places[src];
  if (place !== undefined) places[dst] = moved(place, bytes);
}

/** Places after a motion. */
function carried(places: readonly Place[], motion: readonly Place[]): readonly Place[] {
  return motion.map(({ origin, least }) => {
    const place = places[origin];
    if (place === undefined) throw new RangeError(`There is no pointer ${origin}`);
    return moved(place, least);
  });
}

function moved({ origin, least, most }: Place, bytes: number): Place {
  return { origin, least: least + bytes, most: most + bytes };
}

/** Both places and all between. */
function hull(one: Place, other: Place): Place {
  return {
    origin: one.origin,
    least: Math.min(one.least, other.least),
    most: Math.max(one.most, other.most),
  };
}
