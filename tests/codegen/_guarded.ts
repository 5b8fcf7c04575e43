/**
 * Runs random programs as machine code with all memory forbidden before the first byte, or behind the
 * last, that they ask for. Only a process of its own survives the test failing.
 *
 * @module
 */

import * as fc from "fast-check";
import { interpret, type Region } from "../../src/codegen/interpret.ts";
import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../src/codegen/program.ts";
import type { Target } from "../../src/codegen/target.ts";
import { draws } from "../_depth.ts";
import { NativePrograms, nativeTargets, PAGE_BYTES, Pages } from "./_native.ts";
import { randomPrograms } from "./_random_program.ts";

/** What random programs may use of each side, and as much before and behind it. */
const SIDE_BYTES = 32 * PAGE_BYTES;

/** Where the memory of each side begins that may be used. */
const SIDES = [SIDE_BYTES, 3 * SIDE_BYTES] as const;

/** The first byte that is used of a buffer, and the first that is not. */
interface Extent {
  start: number;
  end: number;
}

if (Deno.args[0] === "beyond") runBeyond();
else for (const target of nativeTargets()) runRandom(target);
console.log("Nothing forbidden was touched");

function runRandom(target: Target): void {
  using pages = guardedPages();
  fc.assert(
    fc.property(randomPrograms(target.lanes, 2), (program) => {
      const extents = extentsOf(program);
      using code = new NativePrograms([program], target, pages.address);
      const pointers = (place: (extent: Extent, side: number) => number) =>
        extents.map((extent, i) => place(extent, SIDES[i] ?? 0));
      code.run(0, ...pointers(({ start }, side) => side - start));
      code.run(0, ...pointers(({ end }, side) => side + SIDE_BYTES - end));
    }),
    { seed: 45, numRuns: draws(500) },
  );
}

/** Reads one element too far: the test must see it. */
function runBeyond(): void {
  const [target] = nativeTargets();
  if (target === undefined) return;
  const program = new ProgramBuilder("beyond", target.lanes, 1);
  program.load(program.register(), 0, 0);
  using pages = guardedPages();
  using code = new NativePrograms([program.build()], target, pages.address);
  code.run(0, SIDES[0] + SIDE_BYTES - (target.lanes - 1) * FLOAT_BYTES);
}

function guardedPages(): Pages {
  const pages = new Pages(5 * SIDE_BYTES);
  new Float32Array(pages.view().buffer).fill(1);
  for (const side of [0, 2, 4]) pages.forbid(side * SIDE_BYTES, SIDE_BYTES);
  return pages;
}

/** What a program uses of what it reads and of what it writes, in bytes from its pointer. */
function extentsOf(program: Program): Extent[] {
  const middle = SIDE_BYTES / 2;
  const sides = [watched(), watched()];
  interpret(program, sides.map(({ region }) => ({ region, offset: middle })));
  return sides.map(({ extent: { start, end } }) =>
    start < end ? { start: start - middle, end: end - middle } : { start: 0, end: 0 }
  );
}

/** A buffer that notes which of its elements are used. */
function watched(): { region: Region; extent: Extent } {
  const extent = { start: Infinity, end: 0 };
  const note = (index: number) => {
    extent.start = Math.min(extent.start, index * FLOAT_BYTES);
    extent.end = Math.max(extent.end, (index + 1) * FLOAT_BYTES);
  };
  const data = new Float32Array(SIDE_BYTES / FLOAT_BYTES);
  const watch = { read: note, write: note };
  return { region: { name: "watched", data, writable: true, watch }, extent };
}
