import { assert, assertEquals } from "@std/assert";
import { Conv2d, ConvTranspose2d, Engine, type Layer, Tensor } from "../../mod.ts";
import { runtimeOf } from "../../src/engine/engine.ts";
import { sameBits } from "./_same.ts";

/** Layers of which each takes the output of the one before. */
function chainOn(engine: Engine): Layer[] {
  return [
    new Conv2d(3, 16, 3, { engine, seed: 1, padding: 1 }),
    new Conv2d(16, 24, 3, { engine, seed: 2, stride: 2 }).freeze(),
    new Conv2d(24, 24, 1, { engine, seed: 3 }),
    new ConvTranspose2d(24, 4, 2, { engine, seed: 4, stride: 2 }),
  ];
}

const INPUT = Tensor.randn([2, 3, 40, 42], { seed: 0 });

const alone = new Engine({ threads: 1 });

/** The output of each layer of the chain, every one read before the next layer takes it. */
const EXPECTED: readonly Float32Array[] = (() => {
  let tensor = INPUT;
  return chainOn(alone).map((layer) => {
    const output = layer.forwardSync(tensor).data.slice();
    tensor = new Tensor(output, layer.outputShape(tensor.shape));
    return output;
  });
})();

const ENGINES = [{ threads: 1 }, { threads: 3 }, { threads: 2, memory: 2 ** 20 }];

for (const options of ENGINES) {
  Deno.test(`A layer computes on the output of another, read or not: ${Deno.inspect(options)}`, async () => {
    using engine = new Engine(options);
    await engine.ready;
    const chain = chainOn(engine);
    // Each bit says whether one of the outputs is read before it is taken.
    for (let read = 0; read < 2 ** chain.length; read++) {
      const outputs: Tensor[] = [];
      let tensor = INPUT;
      for (const [index, layer] of chain.entries()) {
        tensor = index % 2 === 0 ? layer.forwardSync(tensor) : await layer.forward(tensor);
        if ((read >> index & 1) === 1) tensor.data.at(0);
        outputs.push(tensor);
      }
      outputs.forEach(({ data }, index) => {
        assert(
          sameBits(data, EXPECTED[index] ?? data.subarray(1)),
          `reads ${read}, layer ${index}`,
        );
      });
    }
  });
}

Deno.test("An output may be read and written while other calls compute on it", async () => {
  using engine = new Engine({ threads: 2 });
  await engine.ready;
  const [first, second] = chainOn(engine);
  if (first === undefined || second === undefined) return;
  for (let round = 0; round < 5; round++) {
    const tensor = await first.forward(INPUT);
    const outputs = [second.forward(tensor), second.forward(tensor)];
    tensor.data.fill(NaN);
    for (const output of outputs) {
      assert(sameBits((await output).data, EXPECTED[1] ?? new Float32Array()));
    }
    assert(tensor.data.every(Number.isNaN));
  }
});

Deno.test("An output can be read after its engine has been closed, on another engine too", () => {
  const engine = new Engine({ threads: 2 });
  const [first] = chainOn(engine);
  const [, second] = chainOn(alone);
  const outputs = [0, 1].map(() => first?.forwardSync(INPUT) ?? INPUT);
  engine.close();
  const [read, taken] = outputs;
  assert(read !== undefined && sameBits(read.data, EXPECTED[0] ?? new Float32Array()));
  const next = taken === undefined ? undefined : second?.forwardSync(taken);
  assert(next !== undefined && sameBits(next.data, EXPECTED[1] ?? new Float32Array()));
});

Deno.test("Outputs that nobody reads keep nobody from the memory", async () => {
  using engine = new Engine({ threads: 2, memory: 2 ** 21 });
  await engine.ready;
  const runtime = runtimeOf(engine);
  const chain = chainOn(engine);
  const kept: Tensor[][] = [];
  for (let round = 0; round < 20; round++) {
    const outputs: Tensor[] = [];
    let tensor = INPUT;
    for (const layer of chain) {
      tensor = await layer.forward(tensor);
      outputs.push(tensor);
    }
    kept.push(outputs);
    if (round % 5 === 4) runtime.release(runtime.allocate(runtime.capacity));
  }
  for (const outputs of kept) {
    outputs.forEach(({ data }, index) => {
      assert(sameBits(data, EXPECTED[index] ?? new Float32Array()));
    });
  }
  runtime.release(runtime.allocate(runtime.capacity));
  assertEquals(kept.length, 20);
});
