import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Engine } from "../../src/engine/engine.ts";
import type { BackwardOptions } from "../../src/layers/backward.ts";
import { Conv1d, Conv2d } from "../../src/layers/conv.ts";
import { ConvTranspose2d } from "../../src/layers/conv_transpose.ts";
import type { Layer } from "../../src/layers/layer.ts";
import type { ConvOptions } from "../../src/layers/options.ts";
import { type AnyTensor, Tensor } from "../../src/tensor/tensor.ts";
import {
  crossEntropy,
  meanSquaredError,
  Tape,
  type TapeForwardOptions,
  type TapeLayer,
} from "../../src/train/mod.ts";
import { relativeError } from "../_arbitrary.ts";
import { TORCH } from "./_torch_reference.ts";

const MOST_ERROR = 1e-5;

function assertClose(
  actual: AnyTensor | null | undefined,
  expected: readonly number[],
  what: string,
) {
  const error = relativeError(actual?.data ?? [], expected);
  assert(error <= MOST_ERROR, `${what} is off by ${error}`);
}

/** The gradient of a tensor that must have one. */
function gradientOf(tape: Tape, tensor: AnyTensor): number[] {
  const gradient = tape.gradient(tensor);
  assertEquals(gradient?.shape, tensor.shape);
  return [...gradient?.data ?? []];
}

/** The layers of the network that the script computes, with its weights. */
function networkLayers(engine?: Engine) {
  const common = engine === undefined ? {} : { engine };
  const layers = {
    first: new Conv2d(3, 4, 3, { padding: 1, activation: "relu", ...common }),
    residual: new Conv2d(4, 4, 3, {
      padding: 1,
      activation: "leakyRelu",
      negativeSlope: 0.2,
      ...common,
    }),
    up: new ConvTranspose2d(4, 4, 3, { stride: 2, padding: 1, ...common }),
    down: new Conv2d(4, 4, 3, { stride: 2, padding: 1, activation: "relu6", ...common }),
    head: new Conv2d(4, 2, 1, common),
  };
  for (const [name, layer] of Object.entries<Layer>(layers)) {
    // The script multiplies by 3 in front of its ReLU6, so that some values reach 6.
    const scale = name === "down" ? 3 : 1;
    const valuesOf = (parameter: string) =>
      (TORCH.network.tensors[`${name}.${parameter}`]?.values ?? []).map((value) => scale * value);
    layer.weight.data.set(valuesOf("weight"));
    layer.bias?.data.set(valuesOf("bias"));
  }
  return layers;
}

function torchTensor(name: string): Tensor {
  const { values = [], shape = [] } = TORCH.network.tensors[name] ?? {};
  return new Tensor(values, shape);
}

/** The losses of the network's two outputs. */
function networkLosses(logits: Tensor, again: Tensor) {
  const { labels, target } = TORCH.network;
  return [
    crossEntropy(logits, labels),
    meanSquaredError(again, new Tensor(target, again.shape), { reduction: "sum" }),
  ] as const;
}

interface Trained {
  readonly loss: number;
  /** By the names of the script. */
  readonly gradients: Readonly<Record<string, Tensor | null | undefined>>;
}

function trained(
  tape: Tape,
  layers: ReturnType<typeof networkLayers>,
  watched: Readonly<Record<string, Tensor>>,
  loss: number,
): Trained {
  const gradients: Record<string, Tensor | null | undefined> = {};
  for (const [name, tensor] of Object.entries(watched)) gradients[name] = tape.gradient(tensor);
  for (const [name, layer] of Object.entries<Layer>(layers)) {
    gradients[`${name}.weight`] = layer.weight.grad;
    gradients[`${name}.bias`] = layer.bias?.grad;
  }
  return { loss, gradients };
}

async function trainNetwork(engine?: Engine): Promise<Trained> {
  const layers = networkLayers(engine);
  using tape = new Tape();
  const input = tape.watch(torchTensor("input"));
  const a = await tape.forward(layers.first, input);
  const shortcut = tape.watch(await tape.forward(layers.residual, a, { add: a }));
  const up = await tape.forward(layers.up, shortcut, { outputSize: [12, 12] });
  const total = tape.add(await tape.forward(layers.down, up), shortcut);
  const [logits, again] = await Promise.all([
    tape.forward(layers.head, total),
    tape.forward(layers.residual, total, { add: total }),
  ]);
  const [first, second] = networkLosses(logits, again);
  await tape.backward([logits, again], [first.gradient, second.gradient]);
  return trained(tape, layers, { input, shortcut }, first.loss + second.loss);
}

function trainNetworkSync(): Trained {
  const layers = networkLayers();
  using tape = new Tape();
  const input = tape.watch(torchTensor("input"));
  const a = tape.forwardSync(layers.first, input);
  const shortcut = tape.watch(tape.forwardSync(layers.residual, a, { add: a }));
  const up = tape.forwardSync(layers.up, shortcut, { outputSize: [12, 12] });
  const total = tape.add(tape.forwardSync(layers.down, up), shortcut);
  const logits = tape.forwardSync(layers.head, total);
  const again = tape.forwardSync(layers.residual, total, { add: total });
  const [first, second] = networkLosses(logits, again);
  tape.backwardSync([logits, again], [first.gradient, second.gradient]);
  return trained(tape, layers, { input, shortcut }, first.loss + second.loss);
}

Deno.test("Tape.backward() of a residual network gives PyTorch's gradients", async () => {
  const { tensors, loss } = TORCH.network;
  const found = await trainNetwork();
  assert(relativeError([found.loss], [loss]) <= 1e-6);
  assertEquals(Object.keys(found.gradients).length, 12);
  for (const [name, gradient] of Object.entries(found.gradients)) {
    const scale = name.startsWith("down.") ? 1 / 3 : 1;
    const expected = tensors[name]?.gradient.map((value) => scale * value) ?? [];
    assertEquals(gradient?.shape, tensors[name]?.shape);
    assertClose(gradient, expected, name);
  }
});

Deno.test("Tape.backwardSync() gives the bits of Tape.backward(), whatever the threads", async () => {
  const expected = trainNetworkSync();
  for (const threads of [1, 2, 3]) {
    using engine = new Engine({ threads });
    assertEquals(await trainNetwork(engine), expected);
  }
});

/** A layer that says what it is asked for, and can be made to wait. */
class Spy implements TapeLayer {
  readonly asked: BackwardOptions[] = [];
  readonly #layer: Layer;
  readonly #ready: Promise<void>;

  constructor(layer: Layer, ready: Promise<void> = Promise.resolve()) {
    this.#layer = layer;
    this.#ready = ready;
  }

  get activation(): Layer["activation"] {
    return this.#layer.activation;
  }

  get negativeSlope(): number {
    return this.#layer.negativeSlope;
  }

  get frozen(): boolean {
    return this.#layer.frozen;
  }

  async forward(input: AnyTensor, options?: TapeForwardOptions): Promise<Tensor> {
    await this.#ready;
    return this.forwardSync(input, options);
  }

  forwardSync(input: AnyTensor, options?: TapeForwardOptions): Tensor {
    return this.#layer.forwardSync(input, options);
  }

  backward(input: AnyTensor, gradient: AnyTensor, options: BackwardOptions = {}) {
    this.asked.push(options);
    return this.#layer.backward(input, gradient, options);
  }

  backwardSync(input: AnyTensor, gradient: AnyTensor, options: BackwardOptions = {}) {
    this.asked.push(options);
    return this.#layer.backwardSync(input, gradient, options);
  }
}

/** A layer of one channel that multiplies by one number. */
function scaling(factor: number, options: ConvOptions = {}): Conv1d {
  const layer = new Conv1d(1, 1, 1, { bias: false, ...options });
  layer.weight.data[0] = factor;
  return layer;
}

Deno.test("Tape asks layers only for what is needed", async () => {
  const [first, second] = [new Spy(scaling(2)), new Spy(scaling(3, { activation: "relu" }))];
  const x = Tensor.from([[1, 2]]);
  for (const watched of [false, true]) {
    const tape = new Tape();
    if (watched) tape.watch(x);
    const middle = await tape.forward(first, x);
    const output = await tape.forward(second, middle);
    await tape.backward(output, Tensor.ones([1, 2]));
    assertEquals(second.asked.pop(), { input: true, parameters: true, output });
    assertEquals(first.asked.pop(), { input: watched, parameters: true });
    if (watched) assertEquals(gradientOf(tape, x), [6, 6]);
  }
});

Deno.test("Tape gives the parameters of frozen layers no gradient", () => {
  const layers = [scaling(2).freeze(), scaling(3), scaling(4).freeze()];
  const spies = layers.map((layer) => new Spy(layer));
  const tape = new Tape();
  let x = Tensor.from([[1, 2]]);
  for (const spy of spies) x = tape.forwardSync(spy, x);
  tape.backwardSync(x, Tensor.ones([1, 2]));
  assertEquals(spies.map(({ asked }) => asked), [
    [],
    [{ input: false, parameters: true }],
    [{ input: true, parameters: false }],
  ]);
  assertEquals(layers.map(({ weight }) => weight.grad?.data[0]), [
    undefined,
    4 * (2 + 4),
    undefined,
  ]);
});

Deno.test("Tape adds up in the order of the calls, however long they take", async () => {
  const factors = [1e8, 1, -1e8, 3];
  const gradients = [];
  for (const order of [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]]) {
    const gates = factors.map(() => Promise.withResolvers<void>());
    const tape = new Tape();
    const x = tape.watch(Tensor.from([[1]]));
    const outputs = factors.map((factor, index) =>
      tape.forward(new Spy(scaling(factor), gates[index]?.promise), x)
    );
    for (const index of order) {
      gates[index]?.resolve();
      await outputs[index];
    }
    await tape.backward(await Promise.all(outputs), factors.map(() => Tensor.ones([1, 1])));
    gradients.push(gradientOf(tape, x));
  }
  assertEquals(gradients[1], gradients[0]);
  assertEquals(gradients[2], gradients[0]);
});

Deno.test("Tape knows a tensor that was reshaped", async () => {
  const tape = new Tape();
  const x = tape.watch(Tensor.from([1, 2, 3]));
  const y = await tape.forward(scaling(2), x.reshape([1, 3]));
  const flat = y.reshape([3]);
  await tape.backward(tape.add(flat, flat), Tensor.from([1, 10, 100]));
  assertEquals(gradientOf(tape, x), [4, 40, 400]);
  assertEquals(gradientOf(tape, x.reshape([3, 1])), [4, 40, 400]);
});

Deno.test("Tape.backward() may begin at several outputs, and adds again when run again", async () => {
  const x = Tensor.from([[1, 2]]);
  const tape = new Tape();
  tape.watch(x);
  const layer = scaling(3);
  const middle = await tape.forward(layer, x);
  const [a, b] = [await tape.forward(scaling(5), middle), tape.add(middle, x)];
  const [first, second] = [Tensor.from([[1, 0]]), Tensor.from([[1, 10]])];
  await tape.backward([a, b], [first, second]);
  assertEquals(gradientOf(tape, x), [15 + 3 + 1, 40]);
  assertEquals(layer.weight.grad?.data[0], 6 + 20);
  await tape.backward(a, first);
  tape.backwardSync(b, second);
  assertEquals(gradientOf(tape, x), [38, 80]);
  assertEquals(layer.weight.grad?.data[0], 52);
  await tape.backward([a, a], [first, first]);
  assertEquals(gradientOf(tape, x), [38 + 30, 80]);
});

Deno.test("Tape.backward() changes no gradient that it was given", () => {
  const tape = new Tape();
  const [a, b] = [tape.watch(Tensor.from([1])), tape.watch(Tensor.from([2]))];
  const seed = Tensor.from([1]);
  const sum = tape.add(a, b);
  tape.backwardSync(sum, seed);
  tape.gradient(a)?.data.fill(7);
  tape.backwardSync(sum, seed);
  assertEquals(seed.data[0], 1);
  assertEquals(gradientOf(tape, b), [2]);
});

Deno.test("Tape.backward() may begin at a watched tensor", async () => {
  const tape = new Tape();
  const x = tape.watch(Tensor.from([1, 2]));
  await tape.backward(x, Tensor.from([3, 4]));
  assertEquals(gradientOf(tape, x), [3, 4]);
});

Deno.test("Tape.backward() of a single number needs no gradient", () => {
  const tape = new Tape();
  const x = tape.watch(Tensor.from([1, 2, 3]));
  const total = tape.record(
    [x],
    Tensor.from(6),
    (gradient) => [Tensor.full([3], gradient.data[0] ?? 0)],
  );
  tape.backwardSync(total);
  assertEquals(gradientOf(tape, x), [1, 1, 1]);
});

Deno.test("Tape.record() says which gradients are needed, and takes null for zero", async () => {
  const tape = new Tape();
  const [a, b, c] = [Tensor.from([1]), tape.watch(Tensor.from([2])), tape.watch(Tensor.from([3]))];
  const asked: (readonly boolean[])[] = [];
  const output = tape.record([a, b, c], Tensor.from([4]), async (gradient, needed) => {
    asked.push(needed);
    await Promise.resolve();
    return [gradient, null, gradient];
  });
  await tape.backward(output, Tensor.from([5]));
  assertEquals(asked, [[false, true, true]]);
  assertEquals(tape.gradient(b), null);
  assertEquals(gradientOf(tape, c), [5]);
  assertThrows(
    () => tape.gradient(a),
    RangeError,
    "of shape [1] was not watched: call Tape.watch()",
  );
});

Deno.test("Tape.record() runs an operation that only has parameters of its own", () => {
  const tape = new Tape();
  let found: number[] = [];
  const output = tape.record([Tensor.from([1, 2])], Tensor.from([3, 4]), ({ data }) => {
    found = [...data];
    return [null];
  });
  tape.backwardSync(output, Tensor.from([5, 6]));
  assertEquals(found, [5, 6]);
});

Deno.test("Tape refuses operations that it cannot run back through", async () => {
  const tape = new Tape();
  const x = tape.watch(Tensor.from([1, 2]));
  const none = () => [null];
  assertThrows(
    () => tape.record([x], x, none),
    RangeError,
    "output shares its values with an input",
  );
  assertThrows(() => tape.record([x], x.reshape([2, 1]), none), RangeError, "need not be recorded");
  const output = tape.record([x], Tensor.from([3, 4]), none);
  assertThrows(() => tape.record([x], output, none), RangeError, "output has been recorded before");
  assertThrows(
    () => tape.record(JSON.parse("1"), output, none),
    TypeError,
    "inputs must be an array",
  );
  const y = Tensor.from([1]);
  assertThrows(
    () => tape.record([x], y, JSON.parse("1")),
    TypeError,
    "backward must be a function",
  );
  assertThrows(() => tape.add(x, y), RangeError, "Tape.add(): b must have shape [2], but has [1]");
  assertThrows(
    () => tape.watch(JSON.parse("1")),
    TypeError,
    "Tape.watch(): tensor must be a Tensor",
  );
  const out = { add: Tensor.zeros([1, 2]), out: Tensor.zeros([1, 2]) };
  const input = Tensor.zeros([1, 2]);
  assertThrows(() => tape.forwardSync(JSON.parse("{}"), input), TypeError, "layer must be a layer");
  assertThrows(() => tape.forwardSync(scaling(1), input, out), TypeError, "out cannot be given");
  await assertRejects(() => tape.forward(scaling(1), input, out), TypeError, "out cannot be given");
  await assertRejects(
    () => tape.forward(scaling(1), input, { outputSize: 2 }),
    TypeError,
    'unknown option "outputSize"',
  );
});

Deno.test("Tape.backward() checks where it begins before anything changes", async () => {
  const layer = scaling(2);
  const tape = new Tape();
  const x = tape.watch(Tensor.from([[1, 2]]));
  const y = await tape.forward(layer, x);
  const gradient = Tensor.ones([1, 2]);
  const wrong: readonly [() => Promise<void>, string][] = [
    [() => tape.backward(y), "an output of shape [1, 2] needs a gradient"],
    [() => tape.backward(y, Tensor.ones([2])), "gradient must have shape [1, 2], but has [2]"],
    [() => tape.backward([y, Tensor.ones([1, 2])], [gradient, gradient]), "was not recorded"],
    [() => tape.backward([y, x], [gradient]), "there are 2 outputs and 1 gradients"],
    [() => tape.backward(y, JSON.parse("[1]")), "gradient must be a Tensor, but is 1"],
    [() => tape.backward(JSON.parse("1"), gradient), "output must be a Tensor, but is 1"],
  ];
  for (const [call, message] of wrong) {
    await assertRejects(call, Error, message);
    assertEquals(tape.gradient(x), null);
    assertEquals(layer.weight.grad, null);
  }
});

Deno.test("Tape.backward() says what is wrong with what an operation returns", () => {
  const wrong: readonly [string, string][] = [
    ["{}", "must return an array with a Tensor or null for every input, but returned an object"],
    ["[]", "must return 1 gradients, one for every input, but returned 0"],
    ["[1]", "the gradient of input 0 must be a Tensor, but is 1"],
  ];
  for (const [returned, message] of wrong) {
    const tape = new Tape();
    const x = tape.watch(Tensor.from([1]));
    const y = tape.record([x], Tensor.from([1]), () => JSON.parse(returned));
    assertThrows(() => tape.backwardSync(y), Error, `Tape.record(), backward pass: ${message}`);
  }
  const tape = new Tape();
  const x = tape.watch(Tensor.from([1]));
  const large = tape.record([x], Tensor.from([1]), () => [Tensor.zeros([2])]);
  assertThrows(() => tape.backwardSync(large), RangeError, "must have shape [1], but has [2]");
  const late = tape.record([x], Tensor.from([1]), () => Promise.resolve([null]));
  assertThrows(
    () => tape.backwardSync(late),
    TypeError,
    "returned a promise: call Tape.backward()",
  );
});

Deno.test("Tape.forward() refuses a residual whose gradient the output does not tell", async () => {
  const layer = scaling(1, { activation: "leakyRelu", negativeSlope: -0.5 });
  const tape = new Tape();
  const x = tape.watch(Tensor.from([[-1, 2]]));
  await assertRejects(
    () => tape.forward(layer, x, { add: x }),
    RangeError,
    "with a negativeSlope below 0 (it is -0.5)",
  );
  const y = await tape.forward(layer, x);
  await tape.backward(y, Tensor.from([[1, 1]]));
  assertEquals(gradientOf(tape, x), [-0.5, 1]);
});

Deno.test("Tape does not record a call that fails", async () => {
  const tape = new Tape();
  const x = tape.watch(Tensor.from([[1]]));
  await assertRejects(() => tape.forward(scaling(1), Tensor.zeros([2, 1])), RangeError, "channels");
  const y = await tape.forward(scaling(2), x);
  await tape.backward(y);
  assertEquals(gradientOf(tape, x), [2]);
});

Deno.test("Tape.clear() forgets all, calls that are still computing too", async () => {
  const gate = Promise.withResolvers<void>();
  const x = Tensor.from([[1]]);
  const tape = new Tape();
  tape.watch(x);
  const early = await tape.forward(scaling(2), x);
  const pending = tape.forward(new Spy(scaling(2), gate.promise), x);
  tape.clear();
  gate.resolve();
  const late = await pending;
  for (const output of [early, late]) {
    assertThrows(() => tape.backwardSync(output), RangeError, "of shape [1, 1] was not recorded");
  }
  assertThrows(() => tape.gradient(x), RangeError, "was not watched");
});

Deno.test("Tape is empty at the end of its block", () => {
  const outer: { tape?: Tape; output?: Tensor } = {};
  {
    using tape = new Tape();
    outer.output = tape.forwardSync(scaling(2), Tensor.from([[1]]));
    outer.tape = tape;
  }
  const { tape = new Tape(), output = Tensor.from(1) } = outer;
  assertThrows(() => tape.backwardSync(output), RangeError, "was not recorded");
});

Deno.test("Tape keeps an empty batch empty", async () => {
  const tape = new Tape();
  const layer = new Conv2d(2, 3, 3, { activation: "relu" });
  const x = tape.watch(Tensor.zeros([0, 2, 5, 5]));
  const y = await tape.forward(layer, x, { add: Tensor.zeros([0, 3, 3, 3]) });
  await tape.backward(y, Tensor.zeros([0, 3, 3, 3]));
  assertEquals(gradientOf(tape, x), []);
  assertEquals(layer.weight.grad, Tensor.zeros(layer.weight.shape));
});
