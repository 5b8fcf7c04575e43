import { assertEquals, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import { ProgramBuilder } from "../../src/codegen/program.ts";
import { phaseTiles } from "../../src/engine/work.ts";
import { PhaseBuilder } from "../../src/kernels/phase_builder.ts";
import { draws } from "../_depth.ts";
import { tilesOf } from "../_interpret_plan.ts";

/** One axis of a random box. */
interface Axis {
  readonly count: number;
  readonly block: number;
}

function boxes(): fc.Arbitrary<Axis[]> {
  const axis = fc.record({
    count: fc.integer({ min: 1, max: 9 }),
    block: fc.integer({ min: 1, max: 9 }),
  }).map(({ count, block }) => ({ count, block: Math.min(count, block) }));
  return fc.array(axis, { minLength: 1, maxLength: 4 });
}

/** Pointer steps that number the items of a box from 0 on, the last axis fastest. */
function itemSteps(axes: readonly Axis[]): number[] {
  return axes.map((_, axis) =>
    axes.slice(axis + 1).reduce((product, { count }) => product * count, 1)
  );
}

/** The numbers of the items of a block. */
function itemsOf(first: number, blocks: readonly number[], steps: readonly number[]): number[] {
  return blocks.reduce<number[]>(
    (items, block, axis) =>
      items.flatMap((item) =>
        Array.from({ length: block }, (_, index) => item + index * (steps[axis] ?? NaN))
      ),
    [first],
  );
}

Deno.test("PhaseBuilder.addBox() gives every item of a box to exactly one tile", () => {
  fc.assert(
    fc.property(boxes(), fc.nat(1000), (axes, start) => {
      const steps = itemSteps(axes);
      const blocksOf: (readonly number[])[] = [];
      const builder = new PhaseBuilder("boxes");
      const box = axes.map((axis, index) => {
        const step = steps[index] ?? NaN;
        return [`axis ${index}`, { ...axis, steps: { up: step, down: -3 * step } }] as const;
      });
      builder.addBox({
        parameters: ["still", "up", "down"],
        axes: Object.fromEntries(box),
        bases: {
          down: { buffer: 2, offset: start },
          up: { buffer: 5, offset: 0 },
          still: { buffer: 3, offset: 8 },
        },
        itemCost: 0.5,
        write: (blocks) => {
          blocksOf.push(axes.map((_, index) => blocks[`axis ${index}`] ?? NaN));
          return new ProgramBuilder("tile", 4, 3).build();
        },
      });
      const phase = builder.build();
      const tiles = tilesOf(phase);
      assertStrictEquals(phaseTiles(phase), tiles.length);
      assertStrictEquals(phase.programs.length, blocksOf.length);
      const items = tiles.flatMap(({ program, args }) => {
        const first = args[1]?.offset ?? NaN;
        assertEquals(args, [
          { buffer: 3, offset: 8 },
          { buffer: 5, offset: first },
          { buffer: 2, offset: start - 3 * first },
        ]);
        return itemsOf(first, blocksOf[program] ?? [], steps);
      });
      const all = axes.reduce((product, { count }) => product * count, 1);
      assertEquals(
        items.toSorted((a, b) => a - b),
        Array.from({ length: all }, (_, item) => item),
      );
    }),
    { seed: 42, numRuns: draws(500) },
  );
});

Deno.test("PhaseBuilder.addBox() collects the tiles of several boxes", () => {
  const builder = new PhaseBuilder("two boxes");
  for (const [count, block] of [[10, 4], [3, 1]] as const) {
    builder.addBox({
      parameters: ["output"],
      axes: { items: { count, block, steps: { output: 4 } } },
      bases: { output: { buffer: 0, offset: 0 } },
      itemCost: 0.5,
      write: ({ items }) => new ProgramBuilder(`${items} of ${count}`, 4, 1).build(),
    });
  }
  const { name, programs, grids, cost } = builder.build();
  assertStrictEquals(cost, 6.5);
  assertStrictEquals(name, "two boxes");
  assertEquals(programs.map((program) => program.name), ["4 of 10", "2 of 10", "1 of 3"]);
  assertEquals(grids.map(({ program, extents }) => [program, extents]), [
    [0, [2]],
    [1, [1]],
    [2, [3]],
  ]);
});

Deno.test("PhaseBuilder.addBox() writes a program once for boxes with the same key", () => {
  const builder = new PhaseBuilder("three boxes");
  for (const [offset, key] of [[0, "a"], [40, "a"], [80, "b"]] as const) {
    builder.addBox({
      parameters: ["output"],
      axes: { items: { count: 10, block: 4, steps: { output: 4 } } },
      bases: { output: { buffer: 0, offset } },
      itemCost: 0.5,
      write: ({ items }) => new ProgramBuilder(`${items} of ${key}`, 4, 1).build(),
      key,
    });
  }
  const { programs, grids } = builder.build();
  assertEquals(programs.map(({ name }) => name), ["4 of a", "2 of a", "4 of b", "2 of b"]);
  assertEquals(grids.map(({ program }) => program), [0, 1, 0, 1, 2, 3]);
});
