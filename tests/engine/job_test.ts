import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { encodeJob, MOST_UNITS, unitsOf } from "../../src/engine/job.ts";
import { type Grid, type Phase, phaseTiles } from "../../src/engine/work.ts";
import { runUnit } from "../../workers/tiles.ts";
import { draws } from "../_depth.ts";

/** In the shared memory, and far before and behind it. */
const BASES = [1000, 2_000_000, 2 ** 31 - 2 ** 20, 2 ** 46 + 12, -(2 ** 46) + 4, 2 ** 32 - 4, -4];
const PROGRAMS = 3;
const MODULE = { id: 7, address: 0, bytes: 0 };

/** A phase of grids alone: what the programs would do is not looked at here. */
function phaseOf(grids: readonly Grid[]): Phase {
  return { name: "test", programs: [], grids, cost: 1 };
}

/** The calls that running every unit once makes, in order. */
function calls(phase: Phase, thread: number): string[] {
  const made: string[] = [];
  const functions = Array.from(
    { length: PROGRAMS },
    (_, program) => (...pointers: number[]) => void made.push([program, ...pointers].join(" ")),
  );
  const words = encodeJob(phase, BASES, MODULE, 256, null);
  const job = { control: new Int32Array(16), generation: 1, words, functions };
  for (let unit = 0; unit < unitsOf(phase); unit++) runUnit(job, unit, thread);
  return made;
}

/** The calls that the grids ask for, the last axis running fastest. */
function expectedCalls(phase: Phase, thread: number): string[] {
  return phase.grids.flatMap(({ program, extents, args }) =>
    points(extents).map((point) =>
      [
        program,
        ...args.map(({ buffer, offset, threadStep, steps }) =>
          point.reduce(
            (pointer, position, axis) => pointer + position * (steps[axis] ?? 0),
            (BASES[buffer] ?? 0) + offset + thread * threadStep,
          )
        ),
      ].join(" ")
    )
  );
}

function points(extents: readonly number[]): number[][] {
  return extents.reduce<number[][]>(
    (heads, extent) =>
      heads.flatMap((head) => Array.from({ length: extent }, (_, i) => [...head, i])),
    [[]],
  );
}

const grid: fc.Arbitrary<Grid> = fc.integer({ min: 0, max: 4 }).chain((axes) => {
  const perAxis = <T>(value: fc.Arbitrary<T>) =>
    fc.array(value, { minLength: axes, maxLength: axes });
  return fc.record({
    program: fc.integer({ min: 0, max: PROGRAMS - 1 }),
    extents: perAxis(fc.integer({ min: 0, max: 5 })),
    args: fc.array(
      fc.record({
        buffer: fc.integer({ min: 0, max: BASES.length - 1 }),
        offset: fc.integer({ min: 0, max: 1000 }),
        threadStep: fc.constantFrom(0, 0, 256),
        steps: perAxis(fc.integer({ min: -20, max: 4000 })),
      }),
      { maxLength: 5 },
    ),
  });
});

Deno.test("runUnit() calls every point of every grid once, with its pointers", () => {
  fc.assert(
    fc.property(fc.array(grid, { maxLength: 4 }), fc.nat(8), (grids, thread) => {
      const phase = phaseOf(grids);
      assertEquals(calls(phase, thread), expectedCalls(phase, thread));
    }),
    { seed: 1, numRuns: draws(300) },
  );
});

/** A grid of one axis with so many tiles. */
function line(program: number, tiles: number): Grid {
  return {
    program,
    extents: [tiles],
    args: [{ buffer: 1, offset: 0, threadStep: 0, steps: [64] }],
  };
}

Deno.test("unitsOf() is the number of tiles as far as units can be counted", () => {
  assertEquals(unitsOf(phaseOf([])), 0);
  assertEquals(unitsOf(phaseOf([line(0, 1), line(1, 0)])), 1);
  assertEquals(unitsOf(phaseOf([line(0, MOST_UNITS - 1), line(1, 1)])), MOST_UNITS);
});

for (const tiles of [MOST_UNITS + 1, 2 * MOST_UNITS, 2 * MOST_UNITS + 1, 5 * MOST_UNITS - 3]) {
  Deno.test(`runUnit() calls each of ${tiles} tiles once, several to a unit`, () => {
    const phase = phaseOf([
      line(0, 3),
      line(1, 0),
      line(2, tiles - 3 - 1000),
      { ...line(1, 1000), extents: [10, 100], args: [] },
    ]);
    assertEquals(phaseTiles(phase), tiles);
    assert(unitsOf(phase) <= MOST_UNITS);
    assertEquals(calls(phase, 0), expectedCalls(phase, 0));
  });
}
