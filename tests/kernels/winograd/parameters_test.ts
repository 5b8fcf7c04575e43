import { assertEquals } from "@std/assert";
import { ProgramBuilder } from "../../../src/codegen/program.ts";
import { PhaseBuilder } from "../../../src/kernels/phase_builder.ts";
import { addTiles, pointersOf } from "../../../src/kernels/winograd/parameters.ts";

const [INPUT, STAGE, OUTPUT] = [3, 4, 5];

function nameOf(rows: number, columns: number): string {
  return `${rows} rows, ${columns} columns`;
}

Deno.test("addTiles() gives every parameter its base and steps, in the order of the program", () => {
  const named = new PhaseBuilder("phase");
  addTiles(named, {
    parameters: ["output", "input"],
    axes: {
      rows: { count: 7, block: 3, steps: { input: 100, output: 200 } },
      columns: { count: 4, steps: { input: 8 } },
    },
    bases: {
      input: { buffer: INPUT, offset: 16 },
      output: { buffer: OUTPUT, offset: 32, threadStep: 64 },
    },
    itemCost: 0.5,
    write: ({ rows, columns }) => new ProgramBuilder(nameOf(rows, columns), 4, 2).build(),
  });
  const listed = new PhaseBuilder("phase");
  listed.add(
    [{ count: 7, block: 3, steps: [200, 100] }, { count: 4, block: 1, steps: [0, 8] }],
    [{ buffer: OUTPUT, offset: 32, threadStep: 64 }, { buffer: INPUT, offset: 16 }],
    0.5,
    ([rows = 0, columns = 0]) => new ProgramBuilder(nameOf(rows, columns), 4, 2).build(),
  );
  assertEquals(named.build(), listed.build());
});

Deno.test("addTiles() passes over what is no parameter of the program", () => {
  const phase = new PhaseBuilder("phase");
  const parameters: readonly ("input" | "stage")[] = ["input"];
  addTiles(phase, {
    parameters,
    axes: { rows: { count: 2, steps: { input: 4, stage: 8 } } },
    bases: { input: { buffer: INPUT, offset: 0 }, stage: { buffer: STAGE, offset: 0 } },
    itemCost: 1,
    write: () => new ProgramBuilder("rows", 4, 1).build(),
  });
  const [grid] = phase.build().grids;
  assertEquals(grid?.args, [{ buffer: INPUT, threadStep: 0, offset: 0, steps: [4] }]);
});

Deno.test("pointersOf() counts parameters in their order", () => {
  assertEquals(pointersOf(["weight", "result", "stage"]), { weight: 0, result: 1, stage: 2 });
});
