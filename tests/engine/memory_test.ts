import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Conv1d,
  Conv2d,
  ConvTranspose2d,
  Engine,
  type ForwardOptions,
  type Layer,
  Tensor,
} from "../../mod.ts";
import { FLOAT_BYTES } from "../../src/codegen/program.ts";
import { CodeCache } from "../../src/engine/code_cache.ts";
import { Dispatcher, type PhaseRun, type StepsRun } from "../../src/engine/dispatcher.ts";
import { runtimeOf } from "../../src/engine/engine.ts";
import { type Block, Heap } from "../../src/engine/heap.ts";
import { Runtime, type Task } from "../../src/engine/runtime.ts";
import type { EarlyCopy } from "../../src/engine/transfer.ts";
import { runProgram } from "../_program.ts";
import { fillingPhase, TILE_ELEMENTS, UNITS } from "./_filling_phase.ts";
import { assertEmpty, lostThread, withoutWorkers } from "./_lost_thread.ts";
import { sameBits } from "./_same.ts";

/** What a call is made with, made anew for each. */
interface Given {
  readonly layer: Layer;
  readonly input: Tensor;
  readonly options: ForwardOptions;
}

/** Calls that take memory in different ways and orders. */
const CALLS: Record<string, (engine: Engine) => () => Given> = {
  "padded, with an addend": (engine) => {
    const layer = new Conv2d(8, 8, 3, { engine, seed: 1, padding: 1, algorithm: "direct" });
    const input = Tensor.randn([2, 8, 20, 18], { seed: 2 });
    return () => ({ layer, input, options: { add: input } });
  },
  "with prepared weights": (engine) => {
    const layer = new Conv2d(16, 16, 3, { engine, seed: 1, algorithm: "winograd" });
    const input = Tensor.randn([1, 16, 22, 22], { seed: 2 });
    return () => ({ layer, input, options: {} });
  },
  "with weights that have changed and are prepared again": (engine) => {
    const layer = new Conv2d(16, 16, 3, { engine, seed: 1, algorithm: "winograd" });
    const input = Tensor.randn([1, 16, 22, 22], { seed: 2 });
    // What its weights are makes no difference to the sums.
    input.data.fill(0, 0, 22 * 22);
    let changes = 0;
    return () => {
      layer.weight.data[0] = ++changes;
      return { layer, input, options: {} };
    };
  },
  "with prepared weights that stay, into an array": (engine) => {
    const layer = new Conv2d(16, 16, 3, { engine, seed: 1, algorithm: "winograd" }).freeze();
    const input = Tensor.randn([1, 16, 22, 22], { seed: 2 });
    const out = Tensor.zeros(layer.outputShape(input.shape));
    return () => ({ layer, input, options: { out } });
  },
  "with weights that stay, over its input": (engine) => {
    const layer = new Conv2d(8, 8, 1, { engine, seed: 1 }).freeze();
    const values = Tensor.randn([2, 8, 24, 24], { seed: 2 });
    return () => {
      const input = new Tensor(values.data.slice(), values.shape);
      return { layer, input, options: { out: input, add: input } };
    };
  },
  "on an output that lies in the memory": (engine) => {
    const first = new ConvTranspose2d(8, 8, 4, { engine, seed: 1, stride: 2, padding: 1 });
    const layer = new Conv2d(8, 8, 3, { engine, seed: 2, padding: 1 });
    const values = Tensor.randn([1, 8, 12, 12], { seed: 3 });
    return () => {
      const input = first.forwardSync(values);
      return { layer, input, options: { add: input } };
    };
  },
  "whose output is always read": (engine) => {
    const layer = new Conv2d(64, 64, 3, { engine, seed: 1, padding: 1, groups: 64 });
    const input = Tensor.randn([2, 64, 40, 40], { seed: 2 });
    return () => {
      layer.forwardSync(input).data.at(0);
      return { layer, input, options: {} };
    };
  },
};

/** Calls that are done in pieces in an engine with little memory. */
const CALLS_IN_PIECES: typeof CALLS = {
  "by items": (engine) => {
    const layer = new Conv2d(8, 8, 3, { engine, seed: 1, padding: 1, algorithm: "direct" });
    const input = Tensor.randn([5, 8, 60, 60], { seed: 2 });
    return () => ({ layer, input, options: { add: input } });
  },
  "by rows, into an array": (engine) => {
    const layer = new Conv2d(4, 4, 3, { engine, seed: 1, padding: 1 }).freeze();
    const input = Tensor.randn([1, 4, 200, 200], { seed: 2 });
    const out = Tensor.zeros(input.shape);
    return () => ({ layer, input, options: { out } });
  },
  "over its input": (engine) => {
    const layer = new Conv1d(2, 2, 5, { engine, seed: 1, padding: 2 });
    const values = Tensor.randn([1, 2, 90_000], { seed: 2 });
    return () => {
      const input = new Tensor(values.data.slice(), values.shape);
      return { layer, input, options: { out: input } };
    };
  },
};

/** How a call is made: its copies and its phases are run in another order in each. */
const WAYS: Record<string, (given: Given) => Promise<Tensor>> = {
  "sync": ({ layer, input, options }) => {
    try {
      return Promise.resolve(layer.forwardSync(input, options));
    } catch (error) {
      return Promise.reject(error);
    }
  },
  "async": ({ layer, input, options }) => layer.forward(input, options),
  "waiting": ({ layer, input, options }) => {
    layer.forward(input).catch(() => {});
    return layer.forward(input, options);
  },
};

class Injected extends Error {}

/** Whether a fault has come about, and how to have it no more. */
interface Fault extends Disposable {
  readonly hasHit: () => boolean;
}

/** Has one step go wrong: the `at`-th of those that `fail` finds something to fail in. */
function failingStep(
  at: number,
  fail: (run: PhaseRun | StepsRun) => PhaseRun | StepsRun | null,
): Fault {
  const { begin } = Dispatcher.prototype;
  let seen = 0;
  Dispatcher.prototype.begin = function (run, workers) {
    // However little work it is, the workers are to have a part in it.
    if ("phase" in run) Object.assign(run.phase, { cost: 1e6 });
    const failing = fail(run);
    return begin.call(this, failing !== null && seen++ === at ? failing : run, workers);
  };
  return {
    hasHit: () => seen > at,
    [Symbol.dispose]() {
      Dispatcher.prototype.begin = begin;
    },
  };
}

/** A copy that fails before its end. */
function failingCopy<C extends Pick<EarlyCopy, "length" | "copy">>(copy: C): C {
  return {
    ...copy,
    length: copy.length,
    copy(from: number, to: number) {
      if (to === copy.length) throw new Injected();
      copy.copy(from, to);
    },
  };
}

/** Steps the first of which is done, and none after it. */
function failingSteps(steps: Iterable<void>): Iterable<void> {
  const next = (): never => {
    steps[Symbol.iterator]().next();
    throw new Injected();
  };
  return { [Symbol.iterator]: () => ({ next }) };
}

const FAULTS: Record<string, (at: number) => Fault> = {
  "a step that does not begin": (at) =>
    failingStep(at, (run) => {
      // What is not there cannot be run.
      const fail = (): never => {
        throw new Injected();
      };
      return "steps" in run
        ? { steps: { [Symbol.iterator]: fail } }
        : { ...run, bases: new Proxy([], { get: fail }) };
    }),
  "a copy that fails": (at) =>
    failingStep(at, (run) => {
      if ("steps" in run) return { steps: failingSteps(run.steps) };
      const { filling } = run;
      return filling ? { ...run, filling: failingCopy(filling) } : null;
    }),
  "an output that cannot be copied": (at) =>
    failingStep(at, (run) => {
      if ("steps" in run || !run.emptying) return null;
      const { emptying } = run;
      const { buffer, length } = emptying;
      const copy = {
        buffer,
        length,
        open: () => emptying.open(),
        copy: (from: number, to: number) => emptying.copy(from, to),
      };
      return { ...run, emptying: failingCopy(copy) };
    }),
  "an allocation that fails": (at) => {
    const { allocate } = Heap.prototype;
    let seen = 0;
    Heap.prototype.allocate = function (bytes) {
      return seen++ === at ? null : allocate.call(this, bytes);
    };
    return {
      hasHit: () => seen > at,
      [Symbol.dispose]() {
        Heap.prototype.allocate = allocate;
      },
    };
  },
};

/** Machine code does not trap. */
const TRAP: typeof FAULTS = {
  "code that traps": (at) =>
    failingStep(
      at,
      (run) =>
        "steps" in run
          ? null
          : { ...run, filling: null, bases: run.bases.map(() => 2 ** 31 - 2 ** 16) },
    ),
};

/** Whether an error is the one that was injected, or comes from it. */
function isExpected(error: unknown): boolean {
  return error instanceof Injected || error instanceof WebAssembly.RuntimeError ||
    error instanceof RangeError && error.message.includes("bytes of shared memory are needed");
}

/** Has a call go wrong in every place where it can, each time followed by one that must be right. */
async function failEverywhere(
  engine: Engine,
  call: () => Given,
  way: (given: Given) => Promise<Tensor>,
  injectAt: (at: number) => Fault,
  name: string,
): Promise<number> {
  const runtime = runtimeOf(engine);
  const { layer, input, options } = call();
  const expected = layer.forwardSync(input, options).data.slice();
  const { shared } = runtime;
  const MOST = 200;
  let failed = 0;
  for (let at = 0;; at++) {
    const where = `${name}, at ${at}`;
    assert(at < MOST, where);
    // With what is kept from the last call, and without.
    if (at % 2 === 0) assertEmpty(engine, where);
    const given = call();
    let hasHit: boolean;
    {
      using fault = injectAt(at);
      try {
        const { data } = await way(given);
        assert(sameBits(data, expected), where);
      } catch (error) {
        if (!isExpected(error)) throw error;
        failed++;
      }
      // Others that were in flight.
      while (!runtime.idle) await new Promise((resolve) => setTimeout(resolve, 0));
      hasHit = fault.hasHit();
    }
    assert(runtime.shared === shared, `${where}: no thread is lost`);
    assertEmpty(engine, where);
    const next = call();
    assert(sameBits((await way(next)).data, expected), `${where}, next call`);
    while (!runtime.idle) await new Promise((resolve) => setTimeout(resolve, 0));
    if (!hasHit) return failed;
  }
}

const ENGINES = [
  { threads: 1, backend: "wasm", memory: 2 ** 23 },
  { threads: 3, backend: "wasm", memory: 2 ** 23 },
  { threads: 3, backend: "auto", memory: 2 ** 23 },
  { threads: 1, backend: "auto", memory: 2 ** 23 },
  { threads: 2, backend: "wasm", memory: 2 ** 20 },
] as const;

for (const options of ENGINES) {
  const calls = options.memory === 2 ** 20 ? CALLS_IN_PIECES : CALLS;
  for (const [faultName, injectAt] of Object.entries(FAULTS)) {
    Deno.test(`An engine is empty after ${faultName}, and goes on: ${Deno.inspect(options)}`, async () => {
      using engine = new Engine(options);
      await engine.ready;
      let failed = 0;
      for (const [callName, build] of Object.entries(calls)) {
        const call = build(engine);
        for (const [wayName, way] of Object.entries(WAYS)) {
          failed += await failEverywhere(engine, call, way, injectAt, `${callName}, ${wayName}`);
        }
      }
      // Outputs are copied early where others compute many small tiles, and not in pieces.
      const isCopiedEarly = options.threads === 3 && options.backend === "wasm";
      assert(failed > 0 || faultName === "an output that cannot be copied" && !isCopiedEarly);
    });
  }
}

for (const options of ENGINES.filter(({ backend }) => backend === "wasm")) {
  Deno.test(`An engine is empty after code that traps, and goes on: ${Deno.inspect(options)}`, async () => {
    using _ = withoutWorkers();
    using engine = new Engine(options);
    const calls = options.memory === 2 ** 20 ? CALLS_IN_PIECES : CALLS;
    for (const injectAt of Object.values(TRAP)) {
      for (const [callName, build] of Object.entries(calls)) {
        for (const [wayName, way] of Object.entries(WAYS)) {
          const name = `${callName}, ${wayName}`;
          assert(await failEverywhere(engine, build(engine), way, injectAt, name) > 0, name);
        }
      }
    }
  });
}

/** Takes all free memory but for one piece of some bytes. */
function takeAllBut(heap: Heap, bytes: number): Block[] {
  const left = heap.allocate(Math.min(bytes, heap.largestFree));
  const taken: Block[] = [];
  while (heap.freeBytes > 0) {
    const block = heap.allocate(heap.largestFree);
    if (block !== null) taken.push(block);
  }
  if (left !== null) heap.release(left);
  return taken;
}

for (const options of ENGINES) {
  Deno.test(`An engine with however little memory left is empty after a call: ${Deno.inspect(options)}`, async () => {
    using engine = new Engine(options);
    await engine.ready;
    const runtime = runtimeOf(engine);
    const calls = options.memory === 2 ** 20 ? CALLS_IN_PIECES : CALLS;
    for (const [callName, build] of Object.entries(calls)) {
      const call = build(engine);
      const { layer, input, options } = call();
      const expected = layer.forwardSync(input, options).data.slice();
      const outcomes = new Set<string>();
      for (let left = 2 ** 22; left > 2 ** 10; left = Math.floor(left * 0.7)) {
        for (const [wayName, way] of Object.entries(WAYS)) {
          const where = `${callName}, ${wayName}, ${left} bytes`;
          assertEmpty(engine, where);
          const given = call();
          // Others have the rest; what is kept for this call stays if it is not in the way.
          const taken = takeAllBut(runtime.shared.heap, left);
          try {
            assert(sameBits((await way(given)).data, expected), where);
            outcomes.add("right");
          } catch (error) {
            if (!isExpected(error)) throw error;
            outcomes.add("refused");
          }
          while (!runtime.idle) await new Promise((resolve) => setTimeout(resolve, 0));
          for (const block of taken) runtime.release(block);
          assertEmpty(engine, where);
        }
      }
      assertEquals([...outcomes].sort(), ["refused", "right"], callName);
      assert(sameBits((await layer.forward(call().input, call().options)).data, expected));
    }
  });
}

Deno.test("An engine is empty after calls that it refuses, and is closed as empty as it was", async () => {
  const engine = new Engine({ threads: 2, memory: 2 ** 20 });
  await engine.ready;
  const layer = new Conv2d(8, 8, 3, { engine, seed: 1 });
  const good = Tensor.randn([1, 8, 20, 20], { seed: 2 });
  const expected = layer.forwardSync(good).data;
  const refused = [
    { refusing: layer, input: Tensor.zeros([1, 7, 4, 4]) },
    { refusing: layer, input: Tensor.zeros([8, 2, 2]) },
    // Its weights do not fit.
    { refusing: new Conv2d(600, 600, 1, { engine }), input: Tensor.zeros([600, 1, 1]) },
  ];
  for (const { refusing, input } of refused) {
    assertThrows(() => refusing.forwardSync(input), RangeError);
    assertEmpty(engine, "sync");
    await assertRejects(() => refusing.forward(input), RangeError);
    assertEmpty(engine, "async");
    const inFlight = layer.forward(good);
    await assertRejects(() => refusing.forward(input), RangeError);
    assertEquals((await inFlight).data, expected);
    assertEmpty(engine, "waiting");
    assertEquals(layer.forwardSync(good).data, expected);
  }
  assertEmpty(engine, "at the end");
  const inFlight = layer.forward(good);
  using released = releasedCode();
  engine.close();
  assertEquals(released.size, 0);
  assertThrows(() => layer.forwardSync(good), Error, "closed");
  await assertRejects(() => layer.forward(good), Error, "closed");
  assertEquals((await inFlight).data, expected);
  assertEquals(released.size, 1);
  const { shared } = runtimeOf(engine);
  const free = shared.heap.freeBytes;
  assertThrows(() => layer.forwardSync(good), Error, "closed");
  await assertRejects(() => layer.forward(good), Error, "closed");
  assertEquals(shared.heap.freeBytes, free);
});

/** Ways for an array to lose its values. */
const LOSSES: Record<string, (array: Float32Array<ArrayBuffer>) => void> = {
  "transferred": ({ buffer }) => void structuredClone(buffer, { transfer: [buffer] }),
  "resized to nothing": ({ buffer }) => buffer.resize(0),
  "resized to a part": ({ buffer }) => buffer.resize(buffer.byteLength / 2),
};

for (const options of ENGINES) {
  for (const [loss, lose] of Object.entries(LOSSES)) {
    Deno.test(`An engine is empty after an output was ${loss} in flight: ${Deno.inspect(options)}`, async () => {
      using engine = new Engine(options);
      await engine.ready;
      const runtime = runtimeOf(engine);
      for (const [channels, groups, size] of [[8, 1, 60], [32, 32, 40]] as const) {
        const layer = new Conv2d(channels, channels, 3, { engine, seed: 1, padding: 1, groups });
        const input = Tensor.randn([5, channels, size, size], { seed: 2 });
        const expected = layer.forwardSync(input).data.slice();
        const { shared } = runtime;
        for (const before of [0, 1, 2]) {
          assertEmpty(engine, `${before} calls before`);
          const bytes = 4 * input.size;
          const buffer = new ArrayBuffer(bytes, { maxByteLength: bytes });
          // One that goes with the buffer, and one of a fixed length.
          const data = before === 1
            ? new Float32Array(buffer)
            : new Float32Array(buffer, 0, input.size);
          const out = new Tensor(data, input.shape);
          const calls = Array.from({ length: before }, () => layer.forward(input));
          const call = layer.forward(input, { out });
          lose(data);
          const outcome = await call.then(() => null, (error: unknown) => error);
          // A call that nobody is in front of may be over when it returns.
          if (before > 0 || outcome !== null) {
            assert(outcome instanceof TypeError, `${outcome}`);
            assert(String(outcome).includes("out has lost its values"), String(outcome));
          }
          for (const each of calls) assert(sameBits((await each).data, expected));
          assert(runtime.shared === shared);
          assertEmpty(engine, `${before} calls before`);
          assert(sameBits((await layer.forward(input)).data, expected));
        }
      }
    });
  }
}

/** The buffers of all arrays that programs can reach, until it is disposed of. */
function reachedBuffers(): Set<ArrayBufferLike> & Disposable {
  const { addressOf } = Runtime.prototype;
  const buffers = new Set<ArrayBufferLike>();
  Runtime.prototype.addressOf = function (array) {
    const address = addressOf.call(this, array);
    if (address !== null) buffers.add(array.buffer);
    return address;
  };
  return Object.assign(buffers, {
    [Symbol.dispose]() {
      Runtime.prototype.addressOf = addressOf;
    },
  });
}

/** The caches whose code is freed until it is disposed of. */
function releasedCode(): Set<CodeCache> & Disposable {
  const { release } = CodeCache.prototype;
  const caches = new Set<CodeCache>();
  CodeCache.prototype.release = function () {
    caches.add(this);
    release.call(this);
  };
  return Object.assign(caches, {
    [Symbol.dispose]() {
      CodeCache.prototype.release = release;
    },
  });
}

/** Calls that lose a thread: where weights are prepared, where it may write to an array, and another. */
const LOSING = ["padded, with an addend", "with prepared weights", "whose output is always read"];

for (const backend of ["wasm", "auto"] as const) {
  Deno.test(`An engine leaves its memory to a thread that is lost, and goes on, ${backend}`, async () => {
    using _ = withoutWorkers();
    for (const name of LOSING) {
      for (const wayName of ["sync", "waiting"]) {
        const [build, way] = [CALLS[name], WAYS[wayName]];
        if (build === undefined || way === undefined) continue;
        const where = `${name}, ${wayName}`;
        using engine = new Engine({ threads: 2, backend, memory: 2 ** 23 });
        const runtime = runtimeOf(engine);
        const call = build(engine);
        const { layer, input, options } = call();
        const expected = layer.forwardSync(input, options).data.slice();
        const given = call();
        // Nothing is kept: weights are prepared in the call.
        assertEmpty(engine, "before");
        const { shared } = runtime;
        using reached = reachedBuffers();
        using released = releasedCode();
        {
          using loss = lostThread(engine);
          const output = await way(given);
          assertEquals(loss.shared(), 1, `${where}: others keep out`);
          assert(sameBits(output.data, expected), where);
          // It may still write to where the output was made: there is a copy.
          const isCopy = !reached.has(output.data.buffer);
          assert(isCopy || options.out !== undefined, where);
        }
        while (!runtime.idle) await new Promise((resolve) => setTimeout(resolve, 0));
        const { data } = await layer.forward(call().input, call().options);
        assert(sameBits(data, expected), where);
        assert(runtime.shared !== shared && !runtime.lostThread);
        assertEquals(released.size, 0, `${where}: it may still run the code`);
        assertEmpty(engine, where);
        assertEquals(runtime.workers, 1);
      }
    }
  });
}

Deno.test("Work in pieces leaves its memory to a thread that is lost in one of them", async () => {
  using _ = withoutWorkers();
  for (const [name, build] of Object.entries(CALLS_IN_PIECES)) {
    using engine = new Engine({ threads: 2, backend: "wasm", memory: 2 ** 20 });
    const runtime = runtimeOf(engine);
    const call = build(engine);
    const { layer, input, options } = call();
    const expected = layer.forwardSync(input, options).data.slice();
    const { shared } = runtime;
    using loss = lostThread(engine);
    const given = call();
    assert(sameBits(layer.forwardSync(given.input, given.options).data, expected), name);
    assertEquals(loss.shared(), 1, name);
    assert(runtime.shared !== shared && !runtime.lostThread);
    const next = call();
    assert(sameBits((await layer.forward(next.input, next.options)).data, expected), name);
    assertEmpty(engine, name);
  }
});

Deno.test("What a lost thread may write to is not handed out again by the task that it was lost in", () => {
  using _ = withoutWorkers();
  using engine = new Engine({ threads: 2, backend: "wasm", memory: 2 ** 22 });
  const runtime = runtimeOf(engine);
  const { heap } = runtime.shared;
  const { programs, grids } = fillingPhase();
  const phase = { name: "ones", programs, grids, cost: 1e6 };
  function* task(): Task<void> {
    const block = runtime.allocate(UNITS * TILE_ELEMENTS * FLOAT_BYTES);
    yield { phase, bases: [block.address] };
    assert(runtime.lostThread);
    const free = heap.freeBytes;
    runtime.release(block);
    assertEquals(heap.freeBytes, free);
    runtime.renew();
    runtime.release(runtime.allocate(runtime.capacity));
  }
  using loss = lostThread(engine);
  runtime.runSync(task());
  assertEquals(loss.shared(), 1);
});

const ROOT = new URL("../../", import.meta.url);

/** What a program needs to see what is collected. */
const PREAMBLE = `
import { Conv2d, Engine, Tensor } from "${new URL("mod.ts", ROOT)}";
import { Dispatcher } from "${new URL("src/engine/dispatcher.ts", ROOT)}";
import { runtimeOf } from "${new URL("src/engine/engine.ts", ROOT)}";
const collect = async (isOver: () => boolean) => {
  for (let tries = 0; tries < 10 || tries < 1000 && !isOver(); tries++) {
    (globalThis as unknown as { gc(): void }).gc();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return isOver();
};
`;

Deno.test("Nobody keeps the arrays of calls that are over, whether they failed or not", async () => {
  const source = `${PREAMBLE}
const { begin } = Dispatcher.prototype;
let seen = 0;
let collected = 0;
const registry = new FinalizationRegistry(() => collected++);
const noted = (array: Float32Array) => {
  seen++;
  registry.register(array.buffer, null);
  return new Tensor(array, [2, 8, 32, 32]);
};
for (const threads of [1, 2]) {
  using engine = new Engine({ threads });
  const layer = new Conv2d(8, 8, 3, { engine, padding: 1 });
  for (let failing = -1; failing < 3; failing++) {
    let step = 0;
    Dispatcher.prototype.begin = function (run, workers) {
      if (step++ === failing) throw new TypeError("on purpose");
      return begin.call(this, run, workers);
    };
    for (const isSync of [true, false]) {
      step = 0;
      const x = noted(new Float32Array(2 * 8 * 32 * 32).fill(1));
      const add = noted(new Float32Array(2 * 8 * 32 * 32).fill(1));
      try {
        const y = isSync ? layer.forwardSync(x, { add }) : await layer.forward(x, { add });
        noted(y.data);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
    }
    Dispatcher.prototype.begin = begin;
  }
}
// The last few may still lie on the stack.
console.log(seen > 30, await collect(() => collected >= seen - 3));
`;
  const ending = await runProgram(source, ["-A", "--v8-flags=--expose-gc"]);
  assertEquals(ending, { code: 0, out: "true true\n", err: "" });
});

Deno.test("An output that is read, and collected afterwards, is given back once", async () => {
  const source = `${PREAMBLE}
using engine = new Engine({ threads: 1, memory: 2 ** 22 });
const runtime = runtimeOf(engine);
const { heap } = runtime.shared;
const layer = new Conv2d(8, 8, 3, { engine, padding: 1 });
const x = Tensor.ones([8, 32, 32]);
let collected = 0;
const registry = new FinalizationRegistry(() => collected++);
const ROUNDS = 200;
await (async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const y = await layer.forward(x);
    registry.register(y, null);
    y.data.at(0);
  }
})();
await collect(() => collected > ROUNDS - 10);
// Afterwards results have the same share as before, and their blocks one owner each.
const kept: Tensor[] = [];
for (let round = 0; round < 40; round++) kept.push(layer.forwardSync(x));
const place = runtime.shared;
const held = kept.length;
runtime.residents.evict();
console.log(collected > ROUNDS - 10, held, heap.bytes - heap.freeBytes < heap.bytes / 8);
runtime.makeRoom(runtime.capacity);
console.log(heap.freeBytes === heap.bytes, place === runtime.shared);
const [first] = kept;
console.log(kept.every(({ data }) => data.every((value, i) => value === first?.data[i])));
`;
  const ending = await runProgram(source, ["-A", "--v8-flags=--expose-gc"]);
  assertEquals(ending, { code: 0, out: "true 40 true\ntrue true\ntrue\n", err: "" });
});

Deno.test("An array that a lost thread may read is never freed, one that it may not read is", async () => {
  const source = `${PREAMBLE}
import { CONTROL } from "${new URL("src/engine/shared_memory.ts", ROOT)}";
import { Pool } from "${new URL("src/engine/pool.ts", ROOT)}";
const { begin } = Dispatcher.prototype;
Pool.prototype.startNext = () => {};
Pool.prototype.startDeserved = () => false;
let collected = 0;
const registry = new FinalizationRegistry(() => collected++);
const ROUNDS = 3;
let reaches = true;
const compute = (isLosing: boolean) => {
  using engine = new Engine({ threads: 2 });
  const runtime = runtimeOf(engine);
  reaches &&= engine.backend === "native";
  const layer = new Conv2d(64, 64, 1, { engine });
  const array = new Float32Array(64 * 64 * 64);
  registry.register(array.buffer, null);
  const x = new Tensor(array, [64, 64, 64]);
  Dispatcher.prototype.begin = function (run, workers) {
    const step = begin.call(this, run, workers);
    if (isLosing) Atomics.add(runtime.shared.control, CONTROL.claim, 1);
    return step;
  };
  layer.forwardSync(x);
};
for (let round = 0; round < ROUNDS; round++) compute(false);
// The last one may still lie on the stack.
console.log(await collect(() => collected >= ROUNDS - 1));
for (let round = 0; round < ROUNDS; round++) compute(true);
for (let tries = 0; tries < 3; tries++) await collect(() => true);
console.log(!reaches || collected <= ROUNDS);
`;
  const ending = await runProgram(source, ["-A", "--v8-flags=--expose-gc"]);
  assertEquals(ending, { code: 0, out: "true\ntrue\n", err: "" });
});
