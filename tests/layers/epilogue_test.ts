import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type Activation,
  Conv1d,
  Conv2d,
  Conv3d,
  convSync,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  convTransposeSync,
  Engine,
  type Layer,
  type LayerOptions,
  Tensor,
} from "@tileconv/conv";

/** What an activation makes of a value, as `torch.nn` defines it. */
function activate(activation: Activation | undefined, value: number, slope = 0.01): number {
  switch (activation) {
    case undefined:
      return value;
    case "relu":
      return Math.max(0, value);
    case "relu6":
      return Math.min(6, Math.max(0, value));
    case "leakyRelu":
      return value > 0 ? value : Math.fround(slope) * value;
  }
}

interface Case {
  readonly name: string;
  readonly shape: readonly number[];
  readonly build: (options: LayerOptions) => Layer;
}

/** One layer of every kernel, with tiles that end in the middle of a vector. */
const CASES: readonly Case[] = [
  { name: "Conv1d", shape: [2, 5, 37], build: (o) => new Conv1d(5, 7, 3, { padding: 1, ...o }) },
  { name: "Conv2d", shape: [1, 6, 13, 9], build: (o) => new Conv2d(6, 9, 3, { stride: 2, ...o }) },
  {
    name: "Conv2d over many channels",
    shape: [1, 300, 9, 21],
    build: (o) => new Conv2d(300, 14, 3, { padding: 1, ...o }),
  },
  {
    name: "depthwise Conv2d",
    shape: [2, 6, 11, 10],
    build: (o) => new Conv2d(6, 6, 3, { groups: 6, padding: 1, ...o }),
  },
  { name: "1x1 Conv2d", shape: [1, 33, 7, 7], build: (o) => new Conv2d(33, 10, 1, o) },
  { name: "Conv3d", shape: [3, 4, 5, 6], build: (o) => new Conv3d(3, 5, 2, o) },
  {
    name: "ConvTranspose1d",
    shape: [4, 15],
    build: (o) => new ConvTranspose1d(4, 6, 5, { stride: 3, ...o }),
  },
  {
    name: "ConvTranspose2d",
    shape: [2, 8, 6, 5],
    build: (o) => new ConvTranspose2d(8, 5, 4, { stride: 2, padding: 1, ...o }),
  },
  {
    name: "ConvTranspose3d with outputs that no input reaches",
    shape: [1, 2, 3, 2, 3],
    build: (o) => new ConvTranspose3d(2, 3, 1, { stride: 2, outputPadding: 1, ...o }),
  },
];

const ACTIVATIONS: readonly (Activation | undefined)[] = [undefined, "relu", "relu6", "leakyRelu"];

for (const { name, shape, build } of CASES) {
  Deno.test(`${name} adds a tensor and applies each activation`, async () => {
    const x = Tensor.randn(shape, { seed: 1 });
    const plain = build({ seed: 2 }).forwardSync(x);
    const add = Tensor.uniform(plain.shape, { low: -4, high: 9, seed: 3 });
    for (const activation of ACTIVATIONS) {
      const layer = build({ seed: 2, ...(activation === undefined ? {} : { activation }) });
      const output = layer.forwardSync(x);
      assertEquals(
        output.data,
        plain.data.map((value) => activate(activation, value)),
        `${activation}`,
      );
      const sum = await layer.forward(x, { add });
      const expected = plain.data.map((value, i) =>
        activate(activation, Math.fround(value + (add.data[i] ?? 0)))
      );
      assertEquals(sum.data, expected, `${activation} of a sum`);
    }
  });
}

Deno.test("A slope of any sign and size is the activation's for negative values", () => {
  const x = Tensor.randn([1, 3, 20], { seed: 1 });
  const plain = new Conv1d(3, 4, 3, { seed: 2 }).forwardSync(x);
  for (const negativeSlope of [0, 0.3, 1, 2.5, -0.5]) {
    const layer = new Conv1d(3, 4, 3, { seed: 2, activation: "leakyRelu", negativeSlope });
    const expected = plain.data.map((value) => activate("leakyRelu", value, negativeSlope) + 0);
    assertEquals(layer.forwardSync(x).data.map((value) => value + 0), expected);
  }
});

Deno.test("NaN goes through an activation", () => {
  for (const activation of ["relu", "relu6", "leakyRelu"] as const) {
    const layer = new Conv1d(1, 1, 1, { activation });
    const output = layer.forwardSync(Tensor.from([[NaN, 1, 2, 3, 4]]));
    assert(Number.isNaN(output.data[0]));
    assert(output.data.subarray(1).every(Number.isFinite));
  }
});

Deno.test("An output that is still in the shared memory can be input and addend of the next layer", () => {
  const first = new Conv2d(4, 4, 3, { padding: 1, seed: 1 });
  const second = new Conv2d(4, 4, 3, { padding: 1, seed: 2, activation: "relu" });
  const x = Tensor.randn([1, 4, 12, 12], { seed: 3 });
  const y = first.forwardSync(x);
  const chained = second.forwardSync(y, { add: y });
  const copy = new Tensor(first.forwardSync(x).data.slice(), y.shape);
  assertEquals(chained.data, second.forwardSync(copy, { add: copy }).data);
  assertEquals(y.data, copy.data);
});

Deno.test("A residual block that does not fit into the memory is done in pieces", () => {
  using engine = new Engine({ memory: 1 << 20, threads: 2 });
  const options = { padding: 1, seed: 1, activation: "relu", algorithm: "direct" } as const;
  const x = Tensor.randn([2, 8, 150, 100], { seed: 3 });
  const expected = new Conv2d(8, 8, 3, options).forwardSync(x, { add: x });
  const output = new Conv2d(8, 8, 3, { ...options, engine }).forwardSync(x, { add: x });
  assertEquals(output.data, expected.data);
});

Deno.test("The functions take an activation and an addend too", () => {
  const x = Tensor.from([[1, -2, 3]]);
  const one = Tensor.from([[[1]]]);
  const add = Tensor.from([[1, 1, 1]]);
  assertEquals([...convSync(x, one, null, { activation: "relu", add }).data], [2, 0, 4]);
  assertEquals([...convTransposeSync(x, one, null, { activation: "relu6", add }).data], [2, 0, 4]);
});

Deno.test("Mistakes with activations and addends are named", async () => {
  assertThrows(
    () => new Conv1d(1, 1, 1, { activation: "gelu" as "relu" }),
    RangeError,
    'Conv1d: activation must be one of "relu", "relu6", "leakyRelu", but is "gelu"',
  );
  assertThrows(
    () => new Conv1d(1, 1, 1, { negativeSlope: 0.1 }),
    TypeError,
    'negativeSlope goes with activation "leakyRelu"',
  );
  const layer = new Conv1d(1, 2, 1);
  const x = Tensor.ones([1, 5]);
  assertThrows(
    () => layer.forwardSync(x, { add: x }),
    RangeError,
    "Conv1d: add must have the output's shape [2, 5], but has [1, 5]",
  );
  await assertRejects(() => layer.forward(x, { plus: x } as object), TypeError, "unknown option");
});
