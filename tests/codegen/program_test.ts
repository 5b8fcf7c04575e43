import { assertEquals, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import { interpret } from "../../src/codegen/interpret.ts";
import {
  type BlockRun,
  FLOAT_BYTES,
  ProgramBuilder,
  type Steps,
} from "../../src/codegen/program.ts";
import { draws } from "../_depth.ts";

/** The pointers that the tests move, by the offset of each in elements. */
const POINTERS = [0, 1];

/** The pointer that the log is written through. */
const LOG = 2;

/** Pointers start in the middle: they may go both ways. */
const MIDDLE = 4096;

/** A program that notes where its pointers stand, each time that `note` is called. */
class Tracer {
  readonly code = new ProgramBuilder("trace", 1, LOG + 1);
  readonly #seen = this.code.register();

  note(): void {
    for (const pointer of POINTERS) {
      this.code.load(this.#seen, pointer);
      this.code.store(this.#seen, LOG);
      this.code.advance(LOG, FLOAT_BYTES);
    }
  }

  /** Runs the program: what has been noted, in elements from where each pointer began. */
  run(): number[][] {
    const numbers = Float32Array.from({ length: 2 * MIDDLE }, (_, index) => index - MIDDLE);
    const log = new Float32Array(40_000).fill(NaN);
    const start = {
      region: { name: "numbers", data: numbers, writable: false },
      offset: MIDDLE * FLOAT_BYTES,
    };
    const target = { region: { name: "log", data: log, writable: true }, offset: 0 };
    interpret(this.code.build(), [...POINTERS.map(() => start), target]);
    const length = log.findIndex(Number.isNaN);
    return Array.from(
      { length: length / POINTERS.length },
      (_, i) => [...log.subarray(i * POINTERS.length, (i + 1) * POINTERS.length)],
    );
  }
}

/** Steps of both pointers, in elements. */
function stepsOf(first: number, second: number): Steps {
  return [[0, first * FLOAT_BYTES], [1, second * FLOAT_BYTES]];
}

Deno.test("ProgramBuilder.loop() writes nothing for 0 turns and no loop for 1", () => {
  const none = new Tracer();
  none.code.loop(0, () => none.note());
  none.code.loop(-1, () => none.note());
  assertEquals(none.code.build().body, []);
  const once = new Tracer();
  once.code.loop(1, () => once.note());
  assertEquals(once.code.build().body.map(({ op }) => op).includes("loop"), false);
  assertEquals(once.run().length, 1);
});

Deno.test("ProgramBuilder.loop() repeats its body and leaves the pointers where the body puts them", () => {
  const tracer = new Tracer();
  tracer.code.loop(3, () => {
    tracer.note();
    tracer.code.advance(0, 8);
    tracer.code.loop(2, () => tracer.code.advance(1, -4));
  });
  tracer.note();
  assertEquals(tracer.run(), [[0, 0], [2, -2], [4, -4], [6, -6]]);
});

Deno.test("ProgramBuilder.loop() leaves an empty loop out", () => {
  const code = new ProgramBuilder("empty", 4, 1);
  code.loop(5, () => code.loop(7, () => code.advance(0, 0)));
  assertEquals(code.build().body, []);
});

Deno.test("ProgramBuilder.sweep() moves the pointers after every turn and back again at the end", () => {
  for (const count of [0, 1, 2, 5]) {
    const tracer = new Tracer();
    tracer.code.sweep(count, stepsOf(3, -7), () => tracer.note());
    tracer.note();
    const turns = Array.from({ length: count }, (_, turn) => [0 + 3 * turn, 0 - 7 * turn]);
    assertEquals(tracer.run(), [...turns, [0, 0]]);
  }
});

Deno.test("ProgramBuilder.displaced() moves the pointers for its body only", () => {
  for (const count of [0, 1, 4]) {
    const tracer = new Tracer();
    tracer.code.displaced(stepsOf(-2, 5), count, () => tracer.note());
    tracer.note();
    assertEquals(tracer.run(), [[0 - 2 * count, 5 * count], [0, 0]]);
  }
});

/** Blocks of items, as they follow one another. */
function blockSizes(runs: readonly BlockRun[]): number[] {
  return runs.flatMap(({ size, count }) => Array.from({ length: count }, () => size));
}

/** What a tracer notes of blocks: where the pointers stand at each, and behind them. */
function blockNotes(sizes: readonly number[], first: number, second: number): number[][] {
  let items = 0;
  const notes = sizes.map((size) => {
    const note = [first * items, second * items];
    items += size;
    return note;
  });
  return [...notes, [0, 0]];
}

Deno.test("ProgramBuilder.runs() writes blocks in their order, those of no items left out", () => {
  const run = fc.record({ size: fc.nat(5), count: fc.nat(4) });
  const step = fc.integer({ min: -9, max: 9 });
  fc.assert(
    fc.property(fc.array(run, { maxLength: 4 }), step, step, (runs, first, second) => {
      const tracer = new Tracer();
      const written: number[] = [];
      tracer.code.runs(runs, stepsOf(first, second), (items) => {
        written.push(items);
        tracer.note();
      });
      tracer.note();
      const sizes = blockSizes(runs).filter((size) => size > 0);
      assertEquals(tracer.run(), blockNotes(sizes, first, second));
      // One block of each run is written, and repeated.
      const each = runs.filter(({ size, count }) => size * count > 0).map(({ size }) => size);
      assertEquals(written, each);
    }),
    { seed: 42, numRuns: draws(200) },
  );
});

Deno.test("ProgramBuilder.blocks() writes whole blocks, then the rest", () => {
  for (const [count, block] of [[0, 3], [2, 3], [3, 3], [4, 3], [12, 4], [11, 4]] as const) {
    const tracer = new Tracer();
    tracer.code.blocks(count, block, stepsOf(2, -3), () => tracer.note());
    tracer.note();
    const whole = Math.floor(count / block);
    const sizes = [...blockSizes([{ size: block, count: whole }]), count % block];
    assertEquals(tracer.run(), blockNotes(sizes.filter((size) => size > 0), 2, -3));
  }
});

Deno.test("ProgramBuilder.evenBlocks() writes the larger parts, then the smaller ones", () => {
  for (const [size, full, parts] of [[4, 1, 1], [1, 3, 3], [4, 2, 3], [3, 1, 4]] as const) {
    const tracer = new Tracer();
    tracer.code.evenBlocks({ size, full, parts }, stepsOf(-1, 5), () => tracer.note());
    tracer.note();
    const sizes = blockSizes([{ size, count: full }, { size: size - 1, count: parts - full }]);
    assertEquals(tracer.run(), blockNotes(sizes, -1, 5));
  }
});

Deno.test("ProgramBuilder.pointer() and point() copy a pointer and leave it where it is", () => {
  const tracer = new Tracer();
  const local = tracer.code.pointer(1, 12);
  tracer.note();
  tracer.code.advance(local, 8);
  tracer.code.point(0, local, -4);
  tracer.note();
  assertEquals(tracer.run(), [[0, 0], [4, 0]]);
});

/** A random nest of loops, sweeps and displacements. */
type Nest =
  | { readonly kind: "note" }
  | {
    readonly kind: "sweep" | "displaced";
    readonly count: number;
    readonly by: readonly [number, number];
    readonly body: readonly Nest[];
  };

function nests(depth: number): fc.Arbitrary<Nest[]> {
  const note: fc.Arbitrary<Nest> = fc.constant({ kind: "note" });
  if (depth === 0) return fc.array(note, { minLength: 1, maxLength: 1 });
  const step = fc.integer({ min: -30, max: 30 });
  const nested: fc.Arbitrary<Nest> = fc.record({
    kind: fc.constantFrom<("sweep" | "displaced")[]>("sweep", "displaced"),
    count: fc.nat(4),
    by: fc.tuple(step, step),
    body: nests(depth - 1),
  });
  return fc.array(fc.oneof(note, nested), { minLength: 1, maxLength: 3 });
}

function writeNest(tracer: Tracer, nest: Nest): void {
  if (nest.kind === "note") return tracer.note();
  const body = () => nest.body.forEach((inner) => writeNest(tracer, inner));
  const steps = stepsOf(...nest.by);
  if (nest.kind === "sweep") tracer.code.sweep(nest.count, steps, body);
  else tracer.code.displaced(steps, nest.count, body);
}

/** Where the pointers stand at each note, by the meaning of the nest. */
function expectedNotes(nest: Nest, at: readonly [number, number]): number[][] {
  if (nest.kind === "note") return [[...at]];
  const [first, second] = nest.by;
  const moved = (times: number) => [at[0] + times * first, at[1] + times * second] as const;
  const times = nest.kind === "displaced"
    ? [nest.count]
    : Array.from({ length: nest.count }, (_, turn) => turn);
  return times.flatMap((turn) => nest.body.flatMap((inner) => expectedNotes(inner, moved(turn))));
}

Deno.test("Nests of sweeps and displacements visit every place in order and lead back", () => {
  fc.assert(
    fc.property(nests(4), (nest) => {
      const tracer = new Tracer();
      for (const part of nest) writeNest(tracer, part);
      tracer.note();
      const expected = nest.flatMap((part) => expectedNotes(part, [0, 0]));
      assertEquals(tracer.run(), [...expected, [0, 0]]);
    }),
    { seed: 42, numRuns: draws(300) },
  );
});

Deno.test("ProgramBuilder.build() counts what has been handed out", () => {
  const code = new ProgramBuilder("counts", 8, 3);
  assertStrictEquals(code.lanes, 8);
  assertEquals(code.registers(3), [0, 1, 2]);
  assertEquals(code.register(), 3);
  assertEquals(code.pointer(0, 16), 3);
  const { name, lanes, parameters, pointers, registers, body } = code.build();
  assertEquals({ name, lanes, parameters, pointers, registers }, {
    name: "counts",
    lanes: 8,
    parameters: 3,
    pointers: 4,
    registers: 4,
  });
  assertEquals(body, [{ op: "point", dst: 3, src: 0, bytes: 16 }]);
});
