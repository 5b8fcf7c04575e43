import { assert, assertEquals } from "@std/assert";
import { CodeCache } from "../../src/engine/code_cache.ts";
import { Dispatcher } from "../../src/engine/dispatcher.ts";
import { encodeJob, unitsOf } from "../../src/engine/job.ts";
import { WASM_TARGET } from "../../src/codegen/target.ts";
import { wasmCompiler } from "../../src/engine/wasm_compiler.ts";
import { Pool, workerSource } from "../../src/engine/pool.ts";
import { CONTROL, LEAST_MEMORY_BYTES, SharedMemory } from "../../src/engine/shared_memory.ts";
import type { Phase } from "../../src/engine/work.ts";
import { startThread } from "../../src/platform/threads.ts";
import { claimTiles, type TileJob } from "../../workers/tiles.ts";

const UNITS = 12;
const GO_ON = () => true;

/** A phase of so many tiles; there is no code for it. */
function phaseOf(tiles: number): Phase {
  const grid = { program: 0, extents: [tiles], args: [] };
  return { name: "test", programs: [], grids: [grid], cost: 1e6 };
}

/** A control block on which a job has been published, and the job. */
function published(generation: number, control = newControl()): [Int32Array, TileJob] {
  const words = encodeJob(phaseOf(UNITS), [], { id: 1, address: 0, bytes: 0 }, 256, null);
  control[CONTROL.done] = generation << 16;
  control[CONTROL.claim] = generation << 16;
  control[CONTROL.readable] = generation;
  control[CONTROL.generation] = generation;
  return [control, { control, generation, words, functions: [] }];
}

function newControl(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * (CONTROL.states + UNITS)));
}

/** Counts the runs of each unit; `during` happens while a unit is being run. */
function counter(during: (unit: number) => void = () => {}) {
  const runs = new Array<number>(UNITS).fill(0);
  const run = (_: TileJob, unit: number) => {
    runs[unit] = (runs[unit] ?? 0) + 1;
    during(unit);
  };
  return { runs, run };
}

const ONCE = new Array<number>(UNITS).fill(1);
const NEVER = new Array<number>(UNITS).fill(0);

function doneUnits(control: Int32Array): number {
  return (control[CONTROL.done] ?? 0) & 0xffff;
}

// The sign bit of the words and the largest generation included.
for (const generation of [1, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff]) {
  Deno.test(`claimTiles() runs each unit once and counts it, generation ${generation}`, () => {
    const [control, job] = published(generation);
    const { runs, run } = counter();
    claimTiles(job, 255, run, GO_ON);
    assertEquals(runs, ONCE);
    assertEquals(doneUnits(control), UNITS);
    claimTiles(job, 1, run, GO_ON);
    assertEquals(runs, ONCE);
  });
}

Deno.test("claimTiles() shares the units among all who claim", () => {
  const [control, job] = published(5);
  // Each claimer comes in while the one before is at its third unit.
  const claimer = (thread: number): void => {
    let claimed = 0;
    const run = (job: TileJob, unit: number) => {
      all.run(job, unit);
      if (++claimed === 3 && thread < 3) claimer(thread + 1);
    };
    claimTiles(job, thread, run, GO_ON);
  };
  const all = counter();
  claimer(0);
  assertEquals(all.runs, ONCE);
  assertEquals(doneUnits(control), UNITS);
});

Deno.test("claimTiles() asks before each claim whether to go on", () => {
  const [control, job] = published(5);
  const { runs, run } = counter();
  let left = 4;
  claimTiles(job, 0, run, () => left-- > 0);
  assertEquals(runs.reduce((a, b) => a + b), 4);
  assertEquals(doneUnits(control), 4);
  claimTiles(job, 0, run, () => false);
  assertEquals(doneUnits(control), 4);
  claimTiles(job, 1, run, GO_ON);
  assertEquals(runs, ONCE);
});

Deno.test("claimTiles() claims nothing of a job that came after its own", () => {
  const [control, stale] = published(5);
  published(6, control);
  const before = control.slice();
  const { runs, run } = counter();
  claimTiles(stale, 1, run, GO_ON);
  assertEquals(runs, NEVER);
  assertEquals(control, before);
});

Deno.test("claimTiles() claims nothing for a thread that has no memory of its own", () => {
  for (const threads of [1, 3]) {
    const [control, job] = published(5);
    job.words[6] = threads;
    const { runs, run } = counter();
    for (const thread of [threads, threads + 1]) claimTiles(job, thread, run, GO_ON);
    assertEquals(runs, NEVER);
    claimTiles(job, threads - 1, run, GO_ON);
    assertEquals(runs, ONCE);
    assertEquals(doneUnits(control), UNITS);
  }
});

Deno.test("claimTiles() claims nothing of a job that is over", () => {
  const [control, job] = published(5);
  control[CONTROL.readable] = 0;
  const { runs, run } = counter();
  claimTiles(job, 1, run, GO_ON);
  assertEquals(runs, NEVER);
});

Deno.test("claimTiles() claims nothing of the job 65536 jobs later", () => {
  const [control, stale] = published(5);
  published(5 + 0x10000, control);
  const before = control.slice();
  const { runs, run } = counter();
  claimTiles(stale, 1, run, GO_ON);
  assertEquals(runs, NEVER);
  assertEquals(control, before);
});

Deno.test("claimTiles() counts nothing for a job that was replaced while it ran a unit", () => {
  const [control, slow] = published(5);
  const nextJobs: TileJob[] = [];
  const late = counter(() => {
    const [, next] = published(6, control);
    nextJobs.push(next);
    // The next job is half done when the slow thread comes back.
    let left = UNITS / 2;
    claimTiles(next, 0, timely.run, () => left-- > 0);
  });
  const timely = counter();
  claimTiles(slow, 1, late.run, GO_ON);
  assertEquals(late.runs.reduce((a, b) => a + b), 1);
  assertEquals(doneUnits(control), UNITS / 2);
  for (const next of nextJobs) claimTiles(next, 0, timely.run, GO_ON);
  assertEquals(timely.runs, ONCE);
  assertEquals(doneUnits(control), UNITS);
});

Deno.test("claimTiles() does not count a unit that another thread took over and finished", () => {
  const [control, job] = published(5);
  const TAKEN = 3;
  const { runs, run } = counter((unit) => {
    if (unit === TAKEN) control[CONTROL.states + TAKEN] = 5 << 16 | 0 << 1 | 1;
  });
  claimTiles(job, 1, run, GO_ON);
  assertEquals(runs, ONCE);
  assertEquals(doneUnits(control), UNITS - 1);
});

/** A worker that counts in word `counters + unit` instead of running a unit. */
function countingSource(counters: number): string {
  const runUnit = `(job, unit) => {
    const words = new Int32Array(workerData.memory.buffer);
    Atomics.add(words, ${counters} + unit, 1);
  }`;
  return workerSource({ runUnit });
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 10_000; tries++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`${what} did not come about`);
}

Deno.test("serveTiles() runs every unit of every job once over several threads", async () => {
  const WORKERS = 3;
  const shared = new SharedMemory(LEAST_MEMORY_BYTES);
  const { control, words, controlWords, memory } = shared;
  const counters = shared.heap.allocate(4 * 1000);
  if (counters === null) throw new Error("There is no memory");
  const first = counters.address / 4;
  const source = countingSource(first);
  const pool = new Pool(WORKERS, { memory, codeMemory: null, control: 0, controlWords }, source);
  for (let worker = 0; worker < WORKERS; worker++) pool.startNext();
  const dispatcher = new Dispatcher(
    shared,
    new CodeCache(shared, wasmCompiler(WASM_TARGET).open(shared)),
  );
  await until(() => Atomics.load(control, CONTROL.started) === WORKERS, "A start");
  const phases = new Map<number, Phase>();
  for (let round = 0; round < 400; round++) {
    // Different phases, hence different modules, come round again and again.
    const tiles = 2 + round * 7 % 100;
    const phase = phases.get(tiles) ?? phaseOf(tiles);
    phases.set(tiles, phase);
    const units = unitsOf(phase);
    words.fill(0, first, first + 1000);
    const run = dispatcher.begin({ phase, bases: [] }, WORKERS);
    const limit = performance.now() + 20_000;
    while ((Atomics.load(control, CONTROL.done) & 0xffff) < units) {
      if (performance.now() > limit) throw new Error(`Round ${round} does not end`);
    }
    run.release();
    const counts = words.slice(first, first + units);
    assert(counts.every((count) => count === 1), `Round ${round}: ${counts}`);
    assertEquals(words[first + units], 0);
  }
  pool.close();
  dispatcher.end();
});

Deno.test("serveTiles() keeps the modules of so many phases", async () => {
  const MOST_MODULES = 512;
  const shared = new SharedMemory(LEAST_MEMORY_BYTES);
  const { control, words, controlWords, memory } = shared;
  const most = shared.heap.allocate(64);
  if (most === null) throw new Error("There is no memory");
  const word = most.address / 4;
  words[word] = 0;
  // A map that says how large it has been.
  const source = `globalThis.Map = class extends Map {
  set(key, value) {
    super.set(key, value);
    const words = new Int32Array(workerData.memory.buffer);
    words[${word}] = Math.max(words[${word}], this.size);
    return this;
  }
};
${workerSource({ runUnit: "() => {}" })}`;
  const pool = new Pool(1, { memory, codeMemory: null, control: 0, controlWords }, source);
  pool.startNext();
  const dispatcher = new Dispatcher(
    shared,
    new CodeCache(shared, wasmCompiler(WASM_TARGET).open(shared)),
  );
  await until(() => Atomics.load(control, CONTROL.started) === 1, "The start");
  for (let phase = 0; phase < MOST_MODULES + 20; phase++) {
    const run = dispatcher.begin({ phase: phaseOf(2), bases: [] }, 1);
    const limit = performance.now() + 20_000;
    while ((Atomics.load(control, CONTROL.done) & 0xffff) < 2) {
      if (performance.now() > limit) throw new Error(`Phase ${phase} does not end`);
    }
    run.release();
  }
  assertEquals(words[word], MOST_MODULES);
  pool.close();
  dispatcher.end();
});

Deno.test("workerSource() stands alone: it starts, and ends when it is told to", async () => {
  const { memory, control, controlWords } = new SharedMemory(LEAST_MEMORY_BYTES);
  const start = { memory, codeMemory: null, control: 0, controlWords, thread: 1 };
  const ended = new Int32Array(new SharedArrayBuffer(4));
  const noteEnd = "Atomics.store(workerData.ended, 0, 1);";
  startThread(`${workerSource()}\n${noteEnd}`, { ...start, ended }, () => ended.fill(2));
  await until(() => Atomics.load(control, CONTROL.started) === 1, "The start");
  Atomics.store(control, CONTROL.end, 1);
  Atomics.store(control, CONTROL.generation, 1);
  Atomics.notify(control, CONTROL.generation);
  await until(() => Atomics.load(ended, 0) !== 0, "The end");
  assertEquals(ended[0], 1);
});
