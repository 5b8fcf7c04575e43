import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import * as fc from "fast-check";
import {
  type Activation,
  Conv1d,
  Conv2d,
  ConvTranspose1d,
  ConvTranspose2d,
  Engine,
  type Layer,
  Tensor,
} from "../../mod.ts";
import { referenceGradients } from "../../src/convolution/formula.ts";
import type { LayerCase } from "../_arbitrary.ts";
import { geometryOf, layerCases, operandsOf, relativeError } from "../_arbitrary.ts";
import { draws } from "../_depth.ts";
import { prepare } from "./_layers.ts";

/** The largest difference from the formula, in proportion to the largest element. */
const MOST_ERROR = 1e-5;

function assertClose(actual: Tensor | null, expected: Float64Array, what: string): void {
  const error = relativeError(actual?.data ?? [], expected);
  // Where nothing is expected but rounding errors of nothing, there is no proportion.
  assert(error <= MOST_ERROR, `${what} is off by ${error}`);
}

/** A layer, and what its gradients are by the formula. */
function prepareGradients(layerCase: LayerCase) {
  const { layer, input, outputShape } = prepare(layerCase);
  const gradOutput = Tensor.randn(outputShape, { seed: layerCase.seed + 3 });
  const expected = referenceGradients(
    geometryOf(layerCase),
    operandsOf(layerCase),
    gradOutput.data,
  );
  return { layer, input, gradOutput, expected };
}

Deno.test("backward() and backwardSync() give the formula's gradients for any layer", async () => {
  await fc.assert(
    fc.asyncProperty(layerCases(), async (layerCase) => {
      const { layer, input, gradOutput, expected } = prepareGradients(layerCase);
      const message = JSON.stringify(layerCase);
      const gradient = await layer.backward(input, gradOutput);
      assertClose(gradient, expected.input, `${message}: the input's gradient`);
      assertEquals(gradient?.shape, input.shape);
      const { weight, bias } = layer;
      assertClose(weight.grad, expected.weight, `${message}: the weight's gradient`);
      assertEquals(weight.grad?.shape, weight.shape);
      if (bias !== null) assertClose(bias.grad, expected.bias, `${message}: the bias's gradient`);
      const again = [gradient, weight.grad, bias?.grad].map((tensor) => tensor?.data.slice());
      layer.zeroGrad();
      const sync = layer.backwardSync(input, gradOutput);
      assertEquals([sync, weight.grad, bias?.grad].map((tensor) => tensor?.data), again);
    }),
    { seed: 71, numRuns: draws(300) },
  );
});

/** A small layer with an activation, and its sums before it. */
function activated(activation: Activation, negativeSlope?: number) {
  const slope = negativeSlope === undefined ? {} : { negativeSlope };
  const options = { padding: 1, seed: 5 };
  const layer = new Conv2d(3, 4, 3, { ...options, activation, ...slope });
  const plain = new Conv2d(3, 4, 3, options);
  const input = Tensor.randn([2, 3, 6, 7], { seed: 1 });
  // So large that relu6 meets its upper end, too.
  input.data.forEach((value, i) => input.data[i] = 8 * value);
  return { layer, plain, input, sums: plain.forwardSync(input) };
}

const SLOPES: readonly (readonly [Activation, number | undefined, (sum: number) => number])[] = [
  ["relu", undefined, (sum) => sum > 0 ? 1 : 0],
  ["relu6", undefined, (sum) => sum > 0 && sum < 6 ? 1 : 0],
  ["leakyRelu", undefined, (sum) => sum > 0 ? 1 : 0.01],
  ["leakyRelu", 0, (sum) => sum > 0 ? 1 : 0],
  ["leakyRelu", 3, (sum) => sum > 0 ? 1 : 3],
  // Of its output nobody can tell where the sums were negative.
  ["leakyRelu", -0.5, (sum) => sum > 0 ? 1 : -0.5],
];

for (const [activation, negativeSlope, slope] of SLOPES) {
  const name = negativeSlope === undefined ? activation : `${activation} of slope ${negativeSlope}`;
  Deno.test(`backward() goes through ${name}, whether it is given the output or not`, async () => {
    const { layer, plain, input, sums } = activated(activation, negativeSlope);
    const gradOutput = Tensor.randn(sums.shape, { seed: 2 });
    const before = new Tensor(
      gradOutput.data.map((value, i) => value * slope(sums.data[i] ?? 0)),
      sums.shape,
    );
    const expected = plain.backwardSync(input, before);
    const output = layer.forwardSync(input);
    for (const options of [{}, { output }]) {
      for (const run of [layer.backward(input, gradOutput, options), null]) {
        const gradient = run === null ? layer.backwardSync(input, gradOutput, options) : await run;
        assertEquals(gradient?.data, expected?.data);
        assertEquals(layer.weight.grad?.data, plain.weight.grad?.data);
        assertEquals(layer.bias?.grad?.data, plain.bias?.grad?.data);
        layer.zeroGrad();
      }
    }
  });
}

Deno.test("backward() adds to the gradients of the parameters, and only what is asked for is computed", async () => {
  const layer = new Conv1d(2, 3, 3, { seed: 1 });
  const input = Tensor.randn([4, 2, 9], { seed: 2 });
  const gradOutput = Tensor.ones([4, 3, 7]);
  assertStrictEquals(await layer.backward(input, gradOutput, { input: false }), null);
  const once = layer.weight.grad?.data.slice() ?? new Float32Array();
  assertEquals(layer.bias?.grad?.data, Float32Array.of(28, 28, 28));
  assertNotStrictEquals(layer.backwardSync(input, gradOutput, { parameters: false }), null);
  assertEquals(layer.weight.grad?.data, once);
  const { grad } = layer.weight;
  layer.backwardSync(input, gradOutput);
  assertStrictEquals(layer.weight.grad, grad);
  assertEquals(grad?.data, once.map((value) => 2 * value));
  layer.zeroGrad();
  assertStrictEquals(layer.weight.grad, null);
  assertStrictEquals(
    layer.backwardSync(input, gradOutput, { input: false, parameters: false }),
    null,
  );
  assertStrictEquals(layer.weight.grad, null);
});

Deno.test("backward() has read everything when it returns its promise", async () => {
  for (const activation of [undefined, "relu"] as const) {
    const layer = new Conv1d(
      2,
      3,
      3,
      activation === undefined ? { seed: 1 } : { seed: 1, activation },
    );
    const input = Tensor.randn([1, 2, 9], { seed: 2 });
    const gradOutput = Tensor.randn([1, 3, 7], { seed: 3 });
    const expected = layer.backwardSync(input, gradOutput);
    const { weight } = layer;
    const [gradient, weights] = [weight.grad, weight.data.slice()];
    for (let call = 0; call < 3; call++) {
      layer.zeroGrad();
      const [first, second] = [input.data.slice(), gradOutput.data.slice()];
      const pending = layer.backward(input, gradOutput);
      for (const array of [input.data, gradOutput.data, weight.data]) array.fill(NaN);
      assertEquals((await pending)?.data, expected?.data);
      assertEquals(weight.grad?.data, gradient?.data);
      input.data.set(first);
      gradOutput.data.set(second);
      weight.data.set(weights);
    }
  }
});

Deno.test("backward() has read the output, too, when it returns its promise", async () => {
  const layer = new Conv1d(2, 3, 3, { seed: 1, activation: "relu" });
  const input = Tensor.randn([1, 2, 9], { seed: 2 });
  const gradOutput = Tensor.randn([1, 3, 7], { seed: 3 });
  const output = layer.forwardSync(input);
  const expected = layer.backwardSync(input, gradOutput, { output });
  const { weight, bias } = layer;
  const gradients = [weight.grad?.data, bias?.grad?.data];
  layer.zeroGrad();
  const pending = layer.backward(input, gradOutput, { output });
  for (const array of [input.data, gradOutput.data, output.data, weight.data]) array.fill(NaN);
  assertEquals((await pending)?.data, expected?.data);
  assertEquals([weight.grad?.data, bias?.grad?.data], gradients);
});

Deno.test("backward() refuses what does not fit, and changes nothing then", async () => {
  const layer = new Conv1d(2, 3, 3);
  const x = Tensor.ones([1, 2, 9]);
  const g = Tensor.ones([1, 3, 7]);
  const cases: readonly [() => Tensor | null, string][] = [
    [() => layer.backwardSync(x, Tensor.ones([1, 3, 8])), "gradOutput must have shape [1, 3, 7]"],
    [() => layer.backwardSync(x, Tensor.ones([3, 7])), "gradOutput must have shape [1, 3, 7]"],
    [() => layer.backwardSync(Tensor.ones([1, 3, 9]), g), "input has 3 channels"],
    [() => layer.backwardSync(x, g, { output: Tensor.ones([1, 3, 8]) }), "output must have shape"],
    [
      () => new ConvTranspose1d(2, 3, 3, { stride: 2 }).backwardSync(x, Tensor.ones([1, 3, 30])),
      "outputSize",
    ],
  ];
  for (const [call, message] of cases) assertThrows(call, RangeError, message);
  const wrong = { input: true, inputs: true };
  assertThrows(() => layer.backwardSync(x, g, wrong), TypeError, 'unknown option "inputs"');
  await assertRejects(() => layer.backward(x, Tensor.ones([1, 1, 1])), RangeError, "gradOutput");
  assertStrictEquals(layer.weight.grad, null);
  layer.weight.grad = Tensor.ones([1]);
  assertThrows(() => layer.backwardSync(x, g), RangeError, "the gradient of a parameter");
  assertEquals(layer.bias?.grad, null);
});

Deno.test("An empty batch has an empty gradient, and adds zeros", async () => {
  const layer = new Conv2d(2, 3, 3);
  const gradient = await layer.backward(Tensor.ones([0, 2, 9, 9]), Tensor.ones([0, 3, 7, 7]));
  assertEquals(gradient?.shape, [0, 2, 9, 9]);
  assertEquals(layer.weight.grad, Tensor.zeros(layer.weight.shape));
  assertEquals(layer.bias?.grad, Tensor.zeros([3]));
});

Deno.test("Gradients have the same bits for any number of threads, and come out of little memory", async () => {
  const gradients: unknown[] = [];
  for (const threads of [1, 2, 3, 8]) {
    using engine = new Engine({ threads, memory: 2 ** 20 });
    const layer = new Conv2d(6, 8, 3, { padding: 1, groups: 2, seed: 1, engine });
    const input = Tensor.randn([2, 6, 60, 50], { seed: 2 });
    const gradOutput = Tensor.randn([2, 8, 60, 50], { seed: 3 });
    const gradient = await layer.backward(input, gradOutput);
    gradients.push([gradient, layer.weight.grad, layer.bias?.grad].map((each) => each?.data));
  }
  for (const each of gradients) assertEquals(each, gradients[0]);
});

Deno.test("Gradients in front of activations have the same bits, too, and come out of little memory", async () => {
  const gradients: unknown[] = [];
  for (const threads of [1, 2, 3, 8]) {
    using engine = new Engine({ threads, memory: 2 ** 20 });
    const options = { padding: 1, activation: "leakyRelu", seed: 1, engine } as const;
    const layer = new Conv2d(6, 8, 3, options);
    const input = Tensor.randn([2, 6, 60, 50], { seed: 2 });
    const gradOutput = Tensor.randn([2, 8, 60, 50], { seed: 3 });
    const output = await layer.forward(input);
    for (const given of [{}, { output }]) {
      layer.zeroGrad();
      const gradient = await layer.backward(input, gradOutput, given);
      gradients.push([gradient, layer.weight.grad, layer.bias?.grad].map((each) => each?.data));
    }
  }
  for (const each of gradients) assertEquals(each, gradients[0]);
});

Deno.test("Inner products tell that gradients are adjoints: of the input, and of the weights", () => {
  const inner = (a: Tensor | null | undefined, b: Tensor) =>
    b.data.reduce((sum, value, i) => sum + value * (a?.data[i] ?? NaN), 0);
  const layer = new Conv2d(16, 24, 3, { stride: 2, padding: 1, bias: false, seed: 1 });
  const input = Tensor.randn([2, 16, 41, 37], { seed: 2 });
  const output = layer.forwardSync(input);
  const gradOutput = Tensor.randn(output.shape, { seed: 3 });
  const gradient = layer.backwardSync(input, gradOutput);
  const weight = new Tensor(layer.weight.data, layer.weight.shape);
  const expected = inner(output, gradOutput);
  for (const product of [inner(gradient, input), inner(layer.weight.grad, weight)]) {
    assert(Math.abs(product - expected) < 1e-4 * Math.abs(expected), `${product}, not ${expected}`);
  }
});

/** Layers whose gradients do not fit into a small memory at once, and the shapes of their inputs. */
const LARGE: readonly (readonly [(engine: Engine) => Layer, readonly number[]])[] = [
  [
    (engine) => new Conv2d(4, 6, 3, { padding: 2, stride: 2, seed: 1, engine }),
    [2, 4, 150, 130],
  ],
  [
    (engine) => new Conv1d(2, 4, 5, { padding: 2, paddingMode: "reflect", seed: 1, engine }),
    [3, 2, 40_000],
  ],
  [
    (engine) => new ConvTranspose2d(4, 6, 4, { padding: 1, stride: 2, seed: 1, engine }),
    [1, 4, 90, 80],
  ],
];

Deno.test("Weight gradients are summed up in parts where memory is short", () => {
  using small = new Engine({ memory: 2 ** 20 });
  using large = new Engine();
  for (const [build, shape] of LARGE) {
    const [expected, actual] = [large, small].map((engine) => {
      const layer = build(engine);
      const input = Tensor.randn(shape, { seed: 2 });
      const gradOutput = Tensor.randn(layer.outputShape(shape), { seed: 3 });
      layer.backwardSync(input, gradOutput, { input: false });
      return layer.weight.grad;
    });
    assertClose(actual ?? null, Float64Array.from(expected?.data ?? []), `${shape}, in parts,`);
  }
});

Deno.test("Gradients of padded inputs are added up in runs of planes where memory is short, or where no plane fits", async () => {
  using small = new Engine({ memory: 2 ** 20 });
  using large = new Engine();
  for (const shape of [[3, 2, 40_000], [1, 1, 150_000]]) {
    const [expected, sync, async] = await Promise.all([large, small, small].map((engine, i) => {
      const [, channels = 1] = shape;
      const options = { padding: 2, paddingMode: "reflect", seed: 1, engine } as const;
      const layer = new Conv1d(channels, 4, 5, options);
      const gradOutput = Tensor.randn(layer.outputShape(shape), { seed: 3 });
      const input = Tensor.zeros(shape);
      return i === 2
        ? layer.backward(input, gradOutput, { parameters: false })
        : layer.backwardSync(input, gradOutput, { parameters: false });
    }));
    const values = Float64Array.from(expected?.data ?? []);
    assertClose(sync ?? null, values, `${shape}, in parts,`);
    assertEquals(async?.data, sync?.data);
  }
});

Deno.test("backward() refuses an output that does not tell where its sums were negative", () => {
  const { layer, input, sums } = activated("leakyRelu", -0.5);
  const add = Tensor.randn(sums.shape, { seed: 9 });
  const output = layer.forwardSync(input, { add });
  assertThrows(
    () => layer.backwardSync(input, sums, { output }),
    RangeError,
    "output is not what the layer makes of the input",
  );
  assertStrictEquals(layer.weight.grad, null);
});
