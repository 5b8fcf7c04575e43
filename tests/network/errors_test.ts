import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { encodeOnnx } from "../../src/io/models/onnx/encode.ts";
import type { OnnxModel, OnnxNode, OnnxTensor } from "../../src/io/models/onnx/model.ts";
import { fromOnnx, type NetworkTensors } from "../../src/network/mod.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import {
  type Attributes,
  float,
  floats,
  int,
  intList,
  ints,
  modelOf,
  node,
  text,
} from "./_models.ts";

/** A model of one node, called `it`, of an input `x` and constants. */
function single(
  operator: string,
  constants: Readonly<Record<string, OnnxTensor>> = {},
  attributes: Attributes = {},
  opset = 18,
): OnnxModel {
  const it: OnnxNode = {
    ...node(operator, ["x", ...Object.keys(constants)], ["y"], attributes),
    name: "it",
  };
  return modelOf({ opset, nodes: [it], constants, inputs: { x: null }, outputs: ["y"] });
}

const ONES = Tensor.ones([1, 2, 4, 4]);

/** Sees to it that a model is refused by one line with the operator and the node, read or run. */
function assertRefused(model: OnnxModel, reason: RegExp, x: Tensor = ONES): void {
  const error = assertThrows(() => fromOnnx(encodeOnnx(model)).forwardSync({ x }), RangeError);
  assertMatch(error.message, reason);
  const named = model.graph.nodes.some(({ operator, name }) =>
    error.message.includes(`${operator} ${JSON.stringify(name)}`)
  );
  assertEquals(named, true, error.message);
  assertEquals(error.message.includes("\n"), false, error.message);
}

Deno.test("An operator that is unknown is named with its node, and with the one that may be meant", () => {
  const unknown = (operator: string) => () => fromOnnx(encodeOnnx(single(operator)));
  assertThrows(unknown("Reluu"), RangeError, 'Reluu "it": there is no such operator here');
  assertThrows(unknown("Reluu"), RangeError, "Relu");
  assertThrows(unknown("NonMaxSuppression"), RangeError, 'NonMaxSuppression "it"');
  const { opsets, graph } = single("Relu");
  const foreign = {
    opsets: new Map([...opsets, ["com.example", 1]]),
    graph: { ...graph, nodes: graph.nodes.map((node) => ({ ...node, domain: "com.example" })) },
  };
  assertThrows(() => fromOnnx(encodeOnnx(foreign)), RangeError, 'com.example.Relu "it"');
});

Deno.test("Versions before 7 are refused", () => {
  assertThrows(() => fromOnnx(encodeOnnx(single("Relu", {}, {}, 6))), RangeError, "version 6");
});

Deno.test("What is no file and what is no option is refused", () => {
  assertThrows(() => fromOnnx(Uint8Array.of(1, 2, 3)), SyntaxError);
  assertThrows(() => Reflect.apply(fromOnnx, null, ["model.onnx"]), TypeError);
  const bytes = encodeOnnx(single("Relu"));
  assertThrows(() => Reflect.apply(fromOnnx, null, [bytes, { threads: 2 }]), TypeError, "threads");
  assertThrows(() => Reflect.apply(fromOnnx, null, [bytes, { engine: {} }]), TypeError, "engine");
});

const SUM = modelOf({
  nodes: [node("Add", ["left", "right"], ["y"])],
  inputs: { left: ["batch", 3], right: [null, 3] },
  outputs: ["y"],
});

Deno.test("Inputs that are missing, unknown, no tensors or of another shape are named", async () => {
  const network = fromOnnx(encodeOnnx(SUM));
  const right = Tensor.ones([2, 3]);
  const wrong: readonly [unknown, typeof TypeError | typeof RangeError, RegExp][] = [
    [{ right }, TypeError, /input "left"/],
    [{ left: right, rihgt: right }, TypeError, /"rihgt".*right/],
    [{ left: [1, 2, 3], right }, TypeError, /input "left" must be a Tensor/],
    [{ left: null, right }, TypeError, /input "left"/],
    [right, TypeError, /2 inputs/],
    [null, TypeError, /tensors by their names/],
    [undefined, TypeError, /tensors by their names/],
    [7, TypeError, /tensors by their names/],
    [{ left: Tensor.ones([2, 4]), right }, RangeError, /input "left".*\[batch, 3\].*\[2, 4\]/],
    [{ left: Tensor.ones([3]), right }, RangeError, /input "left".*\[batch, 3\].*\[3\]/],
    [{ left: right, right: Tensor.ones([1, 2, 3]) }, RangeError, /input "right".*\[\?, 3\]/],
    [{ left: Tensor.ones([4, 3]), right }, RangeError, /Add "y": shapes \[4, 3\] and \[2, 3\]/],
  ];
  for (const [inputs, kind, message] of wrong) {
    const call = () => network.forwardSync(inputs as NetworkTensors);
    assertMatch(assertThrows(call, kind).message, message);
    const error = await assertRejects(() => network.forward(inputs as NetworkTensors), kind);
    assertMatch(error.message, message);
    // The next call is as good as any.
    assertEquals(network.forwardSync({ left: right, right })["y"]?.data.at(0), 2);
  }
  const { y } = await network.forward({ left: right, right });
  assertEquals(y?.shape, [2, 3]);
});

Deno.test("Names that every object has are no inputs", () => {
  const model = modelOf({
    nodes: [node("Relu", ["constructor"], ["y"])],
    inputs: { constructor: null },
    outputs: ["y"],
  });
  const network = fromOnnx(encodeOnnx(model));
  assertThrows(() => network.forwardSync({}), TypeError, 'input "constructor"');
  assertEquals(
    network.forwardSync({ constructor: ONES } as unknown as NetworkTensors)["y"]?.shape,
    [1, 2, 4, 4],
  );
});

Deno.test("Inputs and outputs that are whole numbers or truth values are refused", () => {
  const { opsets, graph } = single("Identity");
  for (const kind of ["int", "bool"] as const) {
    for (const side of ["inputs", "outputs"] as const) {
      const values = graph[side].map((value) => ({ ...value, kind }));
      const bytes = encodeOnnx({ opsets, graph: { ...graph, [side]: values } });
      assertThrows(() => fromOnnx(bytes), RangeError, kind);
    }
  }
  // The file may say something else than what comes out.
  const network = fromOnnx(encodeOnnx(single("Shape")));
  assertThrows(() => network.forwardSync(ONES), RangeError, 'Output "y"');
});

Deno.test("What is computed cannot be of whole numbers or truth values", () => {
  assertRefused(single("Cast", {}, { to: int(7) }), /only constants/);
  assertRefused(single("Equal", { c: floats([0], []) }), /only constants/);
});

/** Numbers that no tensor has elements of, and what a product of two of them hides. */
const GIANT: readonly (readonly number[])[] = [
  [2 ** 31],
  [2 ** 20, 2 ** 20],
  [2 ** 62],
  [1, 2 ** 29],
  [0, 2 ** 40],
  [-1024, -1024],
  [-1],
];

const GIANT_REQUESTS: Readonly<Record<string, OnnxModel>> = {
  ...Object.fromEntries(GIANT.flatMap((shape) => [
    [`ConstantOfShape ${shape}`, constantOfShape(shape)],
    [`Expand ${shape}`, single("Expand", { shape: ints([...shape, 1, 2, 4, 4]) })],
  ])),
  "Expand of what is known": modelOf({
    nodes: [node("Expand", ["c", "shape"], ["d"]), node("Add", ["x", "d"], ["y"])],
    constants: { c: floats([1]), shape: ints([2 ** 16, 2 ** 16]) },
    inputs: { x: null },
    outputs: ["y"],
  }),
  Tile: single("Tile", { repeats: ints([1, 2 ** 40, 1, 1]) }),
  "Tile with a product": single("Tile", { repeats: ints([2 ** 13, 2 ** 13, 2 ** 13, 1]) }),
  "Tile below 0": single("Tile", { repeats: ints([-1, -1, 1, 1]) }),
  "Tile of nothing": single("Tile", { repeats: ints([0, 2 ** 40, 1, 1]) }),
  "Pad at the end": single("Pad", { pads: ints([0, 0, 0, 0, 0, 0, 0, 2 ** 40]) }),
  "Pad by reflection": single(
    "Pad",
    { pads: ints([0, 0, 2 ** 20, 0, 0, 0, 0, 2 ** 20]) },
    { mode: text("reflect") },
  ),
  "Pad of the batch": single("Pad", { pads: ints([2 ** 28, 0, 0, 0, 2 ** 28, 0, 0, 0]) }),
  "Resize by scales": single("Resize", { roi: floats([]), scales: floats([1, 1, 1e6, 1e6]) }),
  "Resize by infinity": single("Resize", { roi: floats([]), scales: floats([1, 1, Infinity, 1]) }),
  "Resize to sizes": modelOf({
    opset: 18,
    nodes: [{
      ...node("Resize", ["x", "", "", "sizes"], ["y"], { mode: text("linear") }),
      name: "it",
    }],
    constants: { sizes: ints([1, 2, 2 ** 20, 2 ** 20]) },
    inputs: { x: null },
    outputs: ["y"],
  }),
  "Range of many": range(0, 2 ** 40, 1),
  "Range of small steps": range(0, 1, 1e-12),
  "Range without an end": range(0, Infinity, 1),
  "Concat of the same": modelOf({
    nodes: [node("Concat", Array.from({ length: 2 ** 12 }, () => "x"), ["y"], { axis: int(0) })],
    inputs: { x: null },
    outputs: ["y"],
  }),
  "ConvTranspose of long steps": single(
    "ConvTranspose",
    { w: floats([1, 1, 1, 1], [2, 2, 1, 1]) },
    { strides: intList([2 ** 20, 2 ** 20]) },
  ),
  "ConvTranspose to a shape": single(
    "ConvTranspose",
    { w: floats([1, 1, 1, 1], [2, 2, 1, 1]) },
    { output_shape: intList([2 ** 20, 2 ** 20]) },
  ),
  "Conv of wide padding": single(
    "Conv",
    { w: floats([1, 1, 1, 1], [2, 2, 1, 1]) },
    { pads: intList([2 ** 20, 2 ** 20, 2 ** 20, 2 ** 20]) },
  ),
  "Products of columns and rows": modelOf({
    nodes: [node("MatMul", ["column", "row"], ["y"])],
    constants: { column: floats(new Float32Array(2 ** 16), [2 ** 16, 1]) },
    inputs: { row: null },
    outputs: ["y"],
  }),
  "Sum of columns and rows": modelOf({
    nodes: [node("Add", ["column", "x"], ["y"])],
    constants: { column: floats(new Float32Array(2 ** 16), [2 ** 16, 1]) },
    inputs: { x: null },
    outputs: ["y"],
  }),
  "Parts of a split": single("Split", { sizes: ints([2 ** 40]) }),
  "Axes without an end": modelOf({
    opset: 18,
    nodes: [node("Reshape", ["x", "shape"], ["z"]), node("Slice", ["z", "a", "b"], ["y"])],
    constants: {
      shape: ints([32, ...Array.from({ length: 1e5 }, () => 1)]),
      a: ints([0]),
      b: ints([1]),
    },
    inputs: { x: null },
    outputs: ["y"],
  }),
};

function constantOfShape(shape: readonly number[]): OnnxModel {
  return modelOf({
    nodes: [node("ConstantOfShape", ["shape"], ["c"]), node("Add", ["x", "c"], ["y"])],
    constants: { shape: ints(shape) },
    inputs: { x: null },
    outputs: ["y"],
  });
}

function range(start: number, limit: number, delta: number): OnnxModel {
  return modelOf({
    nodes: [node("Range", ["start", "limit", "delta"], ["r"]), node("Add", ["x", "r"], ["y"])],
    constants: {
      start: floats([start], []),
      limit: floats([limit], []),
      delta: floats([delta], []),
    },
    inputs: { x: null },
    outputs: ["y"],
  });
}

/** Refusing takes no more memory than this. */
const FEW_BYTES = 2 ** 27;

Deno.test("Files that ask for giant tensors are refused by the node, without memory for them", () => {
  const before = Deno.memoryUsage().rss;
  for (const [name, model] of Object.entries(GIANT_REQUESTS)) {
    const inputs = model.graph.inputs.map(({ name }) => name);
    const large =
      { "Products of columns and rows": [1, 2 ** 16], "Sum of columns and rows": [2 ** 16] }[name];
    const x = name === "Concat of the same"
      ? Tensor.zeros([2 ** 18])
      : large
      ? Tensor.zeros(large)
      : ONES;
    const call = () =>
      fromOnnx(encodeOnnx(model)).forwardSync(
        Object.fromEntries(inputs.map((input) => [input, x])),
      );
    const { message } = assertThrows(call, RangeError, undefined, name);
    const isNamed = model.graph.nodes.some(({ operator }) => message.startsWith(`${operator} "`));
    assertEquals([isNamed, message.includes("\n")], [true, false], `${name}: ${message}`);
    assertEquals(Deno.memoryUsage().rss - before < FEW_BYTES, true, name);
  }
});

Deno.test("Files that ask for many constants are refused when they are too many together", () => {
  const names = Array.from({ length: 64 }, (_, i) => `c${i}`);
  const model = modelOf({
    nodes: [
      ...names.map((name) => node("ConstantOfShape", ["shape"], [name])),
      node("Sum", ["x", ...names], ["y"]),
    ],
    constants: { shape: ints([2 ** 22]) },
    inputs: { x: null },
    outputs: ["y"],
  });
  const { message } = assertThrows(() => fromOnnx(encodeOnnx(model)), RangeError);
  assertMatch(message, /^ConstantOfShape "c16": /);
});

Deno.test("Files whose steps keep too many indices are refused", () => {
  const names = Array.from({ length: 8 }, (_, i) => `t${i}`);
  const model = modelOf({
    nodes: [
      ...names.map((name) => node("Tile", ["x", "repeats"], [name])),
      node("Concat", names, ["y"], { axis: int(0) }),
    ],
    constants: { repeats: ints([2 ** 25]) },
    inputs: { x: null },
    outputs: ["y"],
  });
  const network = fromOnnx(encodeOnnx(model));
  const { message } = assertThrows(() => network.forwardSync(Tensor.ones([1])), RangeError);
  assertMatch(message, /^Tile "t4": /);
});

Deno.test("Files whose steps leave too much for others are refused by the step that is too much", () => {
  const names = Array.from({ length: 8 }, (_, i) => `t${i}`);
  const model = modelOf({
    nodes: [
      ...names.map((name) => node("Expand", ["x", "shape"], [name])),
      node("Sum", names, ["y"]),
    ],
    constants: { shape: ints([2 ** 28]) },
    inputs: { x: null },
    outputs: ["y"],
  });
  const network = fromOnnx(encodeOnnx(model));
  const { message } = assertThrows(() => network.forwardSync(Tensor.ones([1])), RangeError);
  assertMatch(message, /^Expand "t3": /);
});

Deno.test("Attributes and inputs that make no sense are refused by the node", () => {
  const w = floats([1, 1, 1, 1], [2, 2, 1, 1]);
  assertRefused(single("Conv", { w }, { strides: intList([0, 1]) }), /strides/);
  assertRefused(single("Conv", { w }, { strides: intList([1]) }), /strides must have 2/);
  assertRefused(single("Conv", { w }, { pads: intList([1, 1]) }), /pads must have 4/);
  assertRefused(single("Conv", { w }, { kernel_shape: intList([3, 3]) }), /kernel_shape/);
  assertRefused(single("Conv", { w }, { auto_pad: text("SAME") }), /auto_pad/);
  assertRefused(single("Conv", { w }, { group: int(3) }), /3/);
  assertRefused(single("Conv", { w }, { group: float(0.5) }), /0.5/);
  assertRefused(single("Conv", { w: floats([1], [1, 1, 1, 1]) }), /2 channels/);
  assertRefused(single("Conv", { w, b: floats([1]) }), /bias/);
  assertRefused(single("Conv", { w: floats([1], [1, 1]) }), /kernel/);
  assertRefused(single("MaxPool", {}, { kernel_shape: intList([9, 9]) }), /larger/);
  assertRefused(single("MaxPool"), /kernel_shape/);
  assertRefused(single("Reshape", { shape: ints([-1, -1]) }), /does not become/);
  assertRefused(single("Reshape", { shape: ints([5, -1]) }), /does not become/);
  assertRefused(single("Reshape", { shape: ints([7]) }), /does not become/);
  assertRefused(single("Transpose", {}, { perm: intList([0, 1, 2, 2]) }), /perm/);
  assertRefused(single("Concat", {}, { axis: int(4) }), /axis 4/);
  assertRefused(single("Gather", { i: ints([2]) }, { axis: int(1) }), /not within/);
  assertRefused(single("Slice", { starts: ints([0, 0]), ends: ints([1]) }), /starts/);
  assertRefused(
    single("Slice", { s: ints([0]), e: ints([1]), a: ints([0]), d: ints([0]) }),
    /steps must not be 0/,
  );
  assertRefused(single("Split", { sizes: ints([1, 2]) }, { axis: int(1) }), /axis 1/);
  assertRefused(single("Split", { sizes: ints([-1, 3]) }, { axis: int(1) }), /-1/);
  assertRefused(single("Pad", { pads: ints([1, 1]) }), /pads must have 8/);
  assertRefused(
    single("Pad", { pads: ints(Array(8).fill(1)) }, { mode: text("mirror") }),
    /mirror/,
  );
  assertRefused(single("Resize", { roi: floats([]), scales: floats([1, 1, -2, 2]) }), /positive/);
  assertRefused(single("Resize", { roi: floats([]), scales: floats([2, 2]) }), /4 scales/);
  assertRefused(
    single("Resize", { roi: floats([]), scales: floats([1, 1, 2, 2]) }, { mode: text("cubic") }),
    /cubic/,
  );
  assertRefused(single("DepthToSpace", {}, { blocksize: int(0) }), /blocks/);
  assertRefused(single("DepthToSpace", {}, { blocksize: int(3) }), /blocks/);
  assertRefused(single("MatMul", { b: floats([1, 2, 3], [3, 1]) }), /do not fit/);
  assertRefused(single("Gemm", { b: floats([1, 2, 3], [3, 1]) }), /matrices/);
  assertRefused(
    single(
      "BatchNormalization",
      Object.fromEntries("abcd".split("").map((name) => [name, floats([1])])),
    ),
    /2 numbers/,
  );
  assertRefused(single("Squeeze", { axes: ints([1]) }), /size 1/);
  assertRefused(single("Unsqueeze", { axes: ints([0, 0]) }), /distinct/);
  assertRefused(single("Softmax", {}, { axis: int(4) }), /axis 4/);
  assertRefused(single("Cast", {}, { to: int(8) }), /type 8/);
});

Deno.test("Weights, bounds and shapes that are computed from the inputs are refused by the node", () => {
  const nodes = {
    Conv: node("Conv", ["x", "x"], ["y"]),
    BatchNormalization: node("BatchNormalization", ["x", "x", "x", "x", "x"], ["y"]),
    Reshape: node("Reshape", ["x", "x"], ["y"]),
    Gather: node("Gather", ["x", "x"], ["y"]),
  };
  for (const [operator, node] of Object.entries(nodes)) {
    const model = modelOf({ nodes: [node], inputs: { x: null }, outputs: ["y"] });
    assertRefused(model, new RegExp(`^${operator} .*input 1 must be constant`));
  }
});

Deno.test("Values that no node makes are refused", () => {
  const model = modelOf({
    opset: 13,
    nodes: [node("Dropout", ["x"], ["y", "mask"])],
    inputs: { x: null },
    outputs: ["y", "mask"],
  });
  const network = fromOnnx(encodeOnnx(model));
  assertThrows(() => network.forwardSync(ONES), RangeError, '"mask"');
});
