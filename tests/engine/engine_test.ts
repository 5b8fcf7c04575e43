import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Conv1d, Conv2d, ConvTranspose2d, Engine, type Layer, Tensor } from "../../mod.ts";
import { runtimeOf } from "../../src/engine/engine.ts";
import { relativeError } from "../_arbitrary.ts";
import { sameBits } from "./_same.ts";
import { inputOf, SAMPLES } from "./_samples.ts";

/** Generous: these tests run on loaded machines too. */
const SECONDS = 1000;

/** Without workers there is nothing to go wrong between threads. */
const alone = new Engine({ threads: 1 });

Deno.test("Engine gives the same bits on 1, 2, 3 and 5 threads, sync and async, every time", async () => {
  const engines = [1, 2, 3, 5].map((threads) => new Engine({ threads }));
  // Before all workers have started, and after.
  for (const isReady of [false, true]) {
    if (isReady) await Promise.all(engines.map(({ ready }) => ready));
    for (const sample of SAMPLES) {
      const input = inputOf(sample);
      const expected = sample.build(alone).forwardSync(input).data;
      for (const engine of engines) {
        const layer = sample.build(engine);
        for (let run = 0; run < 3; run++) {
          const where = `${sample.name}, ${engine.threads} threads, run ${run}`;
          assert(sameBits(layer.forwardSync(input).data, expected), `${where}, sync`);
          assert(sameBits((await layer.forward(input)).data, expected), `${where}, async`);
        }
      }
    }
  }
  for (const engine of engines) engine.close();
});

/** Calls of all samples, each with an input of its own. */
function callsOn(engine: Engine, count: number) {
  const layers = SAMPLES.map((sample) => sample.build(engine));
  const references = SAMPLES.map((sample) => sample.build(alone));
  return Array.from(
    { length: Math.ceil(count / SAMPLES.length) },
    (_, round) =>
      SAMPLES.flatMap((sample, kind) => {
        const [layer, reference] = [layers[kind], references[kind]];
        if (layer === undefined || reference === undefined) return [];
        const input = inputOf(sample, round);
        const expected = reference.forwardSync(input).data;
        return [{ index: round * SAMPLES.length + kind, layer, input, expected }];
      }),
  ).flat().slice(0, count);
}

Deno.test("Engine ends 50 calls in flight in their order, each with its own result", async () => {
  using engine = new Engine({ threads: 3 });
  await engine.ready;
  const calls = callsOn(engine, 50);
  const ended: number[] = [];
  await Promise.all(calls.map(async ({ index, layer, input, expected }) => {
    const output = await layer.forward(input);
    ended.push(index);
    assert(sameBits(output.data, expected), `call ${index}`);
  }));
  assertEquals(ended, calls.map(({ index }) => index));
});

Deno.test("Engine computes a sync call in the middle of async ones", async () => {
  using engine = new Engine({ threads: 3 });
  await engine.ready;
  const calls = callsOn(engine, 30);
  const results: Promise<void>[] = [];
  for (const { index, layer, input, expected } of calls) {
    if (index % 5 === 3) {
      assert(sameBits(layer.forwardSync(input).data, expected), `sync call ${index}`);
      // Others get on before the next ones come.
      await new Promise((resolve) => setTimeout(resolve, index % 2));
    } else {
      const check = async () => {
        const output = await layer.forward(input);
        assert(sameBits(output.data, expected), `async call ${index}`);
      };
      results.push(check());
    }
  }
  await Promise.all(results);
});

Deno.test("Engine computes calls on several engines at once", async () => {
  const engines = [1, 2, 3].map((threads) => new Engine({ threads }));
  await Promise.all(engines.map(async (engine) => {
    await engine.ready;
    for (const { layer, input, expected } of callsOn(engine, 6)) {
      assert(sameBits((await layer.forward(input)).data, expected));
    }
    engine.close();
  }));
});

/** Counts the turns of the event loop that a timer gets while something is computed. */
async function ticksDuring(work: () => Promise<unknown>): Promise<number> {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await work();
  clearInterval(timer);
  return ticks;
}

for (const threads of [1, 2]) {
  Deno.test(`forward() leaves the event loop free during a long call, ${threads} threads`, async () => {
    using engine = new Engine({ threads });
    await engine.ready;
    const layer = new Conv2d(64, 64, 3, { engine, seed: 1 });
    // However fast the machine, one of these takes long enough.
    for (let batch = 2;; batch *= 2) {
      const input = Tensor.zeros([batch, 64, 112, 112]);
      if (await ticksDuring(() => layer.forward(input)) >= 4) return;
      assert(batch < 64, "No call has left the event loop free");
    }
  });
}

/** Resolves when the event loop has gone round `turns` times; a machine may be slow, so no clock says. */
async function turnsOfTheLoop(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

Deno.test("forward() leaves the event loop free between short calls, each awaited before the next", async () => {
  using engine = new Engine({ threads: 1 });
  const layer = new Conv2d(8, 8, 3, { engine, seed: 1 });
  const input = Tensor.randn([1, 8, 32, 32], { seed: 0 });
  let turned = false;
  const turns = turnsOfTheLoop(4).then(() => turned = true);
  // If the calls kept the loop out, this would never end.
  while (!turned) await layer.forward(input);
  await turns;
});

Deno.test("forward() leaves the event loop free between many short calls in flight", async () => {
  using engine = new Engine({ threads: 1 });
  const layer = new Conv2d(8, 8, 3, { engine, seed: 1 });
  const input = Tensor.randn([1, 8, 32, 32], { seed: 0 });
  let turned = false;
  let calls = 0;
  const turns = turnsOfTheLoop(4).then(() => turned = true);
  const keepCalling = async () => {
    while (!turned) {
      await layer.forward(input);
      calls++;
    }
  };
  await Promise.all(Array.from({ length: 100 }, keepCalling));
  await turns;
  assert(calls > 0);
});

interface Reading {
  readonly name: string;
  readonly memory?: number;
  readonly layer: (engine: Engine) => Layer;
  readonly shape: readonly number[];
}

const READINGS: readonly Reading[] = [
  {
    name: "with padding",
    layer: (engine) => new Conv2d(32, 32, 3, { engine, seed: 1, padding: 1 }),
    shape: [2, 32, 40, 40],
  },
  {
    name: "with weights that are packed first",
    layer: (engine) => new ConvTranspose2d(256, 256, 5, { engine, seed: 1, stride: 2 }),
    shape: [1, 256, 6, 6],
  },
  {
    name: "in pieces",
    memory: 2 ** 20,
    layer: (engine) => new Conv2d(8, 8, 3, { engine, seed: 1, padding: 1 }),
    shape: [4, 8, 80, 80],
  },
];

for (const { name, memory, layer: build, shape } of READINGS) {
  Deno.test(`forward() has read its operands when it returns, ${name}`, async () => {
    using engine = new Engine({ threads: 2, ...(memory === undefined ? {} : { memory }) });
    await engine.ready;
    const layer = build(engine);
    const input = Tensor.randn([...shape], { seed: 0 });
    const weights = layer.weight.data.slice();
    const bias = layer.bias?.data.slice() ?? [];
    const addend = Tensor.randn(layer.outputShape(shape), { seed: 9 });
    const expected = layer.forwardSync(input, { add: addend }).data;
    // The second finds an idle engine, the third and the fourth one that is at work.
    for (const inFlight of [1, 1, 2]) {
      const outputs = Array.from({ length: inFlight }, () => {
        layer.weight.data.set(weights);
        layer.bias?.data.set(bias);
        const given = new Tensor(input.data.slice(), input.shape);
        const add = new Tensor(addend.data.slice(), addend.shape);
        const output = layer.forward(given, { add });
        for (const { data } of [given, add, ...layer.parameters()]) data.fill(NaN);
        return output;
      });
      for (const output of outputs) assert(sameBits((await output).data, expected));
    }
  });
}

Deno.test("Engine.close() lets the calls in flight end and refuses later ones", async () => {
  const engine = new Engine({ threads: 2 });
  const layer = new Conv2d(16, 16, 3, { engine, seed: 1 });
  const input = Tensor.randn([2, 16, 40, 40], { seed: 0 });
  const expected = new Conv2d(16, 16, 3, { engine: alone, seed: 1 }).forwardSync(input).data;
  const outputs = [layer.forward(input), layer.forward(input), layer.forward(input)];
  engine.close();
  await assertRejects(() => layer.forward(input), Error, "closed");
  assertThrows(() => layer.forwardSync(input), Error, "closed");
  for (const output of outputs) assert(sameBits((await output).data, expected));
  engine.close();
  await assertRejects(() => layer.forward(input), Error, "closed");
  await engine.ready;
});

Deno.test("Engine.close() right after the start ends an engine that is not up yet", async () => {
  for (let i = 0; i < 3; i++) {
    const engine = new Engine({ threads: 3 });
    engine.close();
    await engine.ready;
  }
});

Deno.test("Engine closes at the end of a using block", async () => {
  let layer: Layer;
  {
    using engine = new Engine({ threads: 2 });
    layer = new Conv1d(1, 1, 1, { engine });
    assertEquals(layer.forwardSync(Tensor.ones([1, 1, 4])).shape, [1, 1, 4]);
  }
  await assertRejects(() => layer.forward(Tensor.ones([1, 1, 4])), Error, "closed");
});

Deno.test("Engine.ready resolves when all workers are up", async () => {
  for (const threads of [1, 2, 4]) {
    using engine = new Engine({ threads });
    assertEquals(engine.threads, threads);
    await engine.ready;
    assertEquals(runtimeOf(engine).started, threads - 1);
  }
});

Deno.test("Engine starts workers while the calling thread never returns to its event loop", () => {
  using engine = new Engine({ threads: 2 });
  const layer = new Conv2d(8, 8, 3, { engine });
  const input = Tensor.ones([1, 8, 16, 16]);
  const limit = performance.now() + 20 * SECONDS;
  while (runtimeOf(engine).started < 1) {
    layer.forwardSync(input);
    assert(performance.now() < limit, "No worker has started");
  }
});

Deno.test("Engine says which of its options are wrong", () => {
  const engineOf = (options: object) => () => new Engine(options);
  assertThrows(engineOf({ thread: 2 }), TypeError, "thread");
  assertThrows(engineOf({ threads: "2" }), TypeError, "threads");
  assertThrows(engineOf({ threads: null }), TypeError, "threads");
  for (const threads of [0, -1, 1.5, NaN, Infinity, 257]) {
    assertThrows(engineOf({ threads }), RangeError, "threads");
  }
  assertThrows(engineOf({ memory: "1 GiB" }), TypeError, "memory");
  for (const memory of [0, 2 ** 20 - 1, 2 ** 31, 2 ** 20 + 0.5, NaN]) {
    assertThrows(engineOf({ memory }), RangeError, "memory");
  }
  assertThrows(engineOf({ backend: "gpu" }), RangeError, "backend");
  assertThrows(engineOf({ backend: 1 }), TypeError, "backend");
});

Deno.test("Engine says what it is", () => {
  using engine = new Engine({ threads: 2, memory: 2 ** 21 + 1, backend: "auto" });
  assertEquals(engine.threads, 2);
  assert(engine.memory >= 2 ** 21 + 1 && engine.memory < 2 ** 22);
});

Deno.test("Engine does work larger than its memory in pieces", async (t) => {
  using small = new Engine({ threads: 2, memory: 2 ** 20 });
  await small.ready;
  const larger = [
    { layer: (engine: Engine) => new Conv2d(8, 12, 3, { engine, seed: 1 }), shape: [9, 8, 40, 41] },
    {
      layer: (engine: Engine) => new Conv2d(3, 4, 5, { engine, seed: 1, padding: 2, stride: 2 }),
      shape: [1, 3, 301, 260],
    },
    {
      layer: (engine: Engine) =>
        new ConvTranspose2d(3, 4, 4, { engine, seed: 1, padding: 1, stride: 2 }),
      shape: [2, 3, 120, 130],
    },
    { layer: (engine: Engine) => new Conv1d(2, 2, 9, { engine, seed: 1 }), shape: [1, 2, 200_000] },
  ];
  for (const { layer: build, shape } of larger) {
    await t.step(`${shape}`, async () => {
      const input = Tensor.randn(shape, { seed: 0 });
      const expected = build(alone).forwardSync(input).data;
      const layer = build(small);
      const output = layer.forwardSync(input).data;
      assert(relativeError(output, expected) < 1e-5);
      assert(sameBits((await layer.forward(input)).data, output));
    });
  }
});

Deno.test("Engine refuses at once what cannot be done even in pieces", async () => {
  using engine = new Engine({ threads: 2, memory: 2 ** 20 });
  const layer = new Conv2d(64, 64, 9, { engine, padding: 4 });
  const input = Tensor.zeros([1, 64, 4, 2000]);
  assertThrows(() => layer.forwardSync(input), RangeError, "memory");
  await assertRejects(() => layer.forward(input), RangeError, "memory");
  const huge = new Conv2d(1, 2 ** 20, 1, { engine });
  const image = Tensor.zeros([1, 1, 512, 512]);
  assertThrows(() => huge.forwardSync(image), RangeError);
  await assertRejects(() => huge.forward(image), RangeError);
  // Nothing is left behind.
  const small = new Conv2d(1, 1, 3, { engine });
  assertEquals((await small.forward(image)).shape, [1, 1, 510, 510]);
});

/** Whether nobody holds a block: all memory can be had in one piece. */
function isEmpty(engine: Engine): boolean {
  const runtime = runtimeOf(engine);
  runtime.release(runtime.allocate(runtime.capacity));
  return true;
}

Deno.test("Engine has all its memory back after many calls", async () => {
  using engine = new Engine({ threads: 3, memory: 2 ** 23 });
  await engine.ready;
  const layers = SAMPLES.map((sample) => ({ layer: sample.build(engine), input: inputOf(sample) }));
  for (let round = 0; round < 10; round++) {
    for (const { layer, input } of layers) {
      layer.forwardSync(input);
      await Promise.all([layer.forward(input), layer.forward(input)]);
    }
    assert(isEmpty(engine));
  }
});

Deno.test("Engine has all its memory back after calls of ever new sizes", () => {
  using engine = new Engine({ threads: 2, memory: 2 ** 21 });
  const layer = new Conv2d(4, 4, 3, { engine, padding: 1 });
  for (let size = 1; size <= 200; size++) layer.forwardSync(Tensor.ones([1, 4, 3, size]));
  assert(isEmpty(engine));
});

Deno.test("Engine computes frozen layers, however many have to share its memory", async () => {
  using engine = new Engine({ threads: 2, memory: 2 ** 21 });
  const seeds = [0, 1, 2, 3, 4, 5, 6, 7];
  const input = Tensor.randn([1, 64, 10, 10], { seed: 0 });
  const build = (seed: number, engine: Engine) => new Conv2d(64, 96, 3, { seed, engine });
  const calls = seeds.map((seed) => ({
    layer: build(seed, engine).freeze(),
    expected: build(seed, alone).forwardSync(input).data,
  }));
  for (let round = 0; round < 3; round++) {
    for (const { layer, expected } of calls) {
      assert(sameBits(layer.forwardSync(input).data, expected));
      assert(sameBits((await layer.forward(input)).data, expected));
    }
  }
  assert(isEmpty(engine));
  for (const { layer, expected } of calls) {
    assert(sameBits(layer.forwardSync(input).data, expected));
  }
});

Deno.test("Engine reads the weights of a frozen layer once", () => {
  using engine = new Engine({ threads: 1 });
  const layer = new Conv2d(2, 2, 3, { engine }).freeze();
  const input = Tensor.ones([1, 2, 8, 8]);
  const expected = layer.forwardSync(input).data;
  // A broken promise shows whether anybody looks.
  layer.weight.data.fill(0);
  assert(sameBits(layer.forwardSync(input).data, expected));
  layer.freeze();
  assert(!sameBits(layer.forwardSync(input).data, expected));
});

Deno.test("An engine starts its workers one by one, as work comes up", async () => {
  using engine = new Engine({ threads: 4 });
  const runtime = runtimeOf(engine);
  assertEquals(engine.threads, 4);
  const layer = new Conv2d(64, 64, 3, { padding: 1, engine });
  const x = Tensor.randn([1, 64, 56, 56]);
  for (let calls = 0; runtime.started < 3; calls++) {
    assert(calls < 1000, `${runtime.started} workers have started`);
    await layer.forward(x);
  }
  await engine.ready;
  assertEquals(runtime.started, 3);
});

Deno.test("A frozen layer's waiting calls compute with the weights of their time", async () => {
  using engine = new Engine({ threads: 2 });
  const layer = new Conv2d(3, 3, 3, { engine, seed: 1 });
  layer.freeze();
  const x = Tensor.randn([1, 3, 20, 20], { seed: 2 });
  const expected = new Conv2d(3, 3, 3, { seed: 1 }).forwardSync(x);
  const calls = [layer.forward(x), layer.forward(x), layer.forward(x)];
  layer.loadStateDict(new Conv2d(3, 3, 3, { seed: 5 }).stateDict());
  // These wait, too, and nobody has had the new weights before.
  const later = [layer.forward(x), layer.forward(x)];
  for (const output of await Promise.all(calls)) assertEquals(output.data, expected.data);
  const loaded = new Conv2d(3, 3, 3, { seed: 5 }).forwardSync(x).data;
  for (const output of await Promise.all(later)) assertEquals(output.data, loaded);
  assertEquals(layer.forwardSync(x).data, loaded);
});

Deno.test("Deno.inspect() shows what an engine has", () => {
  using engine = new Engine({ threads: 1, memory: 2 ** 21, backend: "wasm" });
  assertEquals(Deno.inspect(engine), 'Engine(backend="wasm", threads=1, memory=2097152)');
});
