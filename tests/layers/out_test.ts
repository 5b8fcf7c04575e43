import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  conv,
  Conv2d,
  convSync,
  convTranspose,
  ConvTranspose2d,
  convTransposeSync,
  Engine,
  type Layer,
  type LayerOptions,
  Parameter,
  Tensor,
} from "../../mod.ts";
import { sameBits } from "../engine/_same.ts";

/** Layers whose outputs are copied while they are computed, and after. */
function layersOn(engine: Engine): Layer[] {
  return [
    new Conv2d(64, 64, 3, { engine, seed: 1, padding: 1, groups: 64 }),
    new Conv2d(64, 64, 1, { engine, seed: 2 }).freeze(),
    new Conv2d(64, 64, 3, { engine, seed: 3, padding: 1, activation: "relu" }),
    new ConvTranspose2d(64, 64, 3, { engine, seed: 4, padding: 1 }),
  ];
}

const SHAPE = [2, 64, 24, 20];
const INPUT = Tensor.randn(SHAPE, { seed: 5 });

const alone = new Engine({ threads: 1, backend: "wasm" });
const EXPECTED = layersOn(alone).map((layer) => layer.forwardSync(INPUT).data);

function expected(index: number): Float32Array {
  return EXPECTED[index] ?? new Float32Array();
}

/** Every backend, and a memory in which the work is done in pieces. */
const ENGINES = [
  { threads: 1, backend: "wasm" },
  { threads: 3, backend: "wasm" },
  { threads: 3, backend: "auto" },
  { threads: 2, backend: "wasm", memory: 2 ** 20 },
] as const;

for (const options of ENGINES) {
  Deno.test(`A layer writes its output to where it is to go: ${Deno.inspect(options)}`, async () => {
    using engine = new Engine(options);
    await engine.ready;
    for (const layer of layersOn(engine)) {
      const own = layer.forwardSync(INPUT);
      const out = Tensor.full(SHAPE, NaN);
      const { data } = out;
      for (let round = 0; round < 3; round++) {
        data.fill(NaN);
        assertStrictEquals(layer.forwardSync(INPUT, { out }), out);
        assertStrictEquals(out.data, data);
        assert(sameBits(data, own.data));
        data.fill(NaN);
        assertStrictEquals(await layer.forward(INPUT, { out }), out);
        assert(sameBits(data, own.data));
      }
    }
  });

  Deno.test(`A layer may write over what it reads: ${Deno.inspect(options)}`, async () => {
    using engine = new Engine(options);
    await engine.ready;
    for (const layer of layersOn(engine)) {
      const own = layer.forwardSync(INPUT, { add: INPUT });
      for (const isAdd of [false, true]) {
        const x = new Tensor(INPUT.data.slice(), SHAPE);
        const [input, add] = isAdd ? [INPUT, x] : [x, INPUT];
        assertStrictEquals(layer.forwardSync(input, { add, out: x }), x);
        assert(sameBits(x.data, own.data));
        x.data.set(INPUT.data);
        assertStrictEquals(await layer.forward(input, { add, out: x }), x);
        assert(sameBits(x.data, own.data));
      }
      // One item after the other, in the memory of all of them.
      const all = new Tensor(INPUT.data.slice(), SHAPE);
      const plain = layer.forwardSync(INPUT);
      const length = all.size / 2;
      const items = [0, 1].map((n) =>
        new Tensor(all.data.subarray(n * length, (n + 1) * length), SHAPE.slice(1))
      );
      for (const item of items) layer.forwardSync(item, { out: item });
      assert(sameBits(all.data, plain.data));
    }
  });
}

/** Layers that are computed in one piece, and where there is little memory by items or by rows. */
const OVER_OPERANDS: readonly {
  readonly shape: readonly number[];
  readonly build: (options: LayerOptions) => Layer;
}[] = [
  { shape: [4, 8, 64, 64], build: (o) => new Conv2d(8, 8, 3, { ...o, padding: 1 }) },
  { shape: [1, 4, 240, 200], build: (o) => new Conv2d(4, 4, 5, { ...o, padding: 2 }) },
  {
    shape: [2, 8, 60, 60],
    build: (o) => new ConvTranspose2d(8, 8, 3, { ...o, padding: 1 }),
  },
  {
    shape: [2, 16, 40, 50],
    build: (o) => new Conv2d(16, 16, 3, { ...o, padding: 1, algorithm: "winograd" }),
  },
];

/** What of a call `out` lies over, and from which element of it on. */
const OVERLAPS = [
  ["input", 0],
  ["input", 1],
  ["input", -1],
  ["input", 1000],
  ["add", 0],
  ["add", 40],
  ["add", -3000],
  ["weight", 0],
  ["weight", 5],
  ["weight", -20],
  ["bias", 0],
  ["bias", 2],
  ["bias", -1],
] as const;

for (const options of ENGINES) {
  Deno.test(`An output may lie over any part of any operand: ${Deno.inspect(options)}`, async () => {
    using engine = new Engine(options);
    await engine.ready;
    for (const { shape, build } of OVER_OPERANDS) {
      const given = build({ engine, seed: 1 });
      const size = shape.reduce((product, axis) => product * axis, 1);
      const values = {
        input: Tensor.randn(shape, { seed: 2 }).data,
        add: Tensor.randn(shape, { seed: 3 }).data,
        weight: given.weight.data.slice(),
        bias: given.bias?.data.slice() ?? new Float32Array(),
      };
      const own = given.forwardSync(new Tensor(values.input, shape), {
        add: new Tensor(values.add, shape),
      }).data;
      for (const isFrozen of [false, true]) {
        for (const [what, shift] of OVERLAPS) {
          const length = values[what].length;
          const most = Math.max(length, size);
          const memory = new Float32Array(2 * (most + 3000));
          const place = 3000 + most / 2;
          const shared = memory.subarray(place, place + length);
          const out = memory.subarray(place + shift, place + shift + size);
          const arrays = { ...values, [what]: shared };
          const layer = build({ engine, seed: 1 });
          const replace = (name: "weight" | "bias") =>
            Reflect.set(
              layer,
              name,
              new Parameter(new Tensor(arrays[name], given[name]?.shape ?? [])),
            );
          replace("weight");
          replace("bias");
          const call = {
            input: new Tensor(arrays.input, shape),
            options: { add: new Tensor(arrays.add, shape), out: new Tensor(out, shape) },
          };
          const where = `out over ${what} from ${shift} on, frozen: ${isFrozen}, ${shape}`;
          shared.set(values[what]);
          if (isFrozen) layer.freeze();
          layer.forwardSync(call.input, call.options);
          assert(sameBits(out, own), `${where}, sync`);
          for (const before of [0, 1]) {
            shared.set(values[what]);
            if (isFrozen) layer.freeze();
            const calls = Array.from({ length: before }, () => layer.forward(call.input));
            const output = layer.forward(call.input, call.options);
            await Promise.all(calls);
            await output;
            assert(sameBits(out, own), `${where}, async after ${before}`);
          }
        }
      }
    }
  });
}

Deno.test("An output that nobody has read yet can receive another one", () => {
  const [first, second] = layersOn(alone);
  const out = first?.forwardSync(INPUT);
  if (out === undefined) return;
  second?.forwardSync(INPUT, { out });
  assert(sameBits(out.data, expected(1)));
  first?.forwardSync(out, { out });
  const chained = first?.forwardSync(new Tensor(expected(1), SHAPE));
  assert(sameBits(out.data, chained?.data ?? new Float32Array()));
});

Deno.test("Functions write their outputs to where they are to go, too", async () => {
  const x = Tensor.randn([1, 8, 9, 9], { seed: 1 });
  const weight = Tensor.randn([8, 8, 3, 3], { seed: 2 });
  const out = Tensor.zeros([1, 8, 9, 9]);
  const functions = [[convSync, conv], [convTransposeSync, convTranspose]] as const;
  for (const [computeSync, compute] of functions) {
    const plain = computeSync(x, weight, null, { padding: 1 }).data;
    assertStrictEquals(computeSync(x, weight, null, { padding: 1, out }), out);
    assert(sameBits(out.data, plain));
    out.data.fill(0);
    assertStrictEquals(await compute(x, weight, null, { padding: 1, out }), out);
    assert(sameBits(out.data, plain));
  }
});

Deno.test("An empty batch leaves an empty tensor", () => {
  const out = Tensor.zeros([0, 8, 6, 6]);
  const layer = new Conv2d(3, 8, 3);
  assertStrictEquals(layer.forwardSync(Tensor.zeros([0, 3, 8, 8]), { out }), out);
});

Deno.test("out must be a tensor of the output's shape", async () => {
  const layer = new Conv2d(3, 8, 3);
  const input = Tensor.zeros([1, 3, 8, 8]);
  const wrong = Tensor.zeros([1, 8, 8, 8]);
  const message = "Conv2d: out must have the output's shape [1, 8, 6, 6], but has [1, 8, 8, 8]";
  assertThrows(() => layer.forwardSync(input, { out: wrong }), RangeError, message);
  await assertRejects(() => layer.forward(input, { out: wrong }), RangeError, message);
  const none = { out: new Float32Array(288) } as unknown as { out: Tensor };
  assertThrows(() => layer.forwardSync(input, none), TypeError, "Conv2d: out must be a Tensor");
  const gone = Tensor.zeros([1, 8, 6, 6]);
  structuredClone(gone.data.buffer, { transfer: [gone.data.buffer as ArrayBuffer] });
  assertThrows(() => layer.forwardSync(input, { out: gone }), TypeError, "lost its values");
  assertEquals(wrong.data.every((value) => value === 0), true);
});
