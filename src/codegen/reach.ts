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

/** Where a pointer may be: between two distances from where a parameter points. */
interface Place {
  readonly parameter: number;
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
        const all = spans[place.parameter];
        if (all !== undefined) all[access.kind] = widened(all[access.kind], place, access);
      }
      motions.move(places, instruction);
    }
  };
  // Local pointers are set before they are used.
  visit(
    body,
    Array.from({ length: pointers }, (_, pointer) => ({
      parameter: pointer < parameters ? pointer : 0,
      least: 0,
      most: 0,
    })),
  );
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

/** Where a block leaves each pointer: so many bytes behind where some pointer was before it. */
interface Motion {
  readonly from: readonly Pointer[];
  readonly by: readonly number[];
}

/** One motion, then another. */
function then(one: Motion, other: Motion): Motion {
  return {
    from: other.from.map((pointer) => one.from[pointer] ?? pointer),
    by: other.by.map((bytes, index) => bytes + (one.by[other.from[index] ?? index] ?? 0)),
  };
}

function isSame(one: readonly number[], other: readonly number[]): boolean {
  return one.every((value, index) => value === other[index]);
}

/** The motions of the blocks of one program. */
class Motions {
  readonly #still: Motion;
  readonly #known = new Map<readonly Instruction[], Motion>();

  constructor(pointers: number) {
    const all = Array.from({ length: pointers }, (_, pointer) => pointer);
    this.#still = { from: all, by: all.map(() => 0) };
  }

  /** Moves pointers as an instruction does. */
  move(places: Place[], instruction: Instruction): void {
    if (instruction.op === "advance" || instruction.op === "point") {
      const [dst, src] = instruction.op === "advance"
        ? [instruction.ptr, instruction.ptr]
        : [instruction.dst, instruction.src];
      const place = places[src];
      if (place !== undefined) places[dst] = moved(place, instruction.bytes);
    } else if (instruction.op === "loop") {
      const after = carried(places, this.#times(this.#of(instruction.body), instruction.count));
      places.splice(0, places.length, ...after);
    }
  }

  /** Where pointers are at the beginning of the turns of a loop: a few places that stand for all turns. */
  turnsOf(
    { count, body }: Extract<Instruction, { readonly op: "loop" }>,
    places: readonly Place[],
  ): (readonly Place[])[] {
    const turn = this.#of(body);
    const second = then(turn, turn);
    const steps = second.by.map((bytes, pointer) => bytes - (turn.by[pointer] ?? 0));
    // From the second turn on every pointer moves by the same distance, if it does once.
    const isSteady = isSame(turn.from, second.from) &&
      isSame(steps, steps.map((_, pointer) => steps[turn.from[pointer] ?? pointer] ?? 0));
    if (count > 1 && isSteady) {
      const [next, last] = [turn, this.#times(turn, count - 1)].map((each) =>
        carried(places, each)
      );
      return [places, (next ?? []).map((place, pointer) => hull(place, last?.[pointer] ?? place))];
    }
    return Array.from({ length: count }, (_, done) => carried(places, this.#times(turn, done)));
  }

  #of(block: readonly Instruction[]): Motion {
    const known = this.#known.get(block) ?? this.#follow(block);
    this.#known.set(block, known);
    return known;
  }

  #follow(block: readonly Instruction[]): Motion {
    const from = [...this.#still.from];
    const by = [...this.#still.by];
    let motion: Motion = { from, by };
    for (const instruction of block) {
      if (instruction.op === "advance") {
        by[instruction.ptr] = (by[instruction.ptr] ?? 0) + instruction.bytes;
      } else if (instruction.op === "point") {
        const { dst, src, bytes } = instruction;
        by[dst] = (by[src] ?? 0) + bytes;
        from[dst] = from[src] ?? src;
      } else if (instruction.op === "loop") {
        motion = then(motion, this.#times(this.#of(instruction.body), instruction.count));
        from.splice(0, from.length, ...motion.from);
        by.splice(0, by.length, ...motion.by);
        motion = { from, by };
      }
    }
    return motion;
  }

  /** A motion so many times. */
  #times(motion: Motion, count: number): Motion {
    if (count === 0) return this.#still;
    const half = this.#times(motion, count >> 1);
    const even = then(half, half);
    return count % 2 === 0 ? even : then(even, motion);
  }
}

/** Places after a motion. */
function carried(places: readonly Place[], { from, by }: Motion): Place[] {
  return places.map((place, pointer) =>
    moved(places[from[pointer] ?? pointer] ?? place, by[pointer] ?? 0)
  );
}

function moved({ parameter, least, most }: Place, bytes: number): Place {
  return { parameter, least: least + bytes, most: most + bytes };
}

/** Both places and all between. */
function hull(one: Place, other: Place): Place {
  return {
    parameter: one.parameter,
    least: Math.min(one.least, other.least),
    most: Math.max(one.most, other.most),
  };
}
