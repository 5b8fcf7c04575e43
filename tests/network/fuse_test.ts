import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { encodeOnnx } from "../../src/io/models/onnx/encode.ts";
import type { OnnxModel } from "../../src/io/models/onnx/model.ts";
import { knownValues, lower } from "../../src/network/lower.ts";
import { fuse } from "../../src/network/fuse.ts";
import { fromOnnx } from "../../src/network/mod.ts";
import { draws } from "../_depth.ts";
import { type Attributes, drawn, float, floats, GraphBuilder, int, intList } from "./_models.ts";
import { assertClose, assertSameAsOracle, ENGINES, type Results, tensorsOf } from "./_oracle.ts";

const CHANNELS = 6;
const SHAPE = [2, CHANNELS, 9, 7];
const X: Results = { x: { shape: SHAPE, data: Float32Array.from(drawn(SHAPE, 1).data) } };

/** The operators of the steps that are left for a model. */
function stepsOf(model: OnnxModel, shape: readonly number[] = SHAPE): string[] {
  const { steps } = fuse(lower(model, knownValues(model), model.graph.inputs.map(() => shape)));
  return steps.map(({ operator }) => operator);
}

function conv(net: GraphBuilder, x: string, groups = 1): string {
  const weight = net.drawn([CHANNELS, CHANNELS / groups, 3, 3], 0.2);
  const attributes = { pads: intList([1, 1, 1, 1]), group: int(groups) };
  return net.add("Conv", [x, weight, net.drawn([CHANNELS])], attributes);
}

function convTranspose(net: GraphBuilder, x: string, groups: number): string {
  const weight = net.drawn([CHANNELS, CHANNELS / groups, 3, 3], 0.2);
  const attributes = { pads: intList([1, 1, 1, 1]), group: int(groups) };
  return net.add("ConvTranspose", [x, weight], attributes);
}

function batchNorm(net: GraphBuilder, x: string): string {
  const numbers = () => net.drawn([CHANNELS]);
  const positive = net.drawnPositive([CHANNELS]);
  return net.add("BatchNormalization", [x, numbers(), numbers(), numbers(), positive]);
}

/** What may be behind a convolution. */
const BEHIND: Readonly<Record<string, (net: GraphBuilder, x: string) => string>> = {
  BatchNormalization: batchNorm,
  Relu: (net, x) => net.add("Relu", [x]),
  Relu6: (net, x) =>
    net.add("Clip", [x, net.constant(floats([0], [])), net.constant(floats([6], []))]),
  "Clip from 0": (net, x) => net.add("Clip", [x, net.constant(floats([0], []))]),
  "Clip to others": (net, x) =>
    net.add("Clip", [x, net.constant(floats([-0.5], [])), net.constant(floats([0.5], []))]),
  LeakyRelu: (net, x) => net.add("LeakyRelu", [x], { alpha: float(0.1) }),
  "LeakyRelu that turns": (net, x) => net.add("LeakyRelu", [x], { alpha: float(-0.7) }),
  "LeakyRelu that grows": (net, x) => net.add("LeakyRelu", [x], { alpha: float(2.5) }),
  "PRelu of one": (net, x) => net.add("PRelu", [x, net.constant(floats([0.3], [1]))]),
  "PRelu of each channel": (net, x) => net.add("PRelu", [x, net.drawn([CHANNELS, 1, 1])]),
  "Mul by one": (net, x) => net.add("Mul", [x, net.constant(floats([0.7], []))]),
  "Mul by channels": (net, x) => net.add("Mul", [net.drawn([1, CHANNELS, 1, 1]), x]),
  "Mul by columns": (net, x) => net.add("Mul", [x, net.drawn([7])]),
  "Add of channels": (net, x) => net.add("Add", [x, net.drawn([CHANNELS, 1, 1])]),
  "Add of one": (net, x) => net.add("Add", [net.constant(floats([1.5], [1])), x]),
  "Add of all": (net, x) => net.add("Add", [x, net.drawn([CHANNELS, 9, 7])]),
  "Sub of channels": (net, x) => net.add("Sub", [x, net.drawn([1, CHANNELS, 1, 1])]),
  "Sub from channels": (net, x) => net.add("Sub", [net.drawn([1, CHANNELS, 1, 1]), x]),
  "Div by one": (net, x) => net.add("Div", [x, net.constant(floats([3], []))]),
  "Div of one": (net, x) => net.add("Div", [net.constant(floats([3], [])), net.add("Exp", [x])]),
  "Add of the input": (net, x) => net.add("Add", [x, "x"]),
  "Add to the input": (net, x) => net.add("Add", ["x", x]),
  "Add to itself": (net, x) => net.add("Add", [x, x]),
  "Add of another convolution": (net, x) => net.add("Add", [x, conv(net, "x")]),
  "Add of one that comes later": (net, x) => net.add("Add", [x, conv(net, x)]),
  "Add of channels that are computed": (net, x) =>
    net.add("Add", [x, net.add("GlobalAveragePool", ["x"])]),
  Sigmoid: (net, x) => net.add("Sigmoid", [x]),
  "the same elements": (net, x) => net.add("Identity", [x]),
  "a view and back": (net, x) => {
    const flat = net.add("Reshape", [x, net.constant(shapeOf([2, -1]))]);
    return net.add("Reshape", [net.add("Relu", [flat]), net.constant(shapeOf(SHAPE))]);
  },
  "channels put together, scaled": (net, x) => {
    const view = net.add("Reshape", [x, net.constant(shapeOf([2, 3, 18, 7]))]);
    const scaled = net.add("Mul", [view, net.drawn([3, 1, 1])]);
    return net.add("Reshape", [scaled, net.constant(shapeOf(SHAPE))]);
  },
  "items put together, scaled": (net, x) => {
    const view = net.add("Reshape", [x, net.constant(shapeOf([1, 12, 9, 7]))]);
    const scaled = net.add("Add", [view, net.drawn([12, 1, 1])]);
    return net.add("Reshape", [scaled, net.constant(shapeOf(SHAPE))]);
  },
  "a convolution": conv,
  "a grouped convolution": (net, x) => conv(net, x, 3),
  "a transposed convolution": (net, x) => convTranspose(net, x, 1),
  "a grouped transposed convolution": (net, x) => convTranspose(net, x, 2),
};

function shapeOf(sizes: readonly number[]) {
  return { kind: "int", shape: [sizes.length], data: Float64Array.from(sizes) } as const;
}

/** What goes into weights of every kind. */
const INTO_WEIGHTS = Object.keys(BEHIND).filter((name) => name.includes("convolution"))
  .flatMap((name) =>
    ["BatchNormalization", "Mul by channels", "Sub of channels"].map((behind) => [name, behind])
  );

/** A chain behind a convolution, whose values may all be asked for. */
function chain(names: readonly string[]) {
  const net = new GraphBuilder(names.length);
  const values = [conv(net, "x")];
  for (const name of names) {
    const make = BEHIND[name];
    const last = values.at(-1) ?? "";
    if (make !== undefined) values.push(make(net, last));
  }
  const inputs = { x: SHAPE };
  return { fused: net.model(inputs, values.slice(-1)), unfused: net.model(inputs, values) };
}

Deno.test("What is behind convolutions changes nothing, whether they do it or steps of its own", async () => {
  const names = Object.keys(BEHIND);
  const chains = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 5 });
  const examples = [...names.map((name) => [name]), ...INTO_WEIGHTS].map((
    names,
  ): [string[]] => [names]);
  await fc.assert(
    fc.asyncProperty(chains, async (names) => {
      const { fused, unfused } = chain(names);
      // Up to five convolutions behind one another, of sums that cancel out.
      const comparison = { tolerance: 1e-4 };
      await assertSameAsOracle(fused, [X], comparison);
      await assertSameAsOracle(unfused, [X], comparison);
    }),
    { seed: 7, numRuns: draws(120), endOnFailure: true, examples },
  );
});

Deno.test("Convolutions do what is behind them, as far as it is theirs alone", () => {
  const steps = (...names: string[]) => stepsOf(chain(names).fused);
  assertEquals(steps("BatchNormalization", "Relu"), ["Conv + BatchNormalization + Relu"]);
  assertEquals(steps("Mul by channels", "Add of one", "Relu6"), ["Conv + Mul + Add + Clip"]);
  assertEquals(steps("Add of the input", "Relu"), ["Conv + Add + Relu"]);
  assertEquals(steps("Add to the input", "LeakyRelu"), ["Conv + Add + LeakyRelu"]);
  assertEquals(steps("the same elements", "a view and back"), ["Conv + Relu"]);
  assertEquals(steps("Add of another convolution"), ["Conv", "Conv + Add"]);
  assertEquals(steps("Relu", "Relu"), ["Conv + Relu", "Relu"]);
  assertEquals(steps("Relu", "BatchNormalization"), ["Conv + Relu", "BatchNormalization"]);
  assertEquals(steps("Add of the input", "BatchNormalization"), [
    "Conv + Add",
    "BatchNormalization",
  ]);
  assertEquals(steps("Add to itself"), ["Conv", "Add"]);
  assertEquals(steps("Sub from channels"), ["Conv", "Sub"]);
  assertEquals(steps("channels put together, scaled"), ["Conv", "Mul"]);
  assertEquals(stepsOf(chain(["BatchNormalization", "Relu"]).unfused), [
    "Conv",
    "BatchNormalization",
    "Relu",
  ]);
});

Deno.test("Weights that something goes into are made once, whatever shapes come", () => {
  const { fused } = chain(["BatchNormalization", "Mul by channels", "Relu"]);
  const known = knownValues(fused);
  const weights = [SHAPE, SHAPE, [1, CHANNELS, 3, 3]].map((shape) => {
    const [step] = fuse(lower(fused, known, [shape])).steps;
    return step?.kind === "convolution" ? step.weights : null;
  });
  assertEquals(new Set(weights).size, 1);
});

/** Graphs whose values are used in more than one way. */
const GRAPHS: Readonly<Record<string, (net: GraphBuilder) => readonly string[]>> = {
  "a value that two convolutions take": (net) => {
    const x = net.add("Relu", [conv(net, "x")]);
    return [net.add("Add", [conv(net, x), conv(net, x)])];
  },
  "an output that others take": (net) => {
    const first = conv(net, "x");
    const second = net.add("Relu", [first]);
    return [first, conv(net, second), second];
  },
  "an output that is an input": (net) => [net.add("Identity", ["x"]), conv(net, "x")],
  "an input that is an output by its name": (net) => [conv(net, "x"), "x"],
  "an output twice": (net) => {
    const y = conv(net, "x");
    return [y, net.add("Identity", [y])];
  },
  "an output that is constant": (net) => [
    net.add("Identity", [net.drawn([2, 3])]),
    conv(net, "x"),
  ],
  "nothing but a constant": (net) => [net.add("Neg", [net.drawn([2, 3])])],
  "outputs that are views of one value": (net) => {
    const y = conv(net, "x");
    return [net.add("Flatten", [y]), net.add("Reshape", [y, net.constant(shapeOf([-1]))]), y];
  },
  "an output that nobody needs besides": (net) => {
    const dead = net.add("Relu", [conv(net, "x")]);
    conv(net, dead);
    return [conv(net, "x")];
  },
  "a concatenation of the same value": (net) => {
    const y = conv(net, "x");
    return [
      net.add("Concat", [y, y, y], { axis: int(0) }),
      net.add("Concat", [y, y], { axis: int(1) }),
    ];
  },
  "a concatenation of an input": (net) => {
    const axis: Attributes = { axis: int(0) };
    return [net.add("Concat", ["x", conv(net, "x"), "x"], axis)];
  },
  "a concatenation of constants": (net) => {
    const constant = net.drawn([1, ...SHAPE.slice(1)]);
    return [net.add("Concat", [constant, conv(net, "x"), constant], { axis: int(0) })];
  },
  "a concatenation of one": (net) => [net.add("Concat", [conv(net, "x")], { axis: int(0) })],
  "concatenations of concatenations": (net) => {
    const axis: Attributes = { axis: int(0) };
    const [a, b, c] = [conv(net, "x"), conv(net, "x"), conv(net, "x")];
    const ab = net.add("Concat", [a, b], axis);
    const abc = net.add("Concat", [ab, c], axis);
    const abcab = net.add("Concat", [abc, ab], axis);
    return [conv(net, abcab), conv(net, abc), ab, net.add("Concat", [a, b, c], axis)];
  },
  "concatenations that overlap": (net) => {
    const axis: Attributes = { axis: int(0) };
    const [a, b, c] = [conv(net, "x"), conv(net, "x"), conv(net, "x")];
    const ab = net.add("Concat", [a, b], axis);
    const bc = net.add("Concat", [b, c], axis);
    const ca = net.add("Concat", [c, a], axis);
    return [conv(net, ab), conv(net, bc), conv(net, ca), net.add("Relu", [b])];
  },
  "concatenations that leave some out": (net) => {
    const axis: Attributes = { axis: int(0) };
    const [a, b, c] = [conv(net, "x"), conv(net, "x"), conv(net, "x")];
    const some = [[a, c], [b, a], [b, c], [a, a], [c]].map((parts) =>
      net.add("Concat", parts, axis)
    );
    const all = net.add("Concat", [a, b, c], axis);
    return [...some.map((part) => conv(net, part)), conv(net, all), ...some];
  },
  "convolutions that read where they write": (net) => {
    const axis: Attributes = { axis: int(0) };
    let all = conv(net, "x");
    for (let i = 0; i < 4; i++) {
      all = net.add("Concat", [all, net.add("Relu", [conv(net, all)])], axis);
    }
    return [all];
  },
  "a concatenation of views": (net) => {
    const flat = (x: string) => net.add("Reshape", [x, net.constant(shapeOf([-1]))]);
    const [a, b] = [conv(net, "x"), conv(net, "x")];
    return [net.add("Concat", [flat(a), flat(b), flat(a)], { axis: int(0) }), net.add("Relu", [b])];
  },
  "a sum of what is concatenated": (net) => {
    const [a, b] = [conv(net, "x"), conv(net, "x")];
    const all = net.add("Concat", [a, b], { axis: int(0) });
    return [net.add("Relu", [net.add("Add", [conv(net, all), all])]), net.add("Add", [a, b])];
  },
  "a residual that comes later": (net) => {
    const first = conv(net, "x");
    const later = net.add("Relu", [conv(net, net.add("Sigmoid", ["x"]))]);
    return [net.add("Relu", [net.add("Add", [first, later])])];
  },
  "two residuals of each other": (net) => {
    const [a, b] = [conv(net, "x"), conv(net, "x")];
    const sum = net.add("Add", [a, b]);
    return [net.add("Add", [sum, conv(net, sum)])];
  },
  "parts of a split that are put together again": (net) => {
    const y = conv(net, "x");
    const part = (start: number) =>
      net.add("Slice", [
        y,
        net.constant(shapeOf([start])),
        net.constant(shapeOf([start + 3])),
        net.constant(shapeOf([1])),
      ]);
    return [conv(net, net.add("Concat", [part(3), part(0)], { axis: int(1) }))];
  },
};

for (const [name, build] of Object.entries(GRAPHS)) {
  Deno.test(`Graphs with ${name} give what ONNX Runtime gives`, async () => {
    const net = new GraphBuilder(3);
    const outputs = build(net);
    for (const batch of [1, 2, 3]) {
      const shape = [batch, ...SHAPE.slice(1)];
      const model = net.model({ x: [null, ...SHAPE.slice(1)] }, outputs);
      const call = { x: { shape, data: Float32Array.from(drawn(shape, 1).data) } };
      await assertSameAsOracle(model, [call], { engines: ENGINES, tolerance: 1e-4 });
    }
  });
}

Deno.test("Outputs are arrays of their own", () => {
  const net = new GraphBuilder(3);
  const y = conv(net, "x");
  const flat = net.add("Flatten", [y]);
  const same = net.add("Identity", ["x"]);
  const bytes = encodeOnnx(net.model({ x: SHAPE }, [y, flat, same]));
  const network = fromOnnx(bytes);
  const inputs = tensorsOf(X);
  const first = network.forwardSync(inputs);
  const kept = Object.fromEntries(
    Object.entries(first).map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
  );
  const other = network.forwardSync(inputs);
  for (const { data } of Object.values(other)) data.fill(7);
  assertClose(first, kept, 0);
  first[y]?.data.fill(3);
  assertEquals(first[flat]?.data, kept[flat]?.data);
  assertClose(network.forwardSync(inputs), kept, 0);
  assertEquals(inputs["x"]?.data, X["x"]?.data);
});
