import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Engine, runtimeOf } from "../../src/engine/engine.ts";
import { encodeOnnx } from "../../src/io/models/onnx/encode.ts";
import { fromOnnx, type Network } from "../../src/network/mod.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertEmpty, lostThread, withoutWorkers } from "../engine/_lost_thread.ts";
import { sameBits } from "../engine/_same.ts";
import { drawn, GraphBuilder, int, intList, ints, modelOf, node } from "./_models.ts";
import { denseNet, efficientNet, type NetworkCase, resNet18, uNet, vocoder } from "./_networks.ts";

const BUILDERS: Readonly<Record<string, () => NetworkCase>> = {
  "a residual network": resNet18,
  "a U-Net": () => uNet("ConvTranspose"),
  "a DenseNet": denseNet,
  "an EfficientNet": efficientNet,
  "a vocoder": vocoder,
};

interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly input: Tensor;
  /** What one thread computes in WebAssembly, in as much memory as it likes. */
  readonly expected: Float32Array;
}

const samples: readonly Sample[] = Object.entries(BUILDERS).map(([name, build]) => {
  const { model, shapes: [shape = []] } = build();
  const bytes = encodeOnnx(model);
  const input = tensorOf(shape);
  using engine = new Engine({ threads: 1, backend: "wasm" });
  return { name, bytes, input, expected: only(fromOnnx(bytes, { engine }).forwardSync(input)) };
});

function tensorOf(shape: readonly number[], seed = 0): Tensor {
  return new Tensor(Float32Array.from(drawn(shape, seed).data), shape);
}

/** The numbers of the only output. */
function only(outputs: Readonly<Record<string, Tensor>>): Float32Array {
  const [output, ...others] = Object.values(outputs);
  assertEquals(others.length, 0);
  return output?.data ?? new Float32Array(0);
}

/** The first of the samples, or another one. */
function sampleOf(index = 0): Sample {
  const sample = samples[index];
  if (sample === undefined) throw new RangeError(`There is no sample ${index}`);
  return sample;
}

/** The one that takes least time. */
const SMALL = Object.keys(BUILDERS).indexOf("an EfficientNet");

function smallNetwork(engine: Engine): Sample & { readonly network: Network } {
  const sample = sampleOf(SMALL);
  return { ...sample, network: fromOnnx(sample.bytes, { engine }) };
}

for (const { name, bytes, input, expected } of samples) {
  Deno.test(`Threads change no bit of what ${name} computes`, async () => {
    for (const threads of [2, 3]) {
      using engine = new Engine({ threads, backend: "wasm" });
      const network = fromOnnx(bytes, { engine });
      await engine.ready;
      assert(sameBits(only(network.forwardSync(input)), expected), `${threads} threads, sync`);
      assert(sameBits(only(await network.forward(input)), expected), `${threads} threads, async`);
    }
  });

  Deno.test(`Machine code gives the same bits of ${name} with one thread and with two`, () => {
    using one = new Engine({ threads: 1 });
    using two = new Engine({ threads: 2 });
    const first = only(fromOnnx(bytes, { engine: one }).forwardSync(input));
    const second = only(fromOnnx(bytes, { engine: two }).forwardSync(input));
    assert(sameBits(first, second));
  });

  Deno.test(`An engine with little memory computes ${name} as others do`, async () => {
    // The weights of the residual network are 2 MiB in one convolution.
    const least = name === "a residual network" ? 2 ** 22 : 2 ** 20;
    for (const memory of [least, 2 * least]) {
      using engine = new Engine({ threads: 2, memory, backend: "wasm" });
      const network = fromOnnx(bytes, { engine });
      for (const output of [network.forwardSync(input), await network.forward(input)]) {
        assertNear(only(output), expected);
      }
      assertEmpty(engine, name);
    }
  });

  Deno.test(`A thread that is lost in ${name} changes nothing`, async () => {
    using _ = withoutWorkers();
    for (const [at, isSync] of [[1, true], [6, false]] as const) {
      using engine = new Engine({ threads: 2, backend: "wasm" });
      const network = fromOnnx(bytes, { engine });
      const { shared } = runtimeOf(engine);
      {
        using loss = lostThread(engine, at);
        const output = isSync ? network.forwardSync(input) : await network.forward(input);
        assert(loss.shared() > at, "none was lost");
        assert(sameBits(only(output), expected), `lost in phase ${at}`);
      }
      assert(runtimeOf(engine).shared !== shared);
      assert(sameBits(only(network.forwardSync(input)), expected), `after phase ${at}`);
      assertEmpty(engine, name);
    }
  });
}

/** Pieces may be computed by other algorithms. */
function assertNear(actual: Float32Array, expected: Float32Array): void {
  assertEquals(actual.length, expected.length);
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  assert(actual.every((value, i) => Math.abs(value - (expected[i] ?? 0)) <= 1e-4 * scale));
}

Deno.test("An empty batch gives an empty batch", async () => {
  for (const [name, build] of Object.entries(BUILDERS)) {
    const { model, shapes: [[, ...sizes] = []] } = build();
    using engine = new Engine({ threads: 2 });
    const network = fromOnnx(encodeOnnx(model), { engine });
    const input = Tensor.zeros([0, ...sizes]);
    const one = Object.values(network.forwardSync(Tensor.zeros([1, ...sizes])))[0]?.shape ?? [];
    for (const outputs of [network.forwardSync(input), await network.forward(input)]) {
      assertEquals(Object.values(outputs)[0]?.shape, [0, ...one.slice(1)], name);
    }
    assertEmpty(engine, name);
  }
});

Deno.test("Shapes that are computed follow an empty batch", () => {
  const model = modelOf({
    opset: 13,
    nodes: [
      node("Shape", ["x"], ["shape"]),
      node("Slice", ["shape", "zero", "one"], ["batch"]),
      node("Concat", ["batch", "open"], ["target"], { axis: int(0) }),
      node("Reshape", ["x", "target"], ["flat"]),
      node("Gemm", ["flat", "w"], ["y"]),
      node("Reshape", ["x", "kept"], ["z"]),
      node("ReduceMean", ["z"], ["m"], { axes: intList([1]) }),
      node("Softmax", ["y"], ["s"]),
      node("Split", ["y"], ["left", "right"], { axis: int(1) }),
      node("Concat", ["left", "right", "m"], ["c"], { axis: int(1) }),
    ],
    constants: {
      zero: ints([0]),
      one: ints([1]),
      open: ints([-1]),
      kept: ints([0, -1]),
      w: drawn([12, 4], 1),
    },
    inputs: { x: ["batch", 3, 2, 2] },
    outputs: ["y", "m", "s", "c"],
  });
  const network = fromOnnx(encodeOnnx(model));
  for (const batch of [2, 0, 1]) {
    const outputs = network.forwardSync(tensorOf([batch, 3, 2, 2]));
    const shapes = Object.values(outputs).map(({ shape }) => shape);
    assertEquals(shapes, [[batch, 4], [batch, 1], [batch, 4], [batch, 5]]);
  }
});

Deno.test("Many calls that are under way at once give what each gives by itself", async () => {
  using engine = new Engine({ threads: 2 });
  const { network, input } = smallNetwork(engine);
  const inputs = Array.from({ length: 24 }, (_, seed) => {
    const [, ...others] = input.shape;
    return tensorOf([1 + seed % 2, ...others], seed);
  });
  const expected = inputs.map((input) => only(network.forwardSync(input)));
  const calls = inputs.map((input) => network.forward(input));
  // They have been read.
  for (const { data } of inputs) data.fill(NaN);
  // Others come in between.
  const again = only(network.forwardSync(input));
  const outputs = await Promise.all(calls);
  assert(outputs.every((output, i) => sameBits(only(output), expected[i] ?? new Float32Array(0))));
  assert(sameBits(only(network.forwardSync(input)), again));
  assertEmpty(engine, "afterwards");
});

Deno.test("Networks that share an engine do not get into each other's way", async () => {
  using engine = new Engine({ threads: 2, backend: "wasm" });
  const networks = samples.map(({ bytes }) => fromOnnx(bytes, { engine }));
  for (let round = 0; round < 2; round++) {
    const outputs = await Promise.all(
      networks.map((network, i) => network.forward(sampleOf(i).input)),
    );
    assert(outputs.every((output, i) => sameBits(only(output), sampleOf(i).expected)));
  }
});

Deno.test("After a call that fails, the next one works", async () => {
  using engine = new Engine({ threads: 2, backend: "wasm" });
  const { network, input, expected } = smallNetwork(engine);
  const wrong = Tensor.zeros(input.shape.with(1, 1));
  for (let round = 0; round < 3; round++) {
    assertThrows(() => network.forwardSync(wrong), RangeError);
    const failing = assertRejects(() => network.forward(wrong), RangeError);
    const output = await network.forward(input);
    await failing;
    assert(sameBits(only(output), expected));
    assertEmpty(engine, `round ${round}`);
  }
});

Deno.test("A step that throws gives its memory back", () => {
  using engine = new Engine({ threads: 1, backend: "wasm" });
  const { network, input, expected } = smallNetwork(engine);
  network.forwardSync(input);
  const runtime = runtimeOf(engine);
  const { allocate } = runtime;
  let allowed = 12;
  runtime.allocate = (bytes: number) => {
    if (allowed-- === 0) throw new RangeError("on purpose");
    return allocate.call(runtime, bytes);
  };
  assertThrows(() => network.forwardSync(input), RangeError, "on purpose");
  runtime.allocate = allocate;
  assertEmpty(engine, "after the failure");
  assert(sameBits(only(network.forwardSync(input)), expected));
});

Deno.test("An engine that is closed computes no network", async () => {
  const engine = new Engine({ threads: 1 });
  const { network, input } = smallNetwork(engine);
  engine.close();
  assertThrows(() => network.forwardSync(input));
  await assertRejects(() => network.forward(input));
});

Deno.test("The same tensor may be given for several inputs, and inputs may lie in the memory", () => {
  using engine = new Engine({ threads: 1 });
  const network = fromOnnx(
    encodeOnnx(modelOf({
      nodes: [node("Sub", ["a", "b"], ["c"]), node("Add", ["c", "a"], ["y"])],
      inputs: { a: null, b: null },
      outputs: ["y"],
    })),
    { engine },
  );
  const a = tensorOf([2, 3]);
  assertEquals(network.forwardSync({ a, b: a })["y"]?.data, a.data);
  const { network: other, input } = smallNetwork(engine);
  const output = Object.values(other.forwardSync(input))[0] ?? Tensor.zeros([0]);
  assertEquals(network.forwardSync({ a: output, b: output })["y"]?.data, output.data);
});

Deno.test("Shapes come and go, and each is computed as if it were the only one", () => {
  using engine = new Engine({ threads: 1, backend: "wasm" });
  const { network, input, expected } = smallNetwork(engine);
  const [batch = 1, channels = 3] = input.shape;
  for (let round = 0; round < 2; round++) {
    for (let size = 0; size < 10; size++) {
      const spatial = input.shape.slice(2).map((length) => length + 8 * size);
      const { shape = [] } =
        Object.values(network.forwardSync(tensorOf([batch, channels, ...spatial])))[0] ?? {};
      assertEquals(shape[0], batch);
    }
    assert(sameBits(only(network.forwardSync(input)), expected));
  }
  assertEmpty(engine, "afterwards");
});

/** A chain of convolutions that keep their sizes, each with something to add, or none. */
function chainOf(count: number, hasResiduals: boolean): Uint8Array {
  const net = new GraphBuilder(1);
  let x = "x";
  for (let i = 0; i < count; i++) {
    const weight = net.drawn([4, 4, 3, 3], 0.1);
    const y = net.add("Conv", [x, weight], { pads: intList([1, 1, 1, 1]) });
    const z = net.add("Conv", [y, weight], { pads: intList([1, 1, 1, 1]) });
    x = hasResiduals ? net.add("Relu", [net.add("Add", [z, x])]) : net.add("Relu", [z]);
  }
  return encodeOnnx(net.model({ x: [1, 4, 32, 32] }, [x]));
}

Deno.test("Memory is taken for what is alive, however long a chain is", () => {
  const bytes = 4 * 32 * 32 * Float32Array.BYTES_PER_ELEMENT;
  for (const [hasResiduals, alive] of [[false, 2], [true, 3]] as const) {
    for (const count of [2, 20]) {
      using engine = new Engine({ threads: 1, backend: "wasm" });
      const network = fromOnnx(chainOf(count, hasResiduals), { engine });
      assertEquals(network.explain().bytes, alive * bytes);
      const runtime = runtimeOf(engine);
      const { allocate } = runtime;
      let least = runtime.shared.heap.freeBytes;
      runtime.allocate = (size: number) => {
        const block = allocate.call(runtime, size);
        least = Math.min(least, runtime.shared.heap.freeBytes);
        return block;
      };
      const free = runtime.shared.heap.freeBytes;
      network.forwardSync(Tensor.ones([1, 4, 32, 32]));
      // Beside them lie the weights that are kept, and what a step makes on its way.
      assert(free - least < (alive + 3) * bytes, `${count} steps take ${free - least} bytes`);
    }
  }
});

Deno.test("Graphs may be as long as they like", () => {
  using engine = new Engine({ threads: 1 });
  const long = new GraphBuilder(1);
  let x = "x";
  for (let i = 0; i < 20_000; i++) x = long.add("Neg", [x]);
  const chain = fromOnnx(encodeOnnx(long.model({ x: [2] }, [x])), { engine });
  assertEquals(only(chain.forwardSync(new Tensor([1, 2], [2]))), Float32Array.of(1, 2));

  const dense = new GraphBuilder(1);
  let all = "x";
  for (let i = 0; i < 2000; i++) {
    all = dense.add("Concat", [all, dense.add("Relu", ["x"])], { axis: int(0) });
  }
  const network = fromOnnx(encodeOnnx(dense.model({ x: [1] }, [all])), { engine });
  assertEquals(only(network.forwardSync(new Tensor([3], [1]))), new Float32Array(2001).fill(3));
});

/** What may come on top while nothing grows: the collector's leisure. */
const SLACK_BYTES = 48 * 2 ** 20;

Deno.test("Three hundred forwards take no more memory than the first ones", async () => {
  using engine = new Engine({ threads: 2 });
  const { network } = smallNetwork(engine);
  const input = tensorOf([1, 3, 16, 16]);
  const run = async (count: number) => {
    for (let i = 0; i < count; i++) {
      if (i % 2 === 0) network.forwardSync(input);
      else await network.forward(input);
    }
  };
  await run(100);
  const { heap } = runtimeOf(engine).shared;
  const [rss, free] = [Deno.memoryUsage().rss, heap.freeBytes];
  await run(300);
  assert(Deno.memoryUsage().rss - rss < SLACK_BYTES);
  assertEquals(heap.freeBytes, free);
});
