import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { conv, convSync, convTranspose, convTransposeSync } from "../../src/layers/functional.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

Deno.test("conv() takes its rank from the weight", async () => {
  for (const rank of [1, 2, 3]) {
    const spatial: number[] = new Array(rank).fill(5);
    const kernel: number[] = new Array(rank).fill(2);
    const weight = Tensor.ones([3, 2, ...kernel]);
    const output = await conv(Tensor.ones([2, ...spatial]), weight);
    assertEquals(output.shape, [3, ...spatial.map(() => 4)]);
    assertEquals([...output.data], new Array(output.size).fill(2 * 2 ** rank));
    const up = await convTranspose(Tensor.ones([1, 3, ...spatial]), weight, null, { stride: 2 });
    assertEquals(up.shape, [1, 2, ...spatial.map(() => 10)]);
    assertEquals([...up.data], new Array(up.size).fill(3));
  }
});

Deno.test("conv() adds the bias", () => {
  const weight = Tensor.ones([2, 1, 1]);
  const output = convSync(Tensor.from([[1, 2]]), weight, Tensor.from([10, 20]));
  assertEquals([...output.data], [11, 12, 21, 22]);
});

Deno.test("conv() reads the arrays before it returns its promise", async () => {
  const [input, weight] = [Tensor.from([[1, 2]]), Tensor.ones([1, 1, 1])];
  const promise = conv(input, weight);
  input.data.fill(0);
  weight.data.fill(0);
  assertEquals([...(await promise).data], [1, 2]);
});

Deno.test("convTranspose() takes an outputSize", async () => {
  const [input, weight] = [Tensor.ones([1, 1, 3, 3]), Tensor.ones([1, 1, 3, 3])];
  const options = { stride: 2, padding: 1 };
  for (const outputSize of [6, [6, 5], [1, 1, 5, 6]]) {
    const output = await convTranspose(input, weight, null, { ...options, outputSize });
    const expected = typeof outputSize === "number" ? [6, 6] : outputSize.slice(-2);
    assertEquals(output.shape, [1, 1, ...expected]);
  }
  assertThrows(
    () => convTransposeSync(input, weight, null, { ...options, outputSize: 7 }),
    RangeError,
    "convTranspose: outputSize must be from 5 to 6 on spatial axis 0, but is 7",
  );
});

Deno.test("conv() and convTranspose() say what is wrong", async () => {
  const input = Tensor.zeros([1, 4, 8, 8]);
  const weight = Tensor.zeros([6, 4, 3, 3]);
  const bias = Tensor.zeros([6]);
  const cases: [unknown[], typeof TypeError | typeof RangeError, string][] = [
    [[null, weight], TypeError, "conv: input must be a Tensor, but is null"],
    [[input, [1]], TypeError, "conv: weight must be a Tensor, but is [1]"],
    [[input, weight, [1]], TypeError, "conv: bias must be a Tensor, but is [1]"],
    [[input, weight, Tensor.zeros([4])], RangeError, "conv: bias must have shape [6], but has [4]"],
    [
      [input, Tensor.zeros([6, 3, 3, 3])],
      RangeError,
      "conv: input has 4 channels (shape [1, 4, 8, 8]), but weight of shape [6, 3, 3, 3] with " +
      "groups 1 takes 3",
    ],
    [[input, Tensor.zeros([6, 4])], RangeError, "conv: weight must have 1 to 3 kernel axes"],
    [[input, Tensor.zeros([6, 4, 3])], RangeError, "conv: input must be a batch (N, C, W)"],
    [[input, Tensor.zeros([6, 4, 0, 3])], RangeError, "conv: kernelSize[0] must be an integer"],
    [[input, weight, bias, { bias: true }], TypeError, 'conv: unknown option "bias"'],
    [[input, weight, bias, { outputSize: 3 }], TypeError, 'conv: unknown option "outputSize"'],
    [[input, weight, bias, { groups: "2" }], TypeError, "conv: groups must be a number"],
    [[input, weight, bias, { groups: 4 }], RangeError, "conv: outChannels must be divisible by"],
    [[input, weight, bias, { algorithm: "fft" }], RangeError, "conv: algorithm must be one of"],
    [[input, weight, bias, { engine: 1 }], TypeError, "conv: engine must be an Engine"],
    [[input, weight, bias, null], TypeError, "conv: options must be an object, but are null"],
  ];
  for (const [parameters, kind, message] of cases) {
    const call = parameters as Parameters<typeof conv>;
    assertThrows(() => convSync(...call), kind, message);
    await assertRejects(() => conv(...call), kind, message);
  }
  await assertRejects(
    () => convTranspose(input, weight),
    RangeError,
    "convTranspose: input has 4 channels (shape [1, 4, 8, 8]), but weight of shape [6, 4, 3, 3] " +
      "with groups 1 takes 6",
  );
  assertThrows(
    () => convTransposeSync(input, weight, null, { paddingMode: "zeros" } as never),
    TypeError,
    'convTranspose: unknown option "paddingMode"',
  );
});
