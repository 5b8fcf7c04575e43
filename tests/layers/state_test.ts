import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import {
  type AnyTensor,
  batchNormFrom,
  Conv1d,
  Conv2d,
  ConvTranspose2d,
  fuseBatchNorm,
  type Layer,
  LazyConv2d,
  LazyConvTranspose2d,
  loadStateDicts,
  Parameter,
  stateDicts,
  Tensor,
} from "../../mod.ts";

/** The first layers of a residual network, as PyTorch names them. */
function residualNetwork() {
  return {
    conv1: new Conv2d(3, 4, 7, { bias: false, seed: 1 }),
    "layer1.0.conv1": new Conv2d(4, 4, 3, { bias: false, seed: 2 }),
    "layer1.0.conv2": new Conv2d(4, 4, 3, { bias: false, seed: 3 }),
    head: new Conv2d(4, 2, 1, { seed: 4 }),
  };
}

function batchNorm(name: string, channels: number): Record<string, Tensor> {
  return {
    [`${name}.weight`]: Tensor.ones([channels]),
    [`${name}.bias`]: Tensor.zeros([channels]),
    [`${name}.running_mean`]: Tensor.zeros([channels]),
    [`${name}.running_var`]: Tensor.ones([channels]),
    [`${name}.num_batches_tracked`]: Tensor.from(9),
  };
}

/** A checkpoint for it, with what else such networks have. */
function checkpoint(): Record<string, Tensor> {
  return {
    "conv1.weight": Tensor.full([4, 3, 7, 7], 1),
    ...batchNorm("bn1", 4),
    "layer1.0.conv1.weight": Tensor.full([4, 4, 3, 3], 2),
    ...batchNorm("layer1.0.bn1", 4),
    "layer1.0.conv2.weight": Tensor.full([4, 4, 3, 3], 3),
    ...batchNorm("layer1.0.bn2", 4),
    "head.weight": Tensor.full([2, 4, 1, 1], 4),
    "head.bias": Tensor.full([2], 5),
  };
}

/** The same with something before every name. */
function behind(prefix: string, dict: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(dict).map(([name, value]) => [prefix + name, value]));
}

function firstValues(layers: Readonly<Record<string, Layer>>): readonly number[] {
  return Object.values(layers).flatMap((layer) =>
    layer.parameters().map(({ data }) => data.at(-1) ?? NaN)
  );
}

Deno.test("loadStateDicts() loads a checkpoint whose normalisations belong to others", () => {
  for (const dict of [checkpoint(), new Map(Object.entries(checkpoint()))]) {
    const layers = residualNetwork();
    assertEquals(loadStateDicts(layers, dict), { missing: [], unexpected: [] });
    assertEquals(firstValues(layers), [1, 2, 3, 4, 5]);
  }
  const layers = new Map(Object.entries(residualNetwork()));
  loadStateDicts(layers, checkpoint());
  assertEquals(firstValues(Object.fromEntries(layers)), [1, 2, 3, 4, 5]);
});

Deno.test("loadStateDicts() takes names behind a prefix", () => {
  const dict = { ...behind("module.", checkpoint()), "optimizer.step": Tensor.from(1) };
  for (const prefix of ["module", "module."]) {
    const layers = residualNetwork();
    loadStateDicts(layers, dict, { prefix });
    assertEquals(firstValues(layers), [1, 2, 3, 4, 5]);
  }
  assertThrows(
    () => loadStateDicts(residualNetwork(), dict),
    TypeError,
    'loadStateDicts(): the state does not fit (it would fit with { prefix: "module" }); missing: ' +
      '"conv1.weight", did you mean "module.conv1.weight"?, "layer1.0.conv1.weight"',
  );
});

Deno.test("loadStateDicts() leaves alone what it is told to ignore", () => {
  const dict = {
    ...checkpoint(),
    "fc.weight": Tensor.zeros([10, 4]),
    "fc.bias": Tensor.zeros([10]),
    "fcs.weight": Tensor.zeros([1]),
    "step": Tensor.from(3),
  };
  const message = 'unexpected: "fc.weight", "fc.bias", "fcs.weight", "step"';
  assertThrows(() => loadStateDicts(residualNetwork(), dict), TypeError, message);
  assertThrows(
    () => loadStateDicts(residualNetwork(), dict, { ignore: ["fc", "step"] }),
    TypeError,
    'the state does not fit; unexpected: "fcs.weight"',
  );
  const ignore = ["fc", "fcs.weight", "step"];
  loadStateDicts(residualNetwork(), dict, { ignore });
  loadStateDicts(residualNetwork(), dict, { ignore: ["fc.", "fcs", "step"] });
  loadStateDicts(residualNetwork(), behind("net.", dict), { ignore, prefix: "net" });
});

Deno.test("loadStateDicts() lists what is missing, unexpected and misshapen, with the names meant", () => {
  const { "conv1.weight": first, "head.bias": _, ...dict } = checkpoint();
  const wrong = {
    ...dict,
    ...(first && { "convl.weight": first }),
    "layer1.0.conv2.weight": Tensor.zeros([4, 4, 5, 5]),
  };
  assertThrows(
    () => loadStateDicts(residualNetwork(), wrong),
    TypeError,
    'loadStateDicts(): the state does not fit; missing: "conv1.weight", did you mean "convl.weight"?, ' +
      '"head.bias"; unexpected: "convl.weight", did you mean "conv1.weight"?; misshapen: ' +
      "layer1.0.conv2.weight must have shape [4, 4, 3, 3], but the state's has [4, 4, 5, 5]",
  );
  const shapes = { ...checkpoint(), "head.bias": Tensor.zeros([3]) };
  for (const strict of [true, false]) {
    assertThrows(
      () => loadStateDicts(residualNetwork(), shapes, { strict }),
      RangeError,
      "misshapen: head.bias must have shape [2], but the state's has [3]",
    );
  }
});

Deno.test("loadStateDicts() names all of a long name, and no endless one", () => {
  const name = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_out.0";
  const dict = { [`${name}.weights`]: Tensor.ones([1]), ["x".repeat(1e6)]: Tensor.ones([1]) };
  const error = assertThrows(
    () => loadStateDicts({ [name]: new Conv1d(1, 1, 1, { bias: false }) }, dict),
    TypeError,
    `missing: "${name}.weight", did you mean "${name}.weights"?; unexpected: "${name}.weights", did`,
  );
  assert(error.message.length < 1000);
});

Deno.test("loadStateDicts() that is not strict says what it left out and loads the rest", () => {
  const { "head.bias": _, ...rest } = checkpoint();
  const dict = { ...rest, "head.gain": Tensor.zeros([2]) };
  const layers = residualNetwork();
  const bias = layers.head.bias?.data.slice();
  const report = loadStateDicts(layers, dict, { strict: false });
  assertEquals(report, { missing: ["head.bias"], unexpected: ["head.gain"] });
  assertEquals(firstValues(layers).slice(0, 4), [1, 2, 3, 4]);
  assertEquals(layers.head.bias?.data, bias);
});

Deno.test("A batch normalisation's names are unexpected where they are a layer's, or incomplete", () => {
  const dict = { ...checkpoint(), ...behind("head.", { running_mean: Tensor.zeros([2]) }) };
  const message = 'unexpected: "head.running_mean"';
  assertThrows(() => loadStateDicts(residualNetwork(), dict), TypeError, message);
  const whole = { ...dict, ...behind("head.", { running_var: Tensor.ones([2]) }) };
  assertThrows(() => loadStateDicts(residualNetwork(), whole), TypeError, message);
  const { "bn1.running_var": _, ...incomplete } = checkpoint();
  assertThrows(() => loadStateDicts(residualNetwork(), incomplete), TypeError, '"bn1.weight"');
});

Deno.test("loadStateDicts() and loadStateDict() change nothing when anything is wrong", () => {
  const names = fc.constantFrom(...Object.keys(checkpoint()).filter((name) => !/bn/.test(name)));
  const faults = fc.oneof(
    fc.record({ kind: fc.constant("missing"), name: names }),
    fc.record({ kind: fc.constant("misshapen"), name: names }),
    fc.record({ kind: fc.constant("no tensor"), name: names }),
    fc.record({ kind: fc.constant("unexpected"), name: names }),
    fc.record({ kind: fc.constant("detached"), name: names }),
  );
  fc.assert(fc.property(faults, ({ kind, name }) => {
    const dict: Record<string, AnyTensor> = checkpoint();
    if (kind === "missing") delete dict[name];
    if (kind === "misshapen") dict[name] = Tensor.zeros([1, 2, 3]);
    if (kind === "no tensor") dict[name] = JSON.parse("[1]");
    if (kind === "unexpected") dict[`${name}s`] = Tensor.zeros([1]);
    if (kind === "detached") {
      structuredClone(0, { transfer: [dict[name]?.data.buffer as ArrayBuffer] });
    }
    const layers = residualNetwork();
    const before = stateDicts(layers);
    const error = assertThrows(() => loadStateDicts(layers, dict), Error);
    assert(error.message.includes(name), error.message);
    assertEquals(stateDicts(layers), before);
    const prefix = name.slice(0, name.lastIndexOf("."));
    const layer = Object.entries(layers).find(([key]) => key === prefix)?.[1];
    assertThrows(() => layer?.loadStateDict(dict, { prefix }), Error, name);
    assertEquals(stateDicts(layers), before);
  }));
});

Deno.test("A parameter that has lost its values keeps all layers from being loaded", () => {
  const layers = residualNetwork();
  structuredClone(0, { transfer: [layers.head.weight.data.buffer] });
  const before = layers.conv1.stateDict();
  const message = "Conv2d: weight of shape [2, 4, 1, 1] has lost its values";
  assertThrows(() => loadStateDicts(layers, checkpoint()), TypeError, message);
  assertEquals(layers.conv1.stateDict(), before);
});

Deno.test("loadStateDicts() and stateDicts() say what is of the wrong kind", () => {
  const layers = residualNetwork();
  const load = (...args: unknown[]) => Reflect.apply(loadStateDicts, undefined, args);
  const cases: readonly [() => unknown, string][] = [
    [() => load(null, {}), "layers must be an object with layers by name, but is null"],
    [() => load({ a: 1 }, {}), '"a" must be a layer, but is 1'],
    [() => load(layers, 3), "the state must be an object with tensors by name, but is 3"],
    [
      () => load(layers, new Map([[3, Tensor.ones([1])]])),
      "the names of the state must be strings, but one is 3",
    ],
    [
      () => load(new Map([[Symbol("a"), layers.conv1]]), {}),
      "the names of layers must be strings, but one is a symbol",
    ],
    [() => load(layers, {}, { prefix: 3 }), "prefix must be a string, but is 3"],
    [() => load(layers, {}, { strict: 1 }), "strict must be true or false, but is 1"],
    [() => load(layers, {}, { ignore: "fc" }), 'ignore must be an array of names, but is "fc"'],
    [() => load(layers, {}, { prefixes: "" }), 'unknown option "prefixes"'],
    [() => Reflect.apply(stateDicts, undefined, [{ a: null }]), '"a" must be a layer, but is null'],
    [
      () => Reflect.apply(layers.conv1.loadStateDict, layers.conv1, [{}, { prefx: "a" }]),
      'Conv2d: unknown option "prefx"',
    ],
    [
      () => Reflect.apply(layers.conv1.loadStateDict, layers.conv1, [{}, { prefix: null }]),
      "Conv2d: prefix must be a string, but is null",
    ],
  ];
  for (const [act, message] of cases) assertThrows(act, TypeError, message);
});

Deno.test("stateDicts() is what loadStateDicts() takes", () => {
  const [from, to] = [residualNetwork(), residualNetwork()];
  for (const layer of Object.values(from)) layer.weight.data.fill(7);
  const dict = stateDicts(from);
  loadStateDicts(to, dict);
  assertEquals(stateDicts(to), dict);
  dict["conv1.weight"]?.data.fill(0);
  assertEquals(from.conv1.weight.data[0], 7);
  assertEquals(Object.keys(stateDicts({ "": new Conv1d(1, 1, 1) })), ["weight", "bias"]);
});

Deno.test("loadStateDicts() copies into the arrays that the parameters have, of frozen layers too", () => {
  const layer = new Conv2d(1, 1, 1, { bias: false }).freeze();
  const { data } = layer.weight;
  const input = Tensor.from([[[1]]]);
  layer.forwardSync(input);
  loadStateDicts({ a: layer }, { "a.weight": Tensor.full([1, 1, 1, 1], 9) });
  assertStrictEquals(layer.weight.data, data);
  assertEquals([...layer.forwardSync(input).data], [9]);
});

Deno.test("loadStateDicts() gives lazy layers their channels, and none when anything is wrong", () => {
  const build = () => ({
    a: new LazyConv2d(4, 3, { groups: 2, seed: 1 }),
    b: new LazyConvTranspose2d(6, 1, { bias: false }),
  });
  const dict = {
    "a.weight_v": Tensor.ones([4, 3, 3, 3]),
    "a.weight_g": Tensor.ones([4, 1, 1, 1]),
    "a.bias": Tensor.ones([4]),
    "b.weight": Tensor.ones([5, 6, 1, 1]),
  };
  const layers = build();
  loadStateDicts(layers, dict);
  assertEquals([layers.a.inChannels, layers.b.inChannels], [6, 5]);
  assertEquals(layers.a.bias?.data, new Float32Array(4).fill(1));
  assertEquals(String(layers.b), String(new ConvTranspose2d(5, 6, 1, { bias: false })));

  const faults = [
    [
      { ...dict, "b.weight": Tensor.ones([5, 7, 1, 1]) },
      "b.weight must have shape [inChannels, 6, 1, 1]",
    ],
    [{ ...dict, "a.weight_v": Tensor.ones([4, 3, 3]) }, "[4, inChannels / groups, 3, 3], but"],
    [
      { ...dict, "a.weight_g": Tensor.ones([3, 1, 1, 1]) },
      "a.weight_g must have shape [4, 1, 1, 1]",
    ],
    [{ ...dict, "c.weight": Tensor.ones([1]) }, 'unexpected: "c.weight"'],
  ] as const;
  for (const [dict, message] of faults) {
    const layers = build();
    assertThrows(() => loadStateDicts(layers, dict), Error, message);
    for (const layer of Object.values(layers)) {
      assertEquals(layer.inChannels, 0);
      assertThrows(() => layer.weight.data, TypeError, "has no shape and no values yet");
    }
  }

  const { "a.bias": _, ...unbiased } = dict;
  const eager = new Conv2d(6, 4, 3, { groups: 2, seed: 1 });
  const some = build();
  loadStateDicts(some, unbiased, { strict: false });
  assertEquals(some.a.bias?.data, eager.bias?.data);
  const none = build();
  const report = loadStateDicts(none, { "a.bias": Tensor.ones([4]) }, { strict: false });
  assertEquals(report, { missing: ["a.weight", "b.weight"], unexpected: [] });
  assertEquals(none.a.inChannels, 0);
  const normalization = { mean: Tensor.zeros([4]), variance: Tensor.ones([4]) };
  assertThrows(() => fuseBatchNorm(none.a, normalization), TypeError, "has no shape and no values");
});

Deno.test("Tensors that share memory with the layers are loaded as they were before", () => {
  const own = new ArrayBuffer(8);
  const shared = new SharedArrayBuffer(8);
  // Shared memory has as many buffers as it has been posted.
  for (const [written, read] of [[own, own], [shared, structuredClone(shared)]] as const) {
    const [values, again] = [new Float32Array(written), new Float32Array(read)];
    values.set([1, 2]);
    const layerOf = (start: number) => {
      const layer = new Conv1d(1, 1, 1, { bias: false });
      const tensor = new Tensor(values.subarray(start, start + 1), [1, 1, 1]);
      Reflect.set(layer, "weight", Reflect.construct(Parameter, [tensor]));
      return layer;
    };
    loadStateDicts({ a: layerOf(0), b: layerOf(1) }, {
      "a.weight": new Tensor(again.subarray(1), [1, 1, 1]),
      "b.weight": new Tensor(again.subarray(0, 1), [1, 1, 1]),
    });
    assertEquals([...values], [2, 1]);
  }
});

Deno.test("Names are names, whatever objects have from the start", () => {
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty", ""];
  for (const name of names) {
    const layers = new Map([[name, new Conv1d(1, 1, 1, { seed: 1 })]]);
    const dict = stateDicts(layers);
    for (const tensor of Object.values(dict)) tensor.data.fill(3);
    loadStateDicts(layers, dict);
    assertEquals(layers.get(name)?.weight.data[0], 3);
    const plain = Object.fromEntries(layers);
    assertEquals(stateDicts(plain), dict);
    if (name !== "") layers.get(name)?.loadStateDict(dict, { prefix: name });
    const inherited = { ...batchNorm("bn", 1), [`bn.${name}`]: Tensor.ones([1]) };
    const message = `unexpected: "bn.${name}"`;
    assertThrows(() => loadStateDicts(plain, { ...dict, ...inherited }), TypeError, message);
    assertThrows(
      () => loadStateDicts({ [`${name}x`]: new Conv1d(1, 1, 1) }, {}),
      TypeError,
      "missing",
    );
  }
  const dict = JSON.parse('{"__proto__.weight": 1, "__proto__": {"weight": 2}}');
  assertThrows(
    () => new Conv1d(1, 1, 1, { bias: false }).loadStateDict(dict),
    TypeError,
    "unknown parameter",
  );
});

Deno.test("loadStateDict() says which prefix or name was probably meant", () => {
  const layer = new Conv2d(4, 4, 3, { bias: false });
  assertThrows(
    () => layer.loadStateDict(checkpoint(), { prefix: "layer1.0.conv" }),
    TypeError,
    'Conv2d: "layer1.0.conv.weight" is missing from the state, did you mean "layer1.0.conv1.weight"? ' +
      '(this layer has "weight")',
  );
  const weight = Tensor.zeros([4, 4, 3, 3]);
  assertThrows(
    () => layer.loadStateDict({ "a.wieght": weight }, { prefix: "a" }),
    TypeError,
    'Conv2d: unknown parameter "a.wieght" in the state, did you mean "a.weight"?',
  );
  assertThrows(
    () => layer.loadStateDict({ "a.weight": Tensor.zeros([4, 4, 3]) }, { prefix: "a" }),
    RangeError,
    "Conv2d: a.weight must have shape [4, 4, 3, 3], but the state's has [4, 4, 3]",
  );
});

Deno.test("loadStateDict() says with which prefix the state would fit", () => {
  const layer = new Conv2d(4, 2, 1);
  const message =
    `unknown parameter "conv1.weight" in the state (it would fit with { prefix: "head" }) (`;
  assertThrows(() => layer.loadStateDict(checkpoint()), TypeError, message);
  const outer = behind("model.", checkpoint());
  assertThrows(
    () => layer.loadStateDict(outer, { prefix: "head" }),
    TypeError,
    '"head.weight" is missing from the state, did you mean "model.head.weight"? (this layer has',
  );
});

Deno.test("Half a weight normalisation is missing the other half, and lengths of another shape are refused", () => {
  const layer = () => new ConvTranspose2d(4, 6, 3, { bias: false });
  const v = Tensor.ones([4, 6, 3, 3]);
  const g = Tensor.ones([4, 1, 1, 1]);
  const lengths = "weight_g must have shape [4, 1, 1, 1], but the state's has ";
  const cases: readonly [Record<string, Tensor>, string][] = [
    [{ weight_g: g }, '"weight_v" is missing'],
    [{ weight_v: v }, '"weight_g" is missing'],
    [{ "parametrizations.weight.original0": g }, '"parametrizations.weight.original1" is missing'],
    [{ weight_g: Tensor.ones([4]), weight_v: v }, `${lengths}[4]`],
    [{ weight_g: Tensor.ones([4, 6, 1, 1]), weight_v: v }, `${lengths}[4, 6, 1, 1]`],
    [{ weight_g: Tensor.ones([6, 1, 1, 1]), weight_v: v }, `${lengths}[6, 1, 1, 1]`],
    [{ weight_g: g, weight_v: Tensor.ones([4, 6, 3]) }, "weight_v must have shape [4, 6, 3, 3]"],
    [{ weight_orig: v, weight_u: g, weight_v: g }, 'unknown parameter "weight_orig"'],
  ];
  for (const [dict, message] of cases) {
    const one = layer();
    const before = one.stateDict();
    assertThrows(() => one.loadStateDict(dict), Error, message);
    assertEquals(one.stateDict(), before);
  }
  const one = layer();
  one.loadStateDict({ weight_g: Tensor.full([1, 6, 1, 1], 12), weight_v: v });
  assertEquals(one.weight.data, v.data.fill(2));
});

Deno.test("fuseBatchNorm() keeps everything else that the layer was built with", () => {
  const layer = new ConvTranspose2d(4, 6, [3, 2], {
    stride: [2, 1],
    padding: [[1, 0], 1],
    outputPadding: [1, 0],
    dilation: [1, 2],
    groups: 2,
    activation: "leakyRelu",
    negativeSlope: 0.5,
    algorithm: "direct",
  }).freeze();
  const identity = { mean: Tensor.zeros([6]), variance: Tensor.ones([6]), epsilon: 0 };
  const fused = fuseBatchNorm(layer, identity);
  assertEquals(String(fused), String(layer));
  assert(fused instanceof ConvTranspose2d && !fused.frozen);
  assertEquals(fused.stateDict(), layer.stateDict());
  const shifted = fuseBatchNorm(
    new Conv2d(1, 1, 1, { paddingMode: "reflect", padding: "same", activation: "relu" }),
    { mean: Tensor.from([1e3]), variance: Tensor.from([1]), weight: Tensor.from([0.5]) },
  );
  assertEquals(shifted.paddingMode, "reflect");
  // The activation comes after the normalisation.
  assertEquals([...shifted.forwardSync(Tensor.from([[[1]]])).data], [0]);
});

Deno.test("fuseBatchNorm() and batchNormFrom() say what is wrong", () => {
  const layer = new Conv2d(2, 3, 1);
  const [mean, variance] = [Tensor.zeros([3]), Tensor.ones([3])];
  const fuse = (...args: unknown[]) => Reflect.apply(fuseBatchNorm, undefined, args);
  const from = (...args: unknown[]) => Reflect.apply(batchNormFrom, undefined, args);
  const cases: readonly [() => unknown, typeof Error, string][] = [
    [() => fuse({}, {}), TypeError, "fuseBatchNorm(): layer must be a layer, but is an object"],
    [() => fuse(layer, null), TypeError, "options must be an object, but are null"],
    [() => fuse(layer, { mean }), TypeError, "variance must be a Tensor, but is undefined"],
    [() => fuse(layer, { mean, variance, eps: 1 }), TypeError, 'unknown option "eps"'],
    [() => fuse(layer, { mean, variance, epsilon: "1" }), TypeError, "epsilon must be a number"],
    [
      () => fuse(layer, { mean: Tensor.zeros([2]), variance }),
      RangeError,
      "mean must have shape [3], one number an output channel, but has [2]",
    ],
    [
      () => fuse(layer, { mean, variance: Tensor.from([1, -1, 1]) }),
      RangeError,
      "variance[1] + epsilon must be above 0, but is -1 + 0.00001",
    ],
    [
      () => from(behind("bn.", { running_mean: mean }), { prefix: "bn" }),
      TypeError,
      'batchNormFrom(): "bn.running_var" is missing from the state',
    ],
    [
      () => from({ running_mean: 1, running_var: variance }),
      TypeError,
      "running_mean must be a Tensor, but is 1",
    ],
    [() => from({}, { epsilon: "1" }), TypeError, 'epsilon must be a number, but is "1"'],
    [() => from([], { name: 1 }), TypeError, 'unknown option "name"'],
  ];
  for (const [act, kind, message] of cases) assertThrows(act, kind, message);
});
