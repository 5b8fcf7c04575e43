import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import {
  allocatePointers,
  allocateVectors,
  type Needs,
} from "../../../src/codegen/x64/allocate.ts";
import {
  type Linear,
  linearise,
  MOST_READS,
  NOBODY,
  type Step,
} from "../../../src/codegen/x64/linear.ts";
import { type Program, ProgramBuilder } from "../../../src/codegen/program.ts";
import { draws } from "../../_depth.ts";
import { randomPrograms } from "../_random_program.ts";

const LANES = 16;
const NOTHING: Needs = { temporaries: 0, early: false };

function vectors(program: Program, available: number, needs: (step: Step) => Needs) {
  return allocateVectors(linearise(program), needs, available);
}

/** What random programs need: stores a temporary, shuffles their results early. */
function someNeeds({ op }: Step): Needs {
  return { temporaries: op === "store" ? 1 : op === "gather" ? 2 : 0, early: op === "shuffle" };
}

/** The steps in the order in which they are run. */
function* trace({ steps, loops }: Linear): Generator<number> {
  const left: number[] = [];
  for (let at = 0; at < steps.length; at++) {
    const step = steps[at];
    if (step?.op === "begin") left.push(loops[step.loop]?.count ?? 1);
    yield at;
    if (step?.op !== "end") continue;
    const turns = (left.pop() ?? 1) - 1;
    if (turns === 0) continue;
    left.push(turns);
    at = loops[step.loop]?.begin ?? at;
  }
}

/** Runs a program on names alone: whoever reads must find what was last written under that name. */
function assertNothingLost(program: Program, available: number): void {
  const linear = linearise(program);
  const { registers, temporaries, zeroed } = allocateVectors(linear, someNeeds, available);
  const holds = new Map<number, number>();
  for (const name of zeroed) holds.set(registers[name] ?? 0, name);
  const { reads, writes } = linear.registers;
  for (const at of trace(linear)) {
    const step = linear.steps[at];
    if (step === undefined) continue;
    const write = writes[at] ?? NOBODY;
    const check = () => {
      for (const name of reads.subarray(at * MOST_READS, (at + 1) * MOST_READS)) {
        if (name === NOBODY || name === write) continue;
        assertEquals(holds.get(registers[name] ?? 0), name, `Step ${at} finds another's value`);
      }
    };
    check();
    const own = temporaries.get(at) ?? [];
    assertEquals(own.length, someNeeds(step).temporaries);
    assertEquals(new Set(own).size, own.length);
    for (const register of own) holds.set(register, NOBODY);
    check();
    if (write === NOBODY) continue;
    holds.set(registers[write] ?? 0, write);
    if (someNeeds(step).early) check();
  }
}

Deno.test("allocateVectors() loses nothing of random programs", () => {
  const programs = draws(1000);
  let refused = 0;
  fc.assert(
    fc.property(randomPrograms(LANES, 1, 20), fc.integer({ min: 4, max: 32 }), (program, count) => {
      try {
        assertNothingLost(program, count);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        refused++;
      }
    }),
    { seed: 42, numRuns: programs },
  );
  assert(refused > programs / 20 && refused < programs * 0.8, `${refused} were refused`);
});

Deno.test("allocateVectors() refuses a program that uses too many registers, and says how many", () => {
  const program = new ProgramBuilder("wide", LANES, 1);
  const all = program.registers(9);
  for (const register of all) program.load(register, 0, 0);
  for (const register of all) program.store(register, 0, 0);
  assertThrows(
    () => vectors(program.build(), 8, () => NOTHING),
    RangeError,
    'Program "wide" uses 9 vector registers at once, but there are 8',
  );
  vectors(program.build(), 9, () => NOTHING);
});

Deno.test("allocateVectors() gives a result the register of what is read last", () => {
  const program = new ProgramBuilder("chain", LANES, 1);
  const all = program.registers(100);
  all.forEach((register, i) => {
    if (i === 0) program.load(register, 0);
    else program.add(register, all[i - 1] ?? 0, all[i - 1] ?? 0);
  });
  program.store(all.at(-1) ?? 0, 0);
  const { registers } = vectors(program.build(), 1, () => NOTHING);
  assertEquals(new Set(registers).size, 1);
  const early = ({ op }: Step): Needs => ({ temporaries: 0, early: op === "add" });
  assertThrows(() => vectors(program.build(), 1, early), RangeError, "uses 2");
  vectors(program.build(), 2, early);
});

Deno.test("allocateVectors() keeps what comes into a loop until it ends", () => {
  const program = new ProgramBuilder("loop", LANES, 1);
  const [kept, other] = [program.register(), program.register()];
  program.load(kept, 0);
  program.loop(2, () => {
    program.store(kept, 0);
    program.load(other, 0);
    program.store(other, 0);
  });
  const { registers } = vectors(program.build(), 2, () => NOTHING);
  assertEquals(new Set(registers).size, 2);
});

Deno.test("allocateVectors() says which registers are read before they are written", () => {
  const program = new ProgramBuilder("zero", LANES, 1);
  const [written, sum] = [program.register(), program.register()];
  program.load(written, 0);
  program.fma(sum, written, written);
  program.store(sum, 0);
  assertEquals(vectors(program.build(), 2, () => NOTHING).zeroed, [sum]);
});

Deno.test("allocatePointers() keeps those in registers that are used most", () => {
  const program = new ProgramBuilder("pointers", LANES, 2);
  const value = program.register();
  const [far, near] = [program.pointer(0), program.pointer(1)];
  program.load(value, 1);
  program.loop(10, () => {
    program.load(value, near);
    program.load(value, near);
    program.advance(near, 4);
  });
  program.store(value, far);
  program.store(value, 0);
  const linear = linearise(program.build());
  const { places, slots } = allocatePointers(linear, 2);
  const counter = 4;
  assert((places[near] ?? -1) >= 0 && (places[counter] ?? -1) >= 0);
  assertEquals([places[0], places[far]].map((place) => (place ?? 0) < 0), [true, true]);
  assertEquals(new Set(places).size, 5 - 1, "The place of the second parameter is free again");
  assertEquals(slots, 2);
  assertEquals(allocatePointers(linear, 4).slots, 0);
});

Deno.test("allocatePointers() gives no two pointers that are used at a time the same place", () => {
  fc.assert(
    fc.property(randomPrograms(LANES, 4), fc.integer({ min: 1, max: 14 }), (program, count) => {
      const linear = linearise(program);
      const { places, isUsed } = allocatePointers(linear, count);
      const holds = new Map<number, number>();
      for (let name = 0; name < program.parameters; name++) {
        if (isUsed(name)) holds.set(places[name] ?? 0, name);
      }
      const { reads, writes } = linear.pointers;
      for (const at of trace(linear)) {
        const read = reads[at * MOST_READS] ?? NOBODY;
        // Another turn does not set the counter again.
        if (read !== NOBODY) assertEquals(holds.get(places[read] ?? 0), read);
        const write = writes[at] ?? NOBODY;
        if (write !== NOBODY) holds.set(places[write] ?? 0, write);
      }
    }),
    { seed: 43, numRuns: draws(500) },
  );
});

Deno.test("allocatePointers() refuses a pointer that points nowhere", () => {
  const program: Program = {
    name: "nowhere",
    lanes: LANES,
    parameters: 1,
    pointers: 2,
    registers: 1,
    body: [{ op: "load", dst: 0, ptr: 1, offset: 0, lanes: LANES }],
  };
  assertThrows(
    () => allocatePointers(linearise(program), 14),
    RangeError,
    'Program "nowhere" uses pointer 1 before it is set',
  );
});

Deno.test("Allocation takes time in proportion to a program's length", () => {
  const program = new ProgramBuilder("long", LANES, 2);
  for (let i = 0; i < 20000; i++) {
    const [one, other] = [program.register(), program.register()];
    program.load(one, 0, 4 * i);
    program.load(other, 0, 4 * i);
    program.mul(one, one, other);
    program.store(one, 1, 4 * i);
  }
  const { registers } = vectors(program.build(), 2, () => NOTHING);
  assertEquals(registers.length, 40000);
});
