import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Conv1d, Conv2d } from "../../src/layers/conv.ts";
import { ConvTranspose2d } from "../../src/layers/conv_transpose.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { CONV_TRANSPOSES, CONVS } from "./_layers.ts";

/** A 1-D layer whose output is its input times its only weight, plus its bias. */
function scale(weight: number, bias: number): Conv1d {
  const layer = new Conv1d(1, 1, 1);
  layer.weight.data[0] = weight;
  layer.bias?.data.fill(bias);
  return layer;
}

Deno.test("The same seed gives every layer the same values", () => {
  for (const kinds of [CONVS, CONV_TRANSPOSES]) {
    for (const rank of [1, 2, 3] as const) {
      const build = (seed?: number) =>
        new kinds[rank](4, 6, 3, seed === undefined ? {} : { seed }).stateDict();
      assertEquals(build(5), build(5));
      assertNotEquals(build(5), build(6));
      assertNotEquals(build(), build());
    }
  }
  const bias = new Conv2d(4, 6, 3, { seed: 1 });
  const none = new Conv2d(4, 6, 3, { seed: 1, bias: false });
  assertEquals(bias.weight.data, none.weight.data);
});

Deno.test("Initial values are uniform within 1 / sqrt(fan_in)", () => {
  // fan_in is weight.shape[1] * prod(kernelSize), of transposed layers too.
  const layers = [
    { layer: new Conv2d(16, 64, [3, 5], { seed: 0, groups: 2 }), fanIn: 8 * 15 },
    { layer: new ConvTranspose2d(16, 64, [3, 5], { seed: 0, groups: 2 }), fanIn: 32 * 15 },
  ];
  for (const { layer, fanIn } of layers) {
    const bound = Math.fround(1 / Math.sqrt(fanIn));
    for (const { data } of layer.parameters()) {
      assert(data.every((value) => Math.abs(value) <= bound));
      assert(
        data.some((value) => value > 0.8 * bound) && data.some((value) => value < -0.8 * bound),
      );
    }
    const { data } = layer.weight;
    const variance = data.reduce((sum, value) => sum + value ** 2, 0) / data.length;
    assert(Math.abs(variance / (bound ** 2 / 3) - 1) < 0.05);
  }
});

Deno.test("A write to a parameter is seen by the next forward", async () => {
  const layer = scale(2, 1);
  const input = Tensor.from([[1, 10]]);
  const early = layer.weight.data;
  assertEquals([...layer.forwardSync(input).data], [3, 21]);
  layer.weight.data[0] = 3;
  assertEquals([...layer.forwardSync(input).data], [4, 31]);
  early.fill(4);
  assertEquals([...(await layer.forward(input)).data], [5, 41]);
  layer.bias?.data.set([-1]);
  assertEquals([...(await layer.forward(input)).data], [3, 39]);
  early[0] = 5;
  assertEquals([...layer.forwardSync(input).data], [4, 49]);
});

Deno.test("A write to one weight of many is seen by the next forward", async () => {
  for (const layer of [new Conv2d(20, 20, 3, { seed: 0 }), new ConvTranspose2d(20, 20, 3)]) {
    const input = Tensor.ones([1, 20, 3, 3]);
    const { data } = layer.weight;
    for (const index of [0, data.length >> 1, data.length - 1]) {
      const before = await layer.forward(input);
      data[index] = (data[index] ?? 0) + 64;
      const after = layer.forwardSync(input);
      const change = after.data.map((value, at) => value - (before.data[at] ?? 0));
      assertEquals(Math.round(Math.max(...change)), 64);
    }
  }
});

Deno.test("A value that is not a number but was written as one is seen by the next forward", () => {
  const layer = scale(1, 0);
  const input = Tensor.from([[1]]);
  layer.forwardSync(input);
  layer.weight.data[0] = -0;
  assert(Object.is(layer.forwardSync(Tensor.from([[-1]])).data[0], 0));
  layer.weight.data[0] = NaN;
  assertEquals([...layer.forwardSync(input).data], [NaN]);
  layer.weight.data[0] = 2;
  assertEquals([...layer.forwardSync(input).data], [2]);
});

Deno.test("A write after forward() has been called does not change its output", async () => {
  const layer = scale(2, 1);
  const input = Tensor.from([[1, 10]]);
  const first = layer.forward(input);
  layer.weight.data[0] = 100;
  input.data.fill(7);
  const second = layer.forward(input);
  assertEquals([...(await first).data], [3, 21]);
  assertEquals([...(await second).data], [701, 701]);
});

Deno.test("A write to a parameter is seen at every input shape", () => {
  const layer = scale(2, 0);
  const wide = Tensor.from([[1, 2, 3]]);
  const narrow = Tensor.from([[5]]);
  assertEquals([...layer.forwardSync(wide).data], [2, 4, 6]);
  assertEquals([...layer.forwardSync(narrow).data], [10]);
  layer.weight.data[0] = 3;
  assertEquals([...layer.forwardSync(wide).data], [3, 6, 9]);
  assertEquals([...layer.forwardSync(narrow).data], [15]);
});

Deno.test("freeze() keeps the output and says so", async () => {
  const layer = new Conv2d(3, 5, 3, { seed: 0 });
  const input = Tensor.randn([2, 3, 6, 6], { seed: 0 });
  const before = layer.forwardSync(input);
  assertEquals(layer.frozen, false);
  assertStrictEquals(layer.freeze(), layer);
  assertEquals(layer.frozen, true);
  assertEquals(layer.forwardSync(input).data, before.data);
  assertEquals((await layer.forward(input)).data, before.data);
});

Deno.test("loadStateDict() and a further freeze() are seen by a frozen layer", () => {
  const layer = scale(2, 0).freeze();
  const input = Tensor.from([[1]]);
  assertEquals([...layer.forwardSync(input).data], [2]);
  layer.loadStateDict(scale(3, 1).stateDict());
  assertEquals([...layer.forwardSync(input).data], [4]);
  assert(layer.frozen);
  layer.weight.data[0] = 5;
  assertEquals([...layer.freeze().forwardSync(input).data], [6]);
});

Deno.test("stateDict() copies the parameters", () => {
  const layer = new Conv2d(2, 3, 3, { seed: 0 });
  const state = layer.stateDict();
  assertEquals(state.weight.shape, [3, 2, 3, 3]);
  assertEquals(state.bias?.shape, [3]);
  assertEquals(state.weight.data, layer.weight.data);
  const kept = state.weight.data.slice();
  layer.weight.data.fill(0);
  assertEquals(state.weight.data, kept);
  assertEquals(Object.keys(new Conv2d(2, 3, 3, { bias: false }).stateDict()), ["weight"]);
});

Deno.test("loadStateDict() copies into the arrays that the parameters have", () => {
  const [a, b] = [new Conv2d(2, 3, 3, { seed: 0 }), new Conv2d(2, 3, 3, { seed: 1 })];
  const { data } = b.weight;
  const state = a.stateDict();
  b.loadStateDict(state);
  assertStrictEquals(b.weight.data, data);
  assertEquals(b.stateDict(), state);
  state.weight.data.fill(0);
  assertEquals(b.weight.data, a.weight.data);
  const input = Tensor.randn([2, 5, 5], { seed: 0 });
  assertEquals(b.forwardSync(input).data, a.forwardSync(input).data);
});

Deno.test("loadStateDict() changes nothing when anything is wrong", () => {
  const layer = new Conv2d(2, 3, 3, { seed: 0 });
  const before = layer.stateDict();
  const weight = Tensor.zeros([3, 2, 3, 3]);
  const bias = Tensor.zeros([3]);
  const cases: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [
      { weight },
      TypeError,
      'Conv2d: "bias" is missing from the state (this layer has "weight" and',
    ],
    [{ bias }, TypeError, 'Conv2d: "weight" is missing from the state'],
    [{ weight, bias, scale: bias }, TypeError, 'Conv2d: unknown parameter "scale" in the state'],
    [{ weight, bias: null }, TypeError, "Conv2d: bias must be a Tensor, but is null"],
    [{ weight, bias: [1, 2, 3] }, TypeError, "Conv2d: bias must be a Tensor, but is [1, 2, 3]"],
    [
      { weight, bias: Tensor.zeros([4]) },
      RangeError,
      "Conv2d: bias must have shape [3], but the state's has [4]",
    ],
    [{ weight: weight.reshape([3, 18]), bias }, RangeError, "weight must have shape [3, 2, 3, 3]"],
    [null, TypeError, 'Conv2d: the state must be an object with "weight" and "bias", but is null'],
  ];
  for (const [state, kind, message] of cases) {
    assertThrows(() => layer.loadStateDict(state as Record<string, Tensor>), kind, message);
    assertEquals(layer.stateDict(), before);
  }
  assertThrows(
    () => new Conv2d(2, 3, 3, { bias: false }).loadStateDict({ weight, bias }),
    TypeError,
    'Conv2d: unknown parameter "bias" in the state (this layer has "weight")',
  );
});

Deno.test("parameters() and zeroGrad() reach every parameter", () => {
  const layer = new Conv2d(2, 3, 3);
  assertEquals(layer.parameters(), [layer.weight, layer.bias]);
  assertEquals(new Conv2d(2, 3, 3, { bias: false }).parameters().length, 1);
  assertEquals(layer.weight.grad, null);
  layer.weight.grad = Tensor.zeros(layer.weight.shape);
  layer.zeroGrad();
  assertEquals(layer.weight.grad, null);
});

Deno.test("A tensor whose buffer was transferred is refused", async () => {
  const layer = scale(1, 0);
  const input = Tensor.zeros([1, 4]);
  structuredClone(input.data, { transfer: [input.data.buffer as ArrayBuffer] });
  assertThrows(
    () => layer.forwardSync(input),
    TypeError,
    "Conv1d: input of shape [1, 4] has lost its values",
  );
  const { data } = layer.weight;
  structuredClone(data, { transfer: [data.buffer as ArrayBuffer] });
  await assertRejects(
    () => layer.forward(Tensor.zeros([1, 4])),
    TypeError,
    "Conv1d: weight of shape [1, 1, 1] has lost its values",
  );
});

Deno.test("outputShape() sees that the array of a shape has changed", () => {
  const layer = new Conv2d(3, 8, 3);
  const shape = [1, 3, 8, 9];
  assertEquals(layer.outputShape(shape), [1, 8, 6, 7]);
  shape[3] = 20;
  assertEquals(layer.outputShape(shape), [1, 8, 6, 18]);
});

Deno.test("A layer takes inputs of changing shapes", () => {
  const layer = new Conv2d(1, 2, 3, { seed: 0 });
  for (const shape of [[1, 5, 5], [2, 1, 5, 6], [1, 1, 3, 3], [1, 5, 5]]) {
    const output = layer.forwardSync(Tensor.ones(shape));
    assertEquals(output.shape, layer.outputShape(shape));
  }
});

Deno.test("A write is seen where weights are prepared, whichever bit of whichever element it changes", () => {
  const x = Tensor.ones([1, 16, 16, 16]);
  const layers = [
    new Conv2d(16, 16, 3, { padding: 1, seed: 1 }),
    new ConvTranspose2d(16, 16, 3, { stride: 2, seed: 1 }),
  ];
  for (const layer of layers) {
    const { data } = layer.weight;
    for (const index of [0, 1, data.length >> 1, data.length - 1]) {
      layer.forwardSync(x);
      const before = data[index] ?? 0;
      for (const value of [before + 1, -before, NaN, 0, -0, before]) {
        data[index] = value;
        const fresh = layer.toString().startsWith("ConvTranspose")
          ? new ConvTranspose2d(16, 16, 3, { stride: 2 })
          : new Conv2d(16, 16, 3, { padding: 1 });
        fresh.loadStateDict(layer.stateDict());
        assertEquals(layer.forwardSync(x).data, fresh.forwardSync(x).data);
      }
    }
  }
});

Deno.test("Layer.toString() has every option that a layer was built with", () => {
  const layer = new Conv2d(4, 8, 3, {
    stride: 1,
    padding: [1, 2],
    dilation: [1, 2],
    groups: 2,
    bias: false,
    paddingMode: "reflect",
    activation: "leakyRelu",
    negativeSlope: 0.2,
    algorithm: "direct",
  });
  assertEquals(
    layer.toString(),
    "Conv2d(4, 8, kernelSize=[3, 3], stride=[1, 1], padding=[1, 2], dilation=[1, 2], groups=2, " +
      'bias=false, paddingMode="reflect", activation="leakyRelu", negativeSlope=0.2, algorithm="direct")',
  );
  assertEquals(layer.negativeSlope, 0.2);
});
