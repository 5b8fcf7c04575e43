import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Engine } from "../../src/engine/engine.ts";
import { runtimeOf } from "../../src/engine/engine.ts";
import { Conv2d } from "../../src/layers/conv.ts";
import { Parameter } from "../../src/layers/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

/** Large enough for machine code to work in the arrays themselves. */
const SHAPE = [2, 8, 64, 64];
const ELEMENTS = 2 * 8 * 64 * 64;

/** Says that it is longer than it is. */
class Exaggerating extends Float32Array {
  override get length(): Float32Array["length"] {
    return 1024 * ELEMENTS as Float32Array["length"];
  }
  override get byteLength(): number {
    return 4096 * ELEMENTS;
  }
}

/** Cannot be made as its base class can. */
class Particular extends Float32Array {
  constructor({ length }: { readonly length: number }) {
    super(length);
  }
}

/** Says that it has another shape. */
class Shapeless extends Tensor {
  override get shape(): readonly number[] {
    return [2, 8, 4096, 4096];
  }
}

function plain(fill: (index: number) => number): Float32Array {
  return Float32Array.from({ length: ELEMENTS }, (_, index) => fill(index));
}

const values = plain((index) => index % 17 - 8);

const ARRAYS: Readonly<Record<string, () => Float32Array>> = {
  "a subclass that exaggerates its length": () => {
    const array = new Exaggerating(ELEMENTS);
    for (const [index, value] of values.entries()) array[index] = value;
    return array;
  },
  "a subclass whose constructor takes something else": () => {
    const array = new Particular({ length: ELEMENTS });
    Float32Array.prototype.set.call(array, values);
    return array;
  },
  "an array with a length of its own": () =>
    Object.defineProperty(values.slice(), "length", { value: 1e9 }),
  "a part of a larger buffer": () => {
    const whole = new Float32Array(3 * ELEMENTS);
    whole.set(values, ELEMENTS);
    return whole.subarray(ELEMENTS, 2 * ELEMENTS);
  },
  "an array that follows its buffer": () => {
    const array = new Float32Array(
      new ArrayBuffer(4 * ELEMENTS, { maxByteLength: 16 * ELEMENTS }),
    );
    array.set(values);
    return array;
  },
};

for (const backend of ["wasm", "auto"] as const) {
  for (const [what, make] of Object.entries(ARRAYS)) {
    Deno.test(`A layer takes ${what} for what it is, ${backend}`, async () => {
      using engine = new Engine({ threads: 2, backend });
      const layer = new Conv2d(8, 8, 3, { padding: 1, seed: 1, engine });
      const expected = layer.forwardSync(new Tensor(values.slice(), SHAPE)).data;
      const input = () => new Tensor(make(), SHAPE);
      assertEquals(layer.forwardSync(input()).data, expected);
      assertEquals((await layer.forward(input())).data, expected);
      const [first, second] = [layer.forward(input()), layer.forward(input(), { add: input() })];
      assertEquals((await first).data, expected);
      const sum = plain((index) => Math.fround((expected[index] ?? 0) + (values[index] ?? 0)));
      assertEquals((await second).data.map(Math.round), sum.map(Math.round));
      const out = input();
      layer.forwardSync(input(), { out });
      assertEquals(new Float32Array(out.data), expected);
    });
  }
}

Deno.test("A tensor has the length that its array has", () => {
  assertThrows(
    () => new Tensor(new Exaggerating(ELEMENTS), [1024, 2, 8, 64, 64]),
    RangeError,
    `data has ${ELEMENTS}`,
  );
});

Deno.test("A layer takes a tensor for what it is", () => {
  const layer = new Conv2d(8, 8, 3, { padding: 1 });
  assertEquals(layer.forwardSync(new Shapeless(values.slice(), SHAPE)).shape, SHAPE);
});

Deno.test("A layer refuses parameters of another shape, and what is no parameter", async () => {
  const layer = new Conv2d(8, 8, 3);
  const input = new Tensor(values.slice(), SHAPE);
  const replace = (name: "weight" | "bias", value: unknown) => Reflect.set(layer, name, value);
  const { weight, bias } = layer;
  replace("weight", new Parameter(Tensor.ones([8, 8, 2, 2])));
  assertThrows(() => layer.forwardSync(input), RangeError, "weight must have shape [8, 8, 3, 3]");
  await assertRejects(() => layer.forward(input), RangeError, "but has [8, 8, 2, 2]");
  replace("weight", { data: new Float32Array(576), shape: [8, 8, 3, 3], size: 576 });
  assertThrows(() => layer.forwardSync(input), TypeError, "weight must be a Parameter");
  replace("weight", weight);
  replace("bias", new Parameter(Tensor.ones([4])));
  assertThrows(() => layer.forwardSync(input), RangeError, "bias must have shape [8]");
  replace("bias", bias);
  assertEquals(layer.forwardSync(input).shape, [2, 8, 62, 62]);
});

for (const backend of ["wasm", "auto"] as const) {
  Deno.test(`A call whose output has nowhere to go fails, and the engine keeps what it has, ${backend}`, async () => {
    using engine = new Engine({ threads: 3, backend, memory: 2 ** 24 });
    await engine.ready;
    const runtime = runtimeOf(engine);
    // Each with its own way for the output, pieces and copies while others compute included.
    for (const [channels, groups, size] of [[8, 1, 64], [64, 64, 64], [64, 1, 256]] as const) {
      const layer = new Conv2d(channels, channels, 3, { padding: 1, groups, seed: 1, engine });
      const input = Tensor.randn([1, channels, size, size], { seed: 2 });
      const expected = layer.forwardSync(input).data;
      const { shared } = runtime;
      for (let round = 0; round < 3; round++) {
        const out = Tensor.zeros(input.shape);
        // It waits for this one, and for what else takes long.
        const before = layer.forward(input);
        const call = layer.forward(input, { out });
        structuredClone(out.data.buffer, { transfer: [out.data.buffer as ArrayBuffer] });
        await assertRejects(() => call, TypeError, "out has lost its values");
        assertEquals((await before).data, expected);
        assertEquals(runtime.shared === shared, true);
        assertEquals((await layer.forward(input)).data, expected);
      }
    }
  });
}
