import { assert, assertEquals, assertThrows } from "@std/assert";
import { FLOAT_BYTES, ProgramBuilder } from "../../src/codegen/program.ts";
import { WASM_TARGET } from "../../src/codegen/target.ts";
import { CodeCache } from "../../src/engine/code_cache.ts";
import { Dispatcher, type PhaseRun, type RunningStep } from "../../src/engine/dispatcher.ts";
import { CONTROL, LEAST_MEMORY_BYTES, SharedMemory } from "../../src/engine/shared_memory.ts";
import type { EarlyCopy } from "../../src/engine/transfer.ts";
import { wasmCompiler } from "../../src/engine/wasm_compiler.ts";
import { MOST_UNITS, unitsOf } from "../../src/engine/job.ts";
import { fillingPhase, TILE_ELEMENTS, UNITS } from "./_filling_phase.ts";

const GO_ON = () => true;

/** A dispatcher that believes in a worker: the test itself is it. */
function newDispatcher() {
  const shared = new SharedMemory(LEAST_MEMORY_BYTES);
  const dispatcher = new Dispatcher(
    shared,
    new CodeCache(shared, wasmCompiler(WASM_TARGET).open(shared)),
  );
  const block = shared.heap.allocate(UNITS * TILE_ELEMENTS * FLOAT_BYTES);
  if (block === null) throw new Error("There is no memory");
  const phase = fillingPhase();
  const values = shared.floats(block.address, UNITS * TILE_ELEMENTS);
  const begin = (workers: number, changes: Partial<PhaseRun> = {}): RunningStep =>
    dispatcher.begin({ phase, bases: [block.address], ...changes }, workers);
  return { shared, begin, values };
}

/** Claims a unit as a worker does, and goes no further. */
function claim({ control }: SharedMemory): void {
  const unit = Atomics.add(control, CONTROL.claim, 1) & 0xffff;
  const generation = Atomics.load(control, CONTROL.generation) << 16;
  Atomics.store(control, CONTROL.states + unit, generation | 1 << 1);
}

/** Lets so many phases go by that the low bits of their generations come round again. */
function letGenerationsComeRound(begin: ReturnType<typeof newDispatcher>["begin"]): void {
  const small = fillingPhase(1);
  for (let phase = 0; phase < 0xffff; phase++) begin(0, { phase: small });
}

Deno.test("A phase that is shared has no unit done as it begins, whatever was there before", () => {
  const { shared, begin } = newDispatcher();
  shared.control.fill(-1, CONTROL.states);
  for (let round = 0; round < 3; round++) {
    const step = begin(1);
    const states = shared.control.slice(CONTROL.states, CONTROL.states + UNITS);
    assertEquals([...states], new Array(UNITS).fill(0));
    assert(!step.isComplete());
    step.complete(() => {});
    step.release();
  }
});

Deno.test("A phase takes no unit for done that was done 65536 phases before", () => {
  const { shared, begin, values } = newDispatcher();
  const first = begin(1);
  first.complete(() => {});
  first.release();
  const generation = Atomics.load(shared.control, CONTROL.generation);
  letGenerationsComeRound(begin);
  const parts: [from: number, to: number][] = [];
  values.fill(0);
  const copied: number[] = [];
  const emptying: EarlyCopy = {
    buffer: 0,
    length: values.length,
    open() {},
    copy(from, to) {
      parts.push([from, to]);
      copied.push(...new Set(values.subarray(from, to)));
    },
  };
  const step = begin(1, { emptying });
  const again = Atomics.load(shared.control, CONTROL.generation);
  assertEquals(again - generation, 0x10000);
  step.complete(() => {});
  step.release();
  assertEquals(new Set(copied), new Set([1]));
  assertEquals(parts.at(-1)?.[1], values.length);
});

Deno.test("A phase that is given up waits for a unit that was done 65536 phases before, and is at work", () => {
  const { shared, begin } = newDispatcher();
  const first = begin(1);
  first.complete(() => {});
  first.release();
  letGenerationsComeRound(begin);
  const step = begin(1);
  // A worker has claimed it, but has not come to say so.
  Atomics.add(shared.control, CONTROL.claim, 1);
  step.abandon();
  assert(step.lostThread);
  step.release();
});

Deno.test("A phase that is given up loses no thread where none is at work, and is claimed by nobody", () => {
  for (const done of [0, 1, UNITS - 1]) {
    const { shared, begin } = newDispatcher();
    const free = shared.heap.freeBytes;
    const step = begin(1);
    let left = done;
    step.help(() => left-- > 0);
    assertEquals(Atomics.load(shared.control, CONTROL.done) & 0xffff, done);
    step.abandon();
    assert(!step.lostThread, `${done} units were done`);
    step.help(GO_ON);
    assertEquals(Atomics.load(shared.control, CONTROL.done) & 0xffff, done);
    assert(Atomics.load(shared.control, CONTROL.filled) > 2 ** 30, "Nobody is left waiting");
    step.release();
    assertEquals(Atomics.load(shared.control, CONTROL.readable), 0);
    // The code of the phase is kept.
    assert(free - shared.heap.freeBytes < 2 ** 12);
  }
});

Deno.test("A phase that is given up loses a thread that holds one of its units, the last one too", () => {
  for (const done of [0, UNITS - 1]) {
    const { shared, begin } = newDispatcher();
    const step = begin(1);
    let left = done;
    step.help(() => left-- > 0);
    claim(shared);
    step.abandon();
    assert(step.lostThread, `${done} units were done`);
    step.release();
  }
});

Deno.test("A phase is completed without a thread that holds one of its units, and computes that itself", () => {
  const { shared, begin, values } = newDispatcher();
  values.fill(0);
  const step = begin(1);
  claim(shared);
  step.complete(() => {});
  assert(step.lostThread);
  assert(values.every((value) => value === 1));
  step.release();
});

Deno.test("A phase whose filling fails as it begins is given up, and keeps no memory", () => {
  const { shared, begin } = newDispatcher();
  // Its code is kept.
  const step = begin(1);
  step.complete(() => {});
  step.release();
  const filling = {
    buffer: 0,
    length: 100,
    isLive: true,
    copy() {
      throw new TypeError("It is gone");
    },
  };
  const free = shared.heap.freeBytes;
  assertThrows(() => begin(1, { filling }), TypeError, "gone");
  assertEquals(shared.heap.freeBytes, free);
  assertEquals(Atomics.load(shared.control, CONTROL.readable), 0);
});

Deno.test("A phase is not shared where only the calling thread has memory, or where it is short", () => {
  const { shared, begin } = newDispatcher();
  const generation = () => Atomics.load(shared.control, CONTROL.generation);
  const before = generation();
  begin(0).complete(() => {});
  begin(1, { threads: 1 }).complete(() => {});
  begin(1, { phase: { ...fillingPhase(), cost: 1 } }).complete(() => {});
  begin(1, { phase: fillingPhase(1) }).complete(() => {});
  const { heap } = shared;
  const rest = heap.allocate(heap.largestFree);
  begin(1, { phase: fillingPhase() }).complete(() => {});
  if (rest !== null) heap.release(rest);
  assertEquals(generation(), before);
  begin(1).complete(() => {});
  assert(generation() > before);
});

Deno.test("The states of as many units as there can be touch nothing of what lies in the memory", () => {
  const { shared, begin } = newDispatcher();
  const all = { program: 0, extents: [MOST_UNITS], args: [] };
  const programs = [new ProgramBuilder("nothing", WASM_TARGET.lanes, 0).build()];
  const phase = { name: "nothing", programs, grids: [all], cost: 1e6 };
  assertEquals(unitsOf(phase), MOST_UNITS);
  const { heap } = shared;
  // All there is, but for the code and the description.
  const lowest = heap.allocate(64);
  if (lowest === null) throw new Error("There is no memory");
  const words = shared.words.subarray(shared.controlWords, lowest.address / 4);
  words.fill(7);
  const step = begin(1, { phase });
  assertEquals(words.findIndex((word) => word !== 7), -1);
  step.complete(() => {});
  assertEquals(words.findIndex((word) => word !== 7), -1);
  assert(!step.lostThread);
  step.release();
});
