import { stub } from "@std/testing/mock";
import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Conv2d, ConvTranspose2d, Engine, type Layer, Tensor } from "../../mod.ts";
import { WASM_TARGET } from "../../src/codegen/target.ts";
import { missingForNative } from "../../src/engine/backend.ts";
import { CodeCache } from "../../src/engine/code_cache.ts";
import { CodeMemory, type MachineCode } from "../../src/engine/code_memory.ts";
import type { Workbench } from "../../src/engine/compiler.ts";
import { Dispatcher, type PhaseRun, type StepsRun } from "../../src/engine/dispatcher.ts";
import { runtimeOf } from "../../src/engine/engine.ts";
import { nativeCode } from "../../src/platform/native_code.ts";
import { Heap } from "../../src/engine/heap.ts";
import { Residents } from "../../src/engine/residents.ts";
import { Results } from "../../src/engine/results.ts";
import {
  CONTROL,
  LEAST_MEMORY_BYTES,
  PAGE_BYTES,
  SharedMemory,
} from "../../src/engine/shared_memory.ts";
import type { Phase } from "../../src/engine/work.ts";
import { NO_EPILOGUE } from "../../src/convolution/epilogue.ts";
import { planFor } from "../../src/kernels/choose.ts";
import { caseOf } from "../kernels/_cases.ts";
import { geometryOf } from "../_arbitrary.ts";
import { sameBits } from "./_same.ts";

/** Phases that an engine keeps the code of, and that a worker does. */
const MOST_PHASES = 512;
const CODE_BYTES = 1000;

function phaseOf(name: string): Phase {
  return { name, programs: [], grids: [], cost: 0 };
}

/** Makes code of nothing, for so many phases at a time. */
function benchFor(most: number) {
  let live = 0;
  let compiled = 0;
  const workbench: Workbench = {
    codeMemory: null,
    reachesArrays: false,
    *compiling() {
      yield;
      if (live >= most) return null;
      live++;
      compiled++;
      let isLive = true;
      const release = () => {
        assert(isLive, "It is released once");
        isLive = false;
        live--;
      };
      return { functions: [], code: new Uint8Array(CODE_BYTES).fill(compiled), release };
    },
    addressOf: () => null,
  };
  return { workbench, live: () => live, compiled: () => compiled };
}

Deno.test("CodeCache keeps the code of so many phases, and gives back all memory of others", () => {
  const shared = new SharedMemory(2 ** 21);
  const { heap } = shared;
  const bench = benchFor(Infinity);
  const cache = new CodeCache(shared, bench.workbench);
  const blockBytes = Math.ceil(CODE_BYTES / 64) * 64;
  const phases = Array.from({ length: 3 * MOST_PHASES }, (_, index) => phaseOf(`${index}`));
  const [first = phaseOf("")] = phases;
  const ids = new Set<number>();
  for (const [index, phase] of phases.entries()) {
    const location = cache.publish(phase);
    assert(location !== null);
    ids.add(location?.id ?? 0);
    const kept = Math.min(index + 1, MOST_PHASES);
    assertEquals(bench.live(), kept);
    assertEquals(heap.bytes - heap.freeBytes, kept * blockBytes);
    // The first one is asked for again and again, and stays.
    cache.functions(first);
    assert(cache.has(first));
  }
  assertEquals(bench.compiled(), phases.length);
  assertEquals(ids.size, phases.length);
  const kept = phases.filter((phase) => cache.has(phase));
  assertEquals(kept, [first, ...phases.slice(1 - MOST_PHASES)]);
  // Their places can be left, and are found again, with the code that belongs there.
  cache.evict();
  assertEquals(heap.freeBytes, heap.bytes);
  cache.evict();
  assertEquals(heap.freeBytes, heap.bytes);
  assertEquals(bench.live(), MOST_PHASES);
  const [again, other] = [cache.publish(first), cache.publish(kept[1] ?? first)];
  const codeAt = (location: typeof again) =>
    new Uint8Array(shared.memory.buffer)[location?.address ?? 0];
  assertEquals([codeAt(again), codeAt(other)], [1, (2 * MOST_PHASES + 2) & 0xff]);
  assertEquals(bench.compiled(), phases.length);
  cache.release();
  assertEquals(bench.live(), 0);
  assert(!cache.has(first));
});

Deno.test("CodeCache drops the phases that were longest not used where there is no room for more code", () => {
  const shared = new SharedMemory(LEAST_MEMORY_BYTES);
  const bench = benchFor(3);
  const cache = new CodeCache(shared, bench.workbench);
  const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(phaseOf);
  if (!a || !b || !c || !d || !e) return;
  for (const phase of [a, b, c]) cache.publish(phase);
  cache.functions(a);
  cache.publish(d);
  assertEquals([a, b, c, d].map((phase) => cache.has(phase)), [true, false, true, true]);
  cache.publish(e);
  assertEquals([a, c, d, e].map((phase) => cache.has(phase)), [true, false, true, true]);
  assertEquals(bench.live(), 3);
  const none = benchFor(0);
  const empty = new CodeCache(shared, none.workbench);
  assertThrows(() => empty.functions(a), RangeError, "no executable memory");
  assert(!empty.has(a));
});

Deno.test("CodeCache publishes nothing where there is no memory, and keeps the code", () => {
  const shared = new SharedMemory(LEAST_MEMORY_BYTES);
  const { heap } = shared;
  const bench = benchFor(Infinity);
  const cache = new CodeCache(shared, bench.workbench);
  const all = heap.allocate(heap.largestFree);
  const phase = phaseOf("phase");
  assertEquals(cache.publish(phase), null);
  assert(cache.has(phase));
  cache.evict();
  if (all !== null) heap.release(all);
  assertEquals(heap.freeBytes, heap.bytes);
  assert(cache.publish(phase) !== null);
  assertEquals(bench.compiled(), 1);
});

Deno.test({
  name: "CodeMemory is full, and has all of it again when it has been given back",
  ignore: missingForNative() !== null,
  fn() {
    const memory = new CodeMemory(nativeCode(), PAGE_BYTES);
    const ret = Uint8Array.of(0xc3);
    for (let round = 0; round < 3; round++) {
      const codes: MachineCode[] = [];
      for (let code = memory.place(ret); code !== null; code = memory.place(ret)) codes.push(code);
      // A page of the processor each.
      assertEquals(codes.length, PAGE_BYTES / 4096);
      assertEquals(new Set(codes.map(({ address }) => address)).size, codes.length);
      for (const code of codes) code.release();
    }
    const most = memory.place(new Uint8Array(PAGE_BYTES));
    assert(most !== null);
    most?.release();
    assertEquals(memory.place(new Uint8Array(PAGE_BYTES + 1)), null);
  },
});

Deno.test({
  name: "CodeMemory keeps nothing of code that the host does not let be run",
  ignore: missingForNative() !== null,
  fn() {
    const PROT_EXEC = 4;
    let isAllowed = false;
    const real = nativeCode();
    const protect: typeof real.protect = (start, bytes, protection) =>
      (isAllowed || (protection & PROT_EXEC) === 0) && real.protect(start, bytes, protection);
    const memory = new CodeMemory({ ...real, protect }, PAGE_BYTES);
    for (let tries = 0; tries < 2 * PAGE_BYTES / 4096; tries++) {
      assertEquals(memory.place(new Uint8Array(4096)), null);
    }
    isAllowed = true;
    const most = memory.place(new Uint8Array(PAGE_BYTES));
    assert(most !== null);
    most?.release();
  },
});

/** Widths of inputs, each with a plan of its own. */
function widths(count: number): number[] {
  return Array.from({ length: count }, (_, index) => 60 + index);
}

Deno.test("planFor() forgets the plan that was longest not asked for, and makes an equal one again", () => {
  const request = (width: number) => ({
    geometry: geometryOf(caseOf({ spatial: [width] })),
    pass: "forward" as const,
    hasBias: true,
    epilogue: NO_EPILOGUE,
    algorithm: "direct" as const,
    target: WASM_TARGET,
  });
  const [first, second] = [planFor(request(3)), planFor(request(4))];
  for (const width of widths(300)) {
    planFor(request(width));
    assertStrictEquals(planFor(request(4)), second);
  }
  const again = planFor(request(3));
  assertNotStrictEquals(again, first);
  assertNotStrictEquals(again.id, first.id);
  assertEquals({ ...again, id: "" }, { ...first, id: "" });
});

for (const backend of ["wasm", "auto"] as const) {
  Deno.test(`Threads compute more phases than they keep code for, and the first ones again, ${backend}`, async () => {
    using engine = new Engine({ threads: 3, memory: 2 ** 24, backend });
    using alone = new Engine({ threads: 1, memory: 2 ** 24, backend });
    await engine.ready;
    const runtime = runtimeOf(engine);
    // Each large enough to be shared.
    const layersOn = (engine: Engine) =>
      [1, 2, 3].map((seed) => new Conv2d(16, 16, [1, 3], { engine, seed, algorithm: "direct" }));
    const [layers, twins] = [layersOn(engine), layersOn(alone)];
    const sizes = widths(MOST_PHASES + 20);
    const published = () => Atomics.load(runtime.shared.control, CONTROL.generation);
    let before = published();
    for (const [index, width] of [...sizes, ...sizes.slice(0, 30)].entries()) {
      const input = Tensor.full([16, 40, width], index);
      const [output, expected] = [layers, twins].map((all) => all[index % 3]?.forwardSync(input));
      const none = new Float32Array();
      assert(sameBits(output?.data ?? none, expected?.data ?? none), `width ${width}`);
      assert(published() > before, "It is shared");
      before = published();
    }
    assert(!runtime.lostThread);
    runtime.release(runtime.allocate(runtime.capacity));
    assertEquals(runtime.shared.heap.freeBytes, runtime.capacity);
  });
}

/** Layers whose weights are prepared, once for all calls. */
function preparedOn(engine: Engine): Layer[] {
  return [
    new Conv2d(24, 24, 3, { engine, seed: 1, padding: 1, algorithm: "winograd" }),
    new Conv2d(24, 24, 3, { engine, seed: 2, padding: 1, algorithm: "winograd" }).freeze(),
    new ConvTranspose2d(24, 24, 4, { engine, seed: 3, stride: 2 }),
    new ConvTranspose2d(24, 24, 4, { engine, seed: 4, stride: 2 }).freeze(),
    new Conv2d(24, 24, 3, { engine, seed: 5, padding: 1, algorithm: "direct" }).freeze(),
  ];
}

/** Names of the phases that are run during some work. */
function phasesDuring(work: () => void): string[] {
  const names: string[] = [];
  const { begin } = Dispatcher.prototype;
  using _ = stub(
    Dispatcher.prototype,
    "begin",
    function (this: Dispatcher, run: PhaseRun | StepsRun, workers: number) {
      if ("phase" in run) names.push(run.phase.name);
      return begin.call(this, run, workers);
    },
  );
  work();
  return names;
}

Deno.test("Prepared weights are kept, leave where memory is needed, and are prepared again", () => {
  for (const memory of [2 ** 21, 2 ** 24]) {
    using engine = new Engine({ threads: 2, memory });
    using alone = new Engine({ threads: 1 });
    const runtime = runtimeOf(engine);
    const { heap } = runtime.shared;
    const expectedOf = preparedOn(alone);
    for (const [index, layer] of preparedOn(engine).entries()) {
      const input = Tensor.randn([1, 24, 12, 12], { seed: 9 });
      const expected = expectedOf[index]?.forwardSync(input).data ?? new Float32Array();
      const call = () =>
        phasesDuring(() => assert(sameBits(layer.forwardSync(input).data, expected)));
      const first = call();
      runtime.makeRoom(0);
      const free = heap.freeBytes;
      const second = call();
      assertEquals(heap.freeBytes, free, "Nothing more is kept");
      assert(second.length <= first.length);
      runtime.release(runtime.allocate(runtime.capacity));
      assertEquals(heap.freeBytes, heap.bytes);
      assertEquals(call(), first, "All is done again");
      assertEquals(call(), second, "and kept again");
      // What has been made of them is no use any more.
      layer.weight.data.fill(0.5);
      layer.bias?.data.fill(-1);
      if (layer.frozen) layer.freeze();
      const changed = expectedOf[index];
      changed?.weight.data.fill(0.5);
      changed?.bias?.data.fill(-1);
      if (changed?.frozen) changed.freeze();
      const output = changed?.forwardSync(input).data ?? new Float32Array();
      assert(sameBits(layer.forwardSync(input).data, output));
      runtime.release(runtime.allocate(runtime.capacity));
    }
  }
});

Deno.test("Weights that are prepared for ever new sizes leave where memory is needed", () => {
  using engine = new Engine({ threads: 1, memory: 2 ** 21 });
  using alone = new Engine({ threads: 1 });
  const layers = [engine, alone].map((engine) =>
    new Conv2d(24, 24, 3, { engine, seed: 1, algorithm: "winograd" })
  );
  for (let size = 8; size < 60; size++) {
    const input = Tensor.randn([1, 24, size, 9], { seed: size });
    const [output, expected] = layers.map((layer) => layer.forwardSync(input).data);
    assert(output !== undefined && expected !== undefined && sameBits(output, expected));
  }
  const runtime = runtimeOf(engine);
  runtime.release(runtime.allocate(runtime.capacity));
});

/** Layers and inputs for which their weights are laid out in different ways, by turns. */
const BY_TURNS: readonly [(engine: Engine) => Layer, readonly (readonly number[])[]][] = [
  [
    (engine) => new Conv2d(40, 48, 3, { engine, seed: 1, padding: 1, algorithm: "winograd" }),
    [[1, 40, 3, 3], [1, 40, 14, 14], [2, 40, 33, 60], [1, 40, 4, 300]],
  ],
  [
    (engine) => new Conv2d(40, 48, 3, { engine, seed: 1, padding: 1 }),
    [[1, 40, 1, 1], [1, 40, 3, 5], [1, 40, 56, 56], [4, 40, 7, 7]],
  ],
  [
    (engine) => new ConvTranspose2d(5, 3, 4, { engine, seed: 1 }),
    [[1, 5, 1, 1], [1, 5, 4, 4], [3, 5, 1, 1], [1, 5, 30, 30]],
  ],
  [
    (engine) => new ConvTranspose2d(40, 24, 4, { engine, seed: 1, stride: 2 }),
    [[1, 40, 1, 1], [1, 40, 4, 4], [2, 40, 20, 20]],
  ],
  [
    (engine) => new Conv2d(40, 24, 1, { engine, seed: 1 }),
    [[1, 40, 2, 2], [1, 40, 40, 40], [1, 40, 1, 200]],
  ],
];

for (const backend of ["wasm", "auto"] as const) {
  Deno.test(`Weights that are kept serve the plans that they were made for, ${backend}`, () => {
    using engine = new Engine({ threads: 2, backend });
    for (const [build, shapes] of BY_TURNS) {
      const inputs = shapes.map((shape) => Tensor.randn(shape, { seed: 2 }));
      // Each by a layer of its own, which keeps nothing yet.
      const expected = inputs.map((input) => build(engine).forwardSync(input).data);
      const kept = [build(engine), build(engine).freeze()];
      for (let round = 0; round < 3; round++) {
        for (const [index, input] of inputs.entries()) {
          for (const layer of kept) {
            const { data } = layer.forwardSync(input);
            const where = `${layer} of ${shapes[index]}, frozen: ${layer.frozen}`;
            assert(sameBits(data, expected[index] ?? new Float32Array()), where);
          }
        }
      }
    }
  });
}

Deno.test("Residents give back what is kept, and nothing of what has been taken", () => {
  const heap = new Heap(0, 4096);
  const residents = new Residents(heap);
  const owner = {};
  for (const name of ["a", "b", "c"]) {
    const block = heap.allocate(1024);
    if (block !== null) residents.keep(owner, name, block);
  }
  const taken = residents.take(owner, "b");
  assertEquals(taken?.bytes, 1024);
  assertEquals([residents.get(owner, "b"), residents.take(owner, "b")], [undefined, undefined]);
  assertEquals(residents.get(owner, "a")?.bytes, 1024);
  for (let round = 0; round < 2; round++) {
    residents.evict();
    assertEquals(heap.freeBytes, 3072);
    assertEquals(residents.get(owner, "a"), undefined);
  }
  if (taken === undefined) return;
  residents.keep(owner, "b", taken);
  assertEquals(residents.get(owner, "b"), taken);
  residents.evict();
  assertEquals(heap.freeBytes, 4096);
  assertEquals(residents.take({}, "a"), undefined);
});

Deno.test("Results beyond their share leave the memory, the oldest first, and keep their values", () => {
  const shared = new SharedMemory(2 ** 22);
  const { heap } = shared;
  const results = new Results(shared);
  const most = heap.bytes / 16;
  const LENGTH = 4096;
  const origin = {};
  const made = Array.from({ length: 100 }, (_, index) => {
    const block = heap.allocate(4 * LENGTH);
    if (block === null) throw new Error("There is no memory");
    shared.floats(block.address, LENGTH).fill(index);
    const result = results.keep(block, LENGTH, origin);
    const held = heap.bytes - heap.freeBytes;
    assert(held <= most, `${held} bytes are held`);
    assert(held > most - 4 * LENGTH || index < 16, "No more leave than have to");
    return result;
  });
  const inMemory = made.map((result) => {
    const loan = result.borrow(shared);
    loan?.giveBack();
    return loan !== null;
  });
  const firstInMemory = inMemory.indexOf(true);
  assert(firstInMemory > 0 && inMemory.slice(firstInMemory).every((isIn) => isIn));
  const last = made.at(-1);
  const loan = last?.borrow(shared);
  results.evict();
  // What is being read stays, until it has been.
  assertEquals(heap.bytes - heap.freeBytes, 4 * LENGTH);
  assert(shared.floats(loan?.address ?? 0, LENGTH).every((value) => value === 99));
  assertEquals(last?.borrow(shared), null);
  loan?.giveBack();
  assertEquals(heap.freeBytes, heap.bytes);
  results.evict();
  made.forEach((result, index) => {
    assert(result.copy().every((value) => value === index));
    assert(result.data.every((value) => value === index));
    assertEquals(result.data.length, LENGTH);
    assertStrictEquals(result.data, result.data);
  });
  assertEquals(heap.freeBytes, heap.bytes);
  assert(results.hasRoomFor(Math.floor(most)));
  assert(!results.hasRoomFor(most + 1));
});
