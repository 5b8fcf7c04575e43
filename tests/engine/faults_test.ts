import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { compilerFor } from "../../src/engine/backend.ts";
import { type Pool, workerSource } from "../../src/engine/pool.ts";
import type { Runtime } from "../../src/engine/runtime.ts";
import { CONTROL } from "../../src/engine/shared_memory.ts";
import type { Values } from "../../src/tensor/values.ts";
import { geometryOf, type LayerCase, operandsOf } from "../_arbitrary.ts";
import { convolution, convolutionTask, type Exercise } from "./_convolution_task.ts";
import { FOR_EVER, runtimeWith, sourceRunning, SPARE_WORD, started } from "./_faults.ts";
import { sameBits } from "./_same.ts";

const WORKERS = 2;
const WAYS = ["sync", "async"] as const;

/** Some tens of units in each of its phases. */
const CASE: LayerCase = {
  transposed: false,
  rank: 2,
  batch: 6,
  inChannels: 16,
  outChannels: 24,
  spatial: [40, 40],
  kernelSize: 3,
  bias: true,
  options: { padding: 1 },
  seed: 0,
};

/** An exercise and what one thread makes of it. */
interface SolvedExercise extends Exercise {
  readonly expected: Float32Array;
}

const alone = runtimeWith(0, [workerSource()]);
const solved = new Map<number, SolvedExercise>();

/** An exercise, another one for each number: odd ones lie in the memory in another way. */
function exercise(number: number): SolvedExercise {
  const known = solved.get(number);
  if (known !== undefined) return known;
  const layerCase = { ...CASE, seed: number, inChannels: number % 2 === 0 ? 16 : 11 };
  const given = { geometry: geometryOf(layerCase), operands: operandsOf(layerCase) };
  const [expected] = alone.runSync(convolutionTask(alone, [given]));
  if (expected === undefined) throw new Error("There is no output");
  const exercise = { ...given, expected };
  solved.set(number, exercise);
  return exercise;
}

/** Whether exercises were solved rightly. */
function areRight(outputs: readonly Float32Array[], exercises: readonly SolvedExercise[]): boolean {
  return outputs.length === exercises.length && exercises.every(({ expected }, index) => {
    const output = outputs[index];
    return output !== undefined && sameBits(output, expected);
  });
}

/** Solves exercises on a runtime, in one task. */
function solve(
  runtime: Runtime,
  way: "sync" | "async",
  exercises: readonly Exercise[],
): Promise<Float32Array[]> {
  const task = convolutionTask(runtime, exercises);
  return way === "async" ? runtime.run(task) : Promise.resolve(runtime.runSync(task));
}

/** Computes until something has come about, however long it takes the workers to have a part in it. */
async function computeUntil(runtime: Runtime, condition: () => boolean): Promise<void> {
  const limit = performance.now() + 30_000;
  do {
    await computeRightly(runtime, 1);
    if (performance.now() > limit) throw new Error("It does not come about");
  } while (!condition());
}

/** Computes several times, sync and async by turns. */
async function computeRightly(runtime: Runtime, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const exercises = [exercise(round)];
    for (const way of WAYS) {
      assert(areRight(await solve(runtime, way, exercises), exercises), `${way}, round ${round}`);
    }
  }
}

const NEVER_STARTING = {
  "do nothing": "",
  "end at once": `throw new Error("on purpose");`,
  "wait for ever": "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);",
  "are busy for ever": `const words = new Int32Array(workerData.memory.buffer);
${FOR_EVER};`,
};

for (const [what, source] of Object.entries(NEVER_STARTING)) {
  Deno.test(`Runtime computes alone with workers that ${what}`, async () => {
    const runtime = runtimeWith(WORKERS, [source]);
    await computeRightly(runtime, 2);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await computeRightly(runtime, 1);
    runtime.close();
  });
}

Deno.test("Runtime counts no workers where none can be started", async () => {
  const runtime = runtimeWith(WORKERS, [`throw new Error("on purpose");`]);
  assertEquals(runtime.workers, WORKERS);
  const limit = performance.now() + 30_000;
  // Each is replaced some times.
  while (runtime.workers > 0) {
    runtime.startWorker();
    assert(performance.now() < limit, `There are still ${runtime.workers}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await computeRightly(runtime, 1);
  runtime.close();
});

const LOSING = {
  "end": "end();",
  "wait for ever": "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);",
  "are busy for ever": `${FOR_EVER};`,
};

for (const [what, body] of Object.entries(LOSING)) {
  for (const way of WAYS) {
    Deno.test(`Runtime computes rightly, ${way}, when workers ${what} at a unit, and replaces them`, async () => {
      const pools: Pool[] = [];
      const runtime = runtimeWith(
        WORKERS,
        [sourceRunning(body), workerSource()],
        (pool) => pools.push(pool),
      );
      await started(runtime, WORKERS);
      const exercises = [exercise(1), exercise(2)];
      assert(areRight(await solve(runtime, way, exercises), exercises));
      await computeUntil(runtime, () => pools.length > 1);
      assertEquals(pools.map(({ size }) => size).slice(0, 2), [0, WORKERS]);
      await started(runtime, WORKERS);
      await computeRightly(runtime, 1);
      runtime.close();
    });
  }
}

Deno.test("Runtime computes rightly when only one unit in all is lost", async () => {
  const once = `if (Atomics.add(words, ${SPARE_WORD}, 1) === 0) end();`;
  const runtime = runtimeWith(WORKERS, [
    sourceRunning(`${once} realRunUnit(job, unit, thread);`),
    workerSource(),
  ]);
  await started(runtime, WORKERS);
  await computeRightly(runtime, 3);
  runtime.close();
});

Deno.test("Runtime keeps what a lost worker writes late out of what comes next", async () => {
  // The same memory would be used again for each.
  const exercises = [0, 1, 2, 3, 4, 5, 6, 7].map(exercise);
  const late = `${FOR_EVER} realRunUnit(job, unit, thread);`;
  for (const way of WAYS) {
    const runtime = runtimeWith(WORKERS, [sourceRunning(late), workerSource()]);
    await started(runtime, WORKERS);
    assert(areRight(await solve(runtime, way, exercises), exercises), way);
    runtime.close();
  }
});

Deno.test("Runtime keeps results that nobody has read when a worker is lost", async () => {
  const runtime = runtimeWith(WORKERS, [sourceRunning(`${FOR_EVER};`), workerSource()]);
  const made: Values[] = [];
  function* task() {
    const block = runtime.allocate(4000);
    runtime.floats(block.address, 1000).fill(made.length + 1);
    yield* convolution(runtime, exercise(0));
    yield* convolution(runtime, exercise(1));
    made.push(runtime.results.keep(block, 1000, made));
  }
  // The workers take part from the second on, and are lost in it.
  runtime.runSync(task());
  await started(runtime, WORKERS);
  runtime.runSync(task());
  await runtime.run(task());
  made.forEach(({ data }, index) => assert(data.every((value) => value === index + 1)));
  assertEquals(made.length, 3);
  runtime.close();
});

Deno.test("Runtime keeps calls in flight right while workers are lost again and again", async () => {
  const runtime = runtimeWith(WORKERS, [
    sourceRunning("end();"),
    sourceRunning(`${FOR_EVER};`),
    workerSource(),
  ]);
  await started(runtime, WORKERS);
  const exercises = [1, 2, 3, 4, 5, 6, 7, 8].map(exercise);
  const results = exercises.map((exercise) => runtime.run(convolutionTask(runtime, [exercise])));
  const first = exercise(9);
  assert(areRight(runtime.runSync(convolutionTask(runtime, [first])), [first]));
  assert(areRight((await Promise.all(results)).flat(), exercises));
  runtime.close();
});

Deno.test("Runtime has workers replaced that end between two units", async () => {
  const runtime = runtimeWith(
    WORKERS,
    [sourceRunning(
      "realRunUnit(job, unit, thread);",
      `if (Atomics.add(words, ${SPARE_WORD}, 1) < ${WORKERS}) end();`,
    )],
  );
  await started(runtime, WORKERS);
  await computeUntil(runtime, () => runtime.started >= 2 * WORKERS);
  await computeRightly(runtime, 1);
  assertEquals(runtime.workers, WORKERS);
  runtime.close();
});

Deno.test("Runtime refuses work while the host has no memory to replace a lost one", async () => {
  const runtime = runtimeWith(WORKERS, [sourceRunning("end();"), workerSource()]);
  await started(runtime, WORKERS);
  const exercises = [exercise(1), exercise(2)];
  const { Memory } = WebAssembly;
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      throw new RangeError("could not allocate memory");
    }
  };
  try {
    // What is under way when the worker gets lost needs no more memory.
    await assertRejects(() => computeUntil(runtime, () => false), RangeError, "allocate");
    const results = await Promise.allSettled([
      solve(runtime, "async", exercises),
      solve(runtime, "async", exercises),
    ]);
    assertEquals(results.map(({ status }) => status), ["rejected", "rejected"]);
  } finally {
    WebAssembly.Memory = Memory;
  }
  await computeRightly(runtime, 2);
  runtime.close();
});

Deno.test("Runtime throws what a task throws, gives back its memory and goes on", async () => {
  const runtime = runtimeWith(WORKERS, [workerSource()]);
  await started(runtime, WORKERS);
  const exercises = [exercise(1)];
  function* failing() {
    yield* convolutionTask(runtime, exercises);
    const block = runtime.allocate(1000);
    try {
      throw new TypeError("on purpose");
    } finally {
      runtime.release(block);
    }
  }
  assertThrows(() => runtime.runSync(failing()), TypeError, "on purpose");
  const results = await Promise.allSettled([
    runtime.run(failing()),
    solve(runtime, "async", exercises),
    runtime.run(failing()),
  ]);
  assertEquals(results.map(({ status }) => status), ["rejected", "fulfilled", "rejected"]);
  runtime.release(runtime.allocate(runtime.capacity));
  await computeRightly(runtime, 1);
  runtime.close();
});

Deno.test({
  name: "Runtime throws where the code of a phase traps, and goes on",
  // Machine code does not trap.
  ignore: compilerFor("auto").target.name !== "wasm",
  async fn() {
    // The workers never come to the code: what they throw is written to standard error.
    const runtime = runtimeWith(WORKERS, [sourceRunning(`${FOR_EVER};`), workerSource()]);
    await started(runtime, WORKERS);
    function* trapping() {
      // Addresses beyond the end of the memory.
      for (const run of convolutionTask(runtime, [exercise(1)])) {
        if ("phase" in run) yield { ...run, bases: run.bases.map(() => 2 ** 31 - 2 ** 16) };
      }
    }
    assertThrows(() => runtime.runSync(trapping()), WebAssembly.RuntimeError);
    await computeRightly(runtime, 1);
    runtime.close();
  },
});

Deno.test("Runtime has its workers take part once they have started", async () => {
  const controls: Int32Array[] = [];
  const runtime = runtimeWith(
    WORKERS,
    [workerSource()],
    (_, { control }) => controls.push(control),
  );
  await started(runtime, WORKERS);
  const seen = new Set<number>();
  const limit = performance.now() + 30_000;
  while (seen.size < WORKERS + 1 && performance.now() < limit) {
    runtime.runSync(convolutionTask(runtime, [exercise(0)]));
    for (const control of controls) {
      for (const state of control.slice(CONTROL.states)) seen.add((state & 0xffff) >>> 1);
    }
  }
  assertEquals([...seen].sort(), [0, 1, 2]);
  runtime.close();
});
