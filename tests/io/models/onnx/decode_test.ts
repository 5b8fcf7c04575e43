import { assert, assertEquals, assertThrows } from "@std/assert";
import { decodeOnnx } from "../../../../src/io/models/onnx/decode.ts";
import type { OnnxTensor } from "../../../../src/io/models/onnx/model.ts";
import { bytes, float, initializer, int, join, model, node, OPSET } from "./_wire.ts";
import { tag, text, value, varint } from "./_wire.ts";

/** `TensorProto.DataType`. */
const FLOAT = 1;
const UINT8 = 2;
const INT8 = 3;
const INT64 = 7;
const BOOL = 9;
const FLOAT16 = 10;
const UINT32 = 12;

const RAW = 9;

/** Refused in one line that says where, and in which nothing can be hidden. */
function assertRefused(file: Uint8Array, reason: string): void {
  const { message } = assertThrows(() => decodeOnnx(file), SyntaxError, reason);
  assert(/^its? [^\p{C}\p{Zl}\p{Zp}]{1,400}$/u.test(message), message);
}

function tensorOf(...parts: readonly Uint8Array[]): OnnxTensor | undefined {
  return decodeOnnx(model(...parts)).graph.initializers.get("w");
}

const X = value(11, "x");
const Y = value(12, "y");
const IDENTITY = node("Identity", ["x"], ["y"]);
const ONES = new Uint8Array(Float32Array.of(1, 1, 1, 1).buffer);

Deno.test("decodeOnnx() takes bytes", () => {
  const values: readonly unknown[] = [null, "x", new ArrayBuffer(4), [8, 8]];
  for (const wrong of values) {
    assertThrows(() => decodeOnnx(wrong as Uint8Array), TypeError, "bytes must be a Uint8Array");
  }
});

Deno.test("decodeOnnx() reads bytes that lie inside others, at any address", () => {
  const file = model(X, Y, IDENTITY, initializer("w", [2, 2], FLOAT, bytes(RAW, ONES)));
  const expected = decodeOnnx(file);
  for (let offset = 0; offset < 9; offset++) {
    const around = new Uint8Array(file.length + 20).fill(255);
    around.set(file, offset);
    assertEquals(decodeOnnx(around.subarray(offset, offset + file.length)), expected);
  }
});

Deno.test("decodeOnnx() copies the elements of tensors", () => {
  const file = model(initializer("w", [4], FLOAT, bytes(RAW, ONES)));
  const { graph } = decodeOnnx(file);
  file.fill(0);
  assertEquals(graph.initializers.get("w")?.data, Float32Array.of(1, 1, 1, 1));
});

Deno.test("decodeOnnx() reads the fields of a message in any order", () => {
  const graph = bytes(7, Y, IDENTITY, X, text(2, "g"));
  assertEquals(decodeOnnx(join(OPSET, graph, int(1, 8))).graph.name, "g");
  const late = bytes(5, bytes(RAW, ONES), text(8, "w"), int(2, FLOAT), int(1, 2), int(1, 2));
  assertEquals(tensorOf(late)?.shape, [2, 2]);
});

Deno.test("decodeOnnx() reads lists that are packed, not packed, and both", () => {
  const packed = bytes(1, varint(2), varint(2));
  const dims = [packed, join(int(1, 2), int(1, 2)), join(int(1, 2), bytes(1, varint(2)), bytes(1))];
  for (const shape of dims) {
    const tensor = tensorOf(bytes(5, shape, int(2, FLOAT), text(8, "w"), bytes(RAW, ONES)));
    assertEquals(tensor?.shape, [2, 2]);
  }
  const floats = join(
    bytes(4, ONES.subarray(0, 8)),
    float(4, 3),
    bytes(4),
    bytes(4, ONES.subarray(0, 4)),
  );
  assertEquals(tensorOf(initializer("w", [4], FLOAT, floats))?.data, Float32Array.of(1, 1, 3, 1));
  const ints = join(int(7, -1), bytes(7, varint(300), varint(-(2n ** 63n))), int(7, 5));
  const expected = Float64Array.of(-1, 300, -(2 ** 63), 5);
  assertEquals(tensorOf(initializer("w", [4], INT64, ints))?.data, expected);
  const attribute = join(text(1, "pads"), int(8, 1), bytes(8, varint(2), varint(3)), int(20, 7));
  const list = join(text(1, "scales"), float(7, 1), bytes(7, ONES), int(20, 6));
  const { graph } = decodeOnnx(model(X, Y, node("Pad", ["x"], ["y"], attribute, list)));
  assertEquals(graph.nodes[0]?.attributes.get("pads"), { kind: "ints", value: [1, 2, 3] });
  const scales = graph.nodes[0]?.attributes.get("scales");
  assertEquals(scales, { kind: "floats", value: [1, 1, 1, 1, 1] });
});

Deno.test("decodeOnnx() steps over fields that it does not know", () => {
  const unknown = join(
    int(99, -1),
    float(1000, 1),
    bytes(2 ** 29 - 1, Uint8Array.of(255, 255)),
    tag(77, 1),
    new Uint8Array(8),
  );
  const typed = bytes(11, unknown, text(1, "x"), bytes(2, unknown, bytes(1, unknown, int(1, 1))));
  const attribute = join(unknown, text(1, "a"), int(3, 1), unknown, int(20, 2));
  const tensor = bytes(
    5,
    unknown,
    int(1, 1),
    int(2, UINT8),
    text(8, "w"),
    bytes(RAW, Uint8Array.of(9)),
  );
  const graph = bytes(
    7,
    typed,
    Y,
    bytes(1, unknown, text(1, "x"), text(2, "y"), text(4, "A"), bytes(5, attribute)),
    tensor,
  );
  const opset = bytes(8, unknown, int(2, 13));
  const read = decodeOnnx(join(unknown, int(1, 8), graph, opset, unknown));
  assertEquals(read.graph.nodes[0]?.attributes.get("a"), { kind: "int", value: 1 });
  assertEquals(read.graph.initializers.get("w")?.data, Float64Array.of(9));
  assertEquals(read.graph.inputs, [{ name: "x", kind: "float", shape: null }]);
});

Deno.test("decodeOnnx() takes what an attribute holds for its kind where there is no type", () => {
  const attributes = [
    join(text(1, "a"), float(2, 0.5)),
    join(text(1, "b"), text(9, "t")),
    text(1, "c"),
  ];
  const { graph } = decodeOnnx(model(X, Y, node("A", ["x"], ["y"], ...attributes)));
  assertEquals([...graph.nodes[0]?.attributes ?? []], [
    ["a", { kind: "float", value: 0.5 }],
    ["b", { kind: "strings", value: ["t"] }],
    ["c", { kind: "other" }],
  ]);
});

Deno.test("decodeOnnx() takes 0 and nothing for what an attribute leaves out", () => {
  const attributes = [1, 2, 3, 6, 7, 8].map((type) => join(text(1, `a${type}`), int(20, type)));
  const { graph } = decodeOnnx(model(X, Y, node("A", ["x"], ["y"], ...attributes)));
  const values = Array.from(graph.nodes[0]?.attributes.values() ?? []);
  assertEquals(values, [
    { kind: "float", value: 0 },
    { kind: "int", value: 0 },
    { kind: "string", value: "" },
    { kind: "floats", value: [] },
    { kind: "ints", value: [] },
    { kind: "strings", value: [] },
  ]);
});

Deno.test("decodeOnnx() knows the versions of the operators, or says that they are missing", () => {
  const graph = bytes(7, X, Y, IDENTITY);
  assertEquals([...decodeOnnx(join(int(1, 2), graph)).opsets], [["", 1]]);
  const named = join(int(1, 8), graph, bytes(8, text(1, "ai.onnx"), int(2, 9)));
  assertEquals([...decodeOnnx(named).opsets], [["", 9]]);
  assertEquals([...decodeOnnx(join(named, bytes(8, int(2, 9)))).opsets], [["", 9]]);
  assertRefused(join(named, OPSET), 'says version 13 of domain "" beside 9');
  assertRefused(join(int(1, 8), graph), 'opset_import has no version for domain ""');
  assertRefused(join(int(1, 8), graph, bytes(8)), 'opset_import[0] of domain "" says no version');
  assertRefused(join(graph, OPSET), "says no ir_version");
  assertRefused(join(int(1, -1), graph, OPSET), "says no ir_version");
  assertRefused(join(int(1, 8), OPSET), "has no graph");
  assertRefused(join(int(1, 8), graph, graph, OPSET), "more than one graph");
  assertRefused(new Uint8Array(), "says no ir_version; is it an ONNX file?");
});

Deno.test("decodeOnnx() leaves initializers out of the inputs", () => {
  const w = initializer("w", [4], FLOAT, bytes(RAW, ONES));
  const { graph } = decodeOnnx(model(value(11, "w"), X, Y, IDENTITY, w));
  assertEquals(graph.inputs.map(({ name }) => name), ["x"]);
});

Deno.test("decodeOnnx() keeps the order of nodes that is right, and puts others into one", () => {
  const order = (...nodes: readonly Uint8Array[]) =>
    decodeOnnx(model(X, value(12, "d"), ...nodes)).graph.nodes.map(({ operator }) => operator);
  const [a, b, c, d] = [
    node("A", ["x"], ["a"]),
    node("B", ["x", "", "a"], ["b", ""]),
    node("C", ["x"], ["c"]),
    node("D", ["c", "b", "b", "c"], ["d"]),
  ];
  assertEquals(order(a, b, c, d), ["A", "B", "C", "D"]);
  assertEquals(order(c, a, b, d), ["C", "A", "B", "D"]);
  assertEquals(order(d, c, b, a), ["C", "A", "B", "D"]);
  assertEquals(order(b, d, a, c), ["A", "B", "C", "D"]);
});

Deno.test("decodeOnnx() orders a long chain that lies back to front", () => {
  const count = 3000;
  const nodes = Array.from(
    { length: count },
    (_, i) => node("A", [i + 1 === count ? "x" : `v${i + 1}`], [`v${i}`]),
  );
  const { graph } = decodeOnnx(model(X, value(12, "v0"), ...nodes));
  assertEquals(graph.nodes.at(0)?.inputs, ["x"]);
  assertEquals(graph.nodes.at(-1)?.outputs, ["v0"]);
});

Deno.test("decodeOnnx() refuses nodes that wait for themselves", () => {
  assertRefused(model(X, Y, node("A", ["y"], ["y"])), 'takes "y", which is made of its own output');
  const circle = [node("A", ["x", "c"], ["a"]), node("B", ["a"], ["b"]), node("C", ["b"], ["c"])];
  assertRefused(model(X, value(12, "c"), ...circle), "which is made of its own output");
});

Deno.test("decodeOnnx() refuses names that stand for two values or for none", () => {
  const w = initializer("w", [4], FLOAT, bytes(RAW, ONES));
  assertRefused(model(X, Y, w, w), 'initializer[1] has the name "w" of another');
  assertRefused(model(X, X, Y, IDENTITY), 'input[1] has the name "x" of another');
  assertRefused(model(X, Y, Y, IDENTITY), 'output[1] has the name "y" of another');
  assertRefused(
    model(X, Y, IDENTITY, IDENTITY),
    'node[1], "Identity" "", which gives "y", which is given already',
  );
  assertRefused(model(X, Y, node("A", ["x"], ["y", "y"])), 'gives "y", which is given already');
  assertRefused(model(X, Y, node("A", [], ["x"])), 'gives "x", which is given already');
  assertRefused(model(X, Y, w, node("A", [], ["w"])), 'gives "w", which is given already');
  assertRefused(model(X, Y, node("A", ["z"], ["y"])), 'takes "z", which nothing gives');
  assertRefused(model(X, Y), 'has output "y", which nothing gives');
  assertRefused(model(initializer("", [4], FLOAT, bytes(RAW, ONES))), "initializer[0] has no name");
  assertRefused(model(value(11, "")), "input[0] has no name");
  assertRefused(model(X, Y, node("", ["x"], ["y"])), 'node[0] "" has no op_type');
  const twice = join(text(1, "a"), int(3, 1), int(20, 2));
  assertRefused(
    model(X, Y, node("A", ["x"], ["y"], twice, twice)),
    'attribute[1] has the name "a" of another',
  );
  assertRefused(model(X, Y, node("A", ["x"], ["y"], int(3, 1))), "attribute[0] has no name");
});

Deno.test("decodeOnnx() refuses shapes that are none, and sizes whose product is too large", () => {
  const of = (...shape: readonly (number | bigint)[]) =>
    model(initializer("w", shape, FLOAT, bytes(RAW, ONES)));
  assertRefused(of(-1), 'initializer[0] "w" has shape [-1], which is none');
  assertRefused(of(-2, -2), "has shape [-2, -2]");
  assertRefused(of(2n ** 63n - 1n), "has shape [9223372036854775808]");
  assertRefused(of(2n ** 40n, 2n ** 40n), "has more than 2^53 elements");
  assertRefused(of(2n ** 32n, 2n ** 32n, 4n), "has more than 2^53 elements");
  assertRefused(of(2 ** 33), "takes 34359738368 bytes, but its raw_data has 16");
  assertRefused(of(...new Array(65).fill(1)), "has 65 axes; at most 64");
  assertEquals(tensorOf(initializer("w", [2 ** 40, 0, 2 ** 40], FLOAT))?.data.length, 0);
});

Deno.test("decodeOnnx() refuses tensors that hold more or fewer elements than their shape says", () => {
  const of = (type: number, ...data: readonly Uint8Array[]) =>
    model(initializer("w", [2, 2], type, ...data));
  for (const length of [0, 1, 15, 17, 32]) {
    assertRefused(
      of(FLOAT, bytes(RAW, new Uint8Array(length))),
      'initializer[0] "w" of shape [2, 2] and type FLOAT takes',
    );
  }
  assertRefused(of(FLOAT, bytes(4, ONES, ONES)), "takes 4 elements, but its float_data has 8");
  assertRefused(of(FLOAT, bytes(4, ONES.subarray(1))), "has float_data of 15 bytes");
  assertRefused(of(FLOAT), "takes 4 elements, but its float_data has 0");
  assertRefused(of(INT64, bytes(7, varint(300))), "takes 4 elements, but its int64_data has 1");
  assertRefused(of(INT64, bytes(7, Uint8Array.of(1, 2, 3, 4, 128))), "ends early");
  assertRefused(
    of(FLOAT, bytes(4, ONES), bytes(RAW, ONES)),
    "has float_data, where raw_data is too",
  );
  assertRefused(
    of(FLOAT, bytes(5, varint(1))),
    "has int32_data, where float_data or raw_data is expected",
  );
  assertRefused(
    of(INT64, bytes(5, varint(1))),
    "has int32_data, where int64_data or raw_data is expected",
  );
});

Deno.test("decodeOnnx() refuses numbers that are none of their element type", () => {
  const of = (type: number, field: number, number: number | bigint) =>
    model(initializer("w", [1], type, int(field, number)));
  assertRefused(of(INT8, 5, 128), "has 128 in its int32_data, which is no INT8");
  assertRefused(of(INT8, 5, -129), "has -129 in its int32_data");
  assertRefused(of(UINT8, 5, -1), "which is no UINT8");
  assertRefused(of(BOOL, 5, 2), "which is no BOOL");
  assertRefused(of(FLOAT16, 5, 65536), "which is no FLOAT16");
  assertRefused(of(UINT32, 11, 2 ** 32), "has 4294967296 in its uint64_data, which is no UINT32");
  assertRefused(of(99, 5, 1), "has elements of type 99; expected FLOAT, UINT8");
  assertRefused(of(0, 5, 1), "has elements of type UNDEFINED");
});

Deno.test("decodeOnnx() takes any bits but 0 for true in raw bytes", () => {
  const data = tensorOf(initializer("w", [3], BOOL, bytes(RAW, Uint8Array.of(0, 1, 255))))?.data;
  assertEquals(data, Float64Array.of(0, 1, 1));
});

Deno.test("decodeOnnx() refuses attributes that are not what they say", () => {
  const of = (...parts: readonly Uint8Array[]) =>
    model(X, Y, node("A", ["x"], ["y"], join(text(1, "a"), ...parts)));
  assertRefused(of(int(20, 7), int(3, 1)), 'attribute[0] "a" is of kind ints, but holds int');
  assertRefused(of(float(2, 1), int(3, 1)), "but holds");
  assertRefused(of(int(20, 4)), "is a tensor that is missing");
  assertRefused(of(int(20, 15)), "is of unknown type 15");
  assertRefused(of(int(20, -1)), "is of unknown type -1");
  assertRefused(of(text(21, "b"), int(20, 2)), "refers to an attribute of a function");
});

Deno.test("decodeOnnx() refuses inputs and outputs that are no tensors of numbers", () => {
  const of = (...parts: readonly Uint8Array[]) => model(bytes(11, text(1, "x"), ...parts));
  assertRefused(of(), 'input[0] "x" does not say of which type it is');
  assertRefused(of(bytes(2)), "input[0].type is that of no tensor");
  assertRefused(of(bytes(2, bytes(1))), "input[0].type.tensor_type has elements of type UNDEFINED");
  for (
    const [field, name] of [[4, "a sequence"], [5, "a map"], [8, "a sparse tensor"], [
      9,
      "optional",
    ]] as const
  ) {
    assertRefused(of(bytes(2, bytes(field))), `input[0].type is ${name}`);
  }
  const sizes = (...dims: readonly Uint8Array[]) => model(value(11, "x", ...dims));
  assertRefused(
    sizes(int(1, 1), int(1, -2)),
    "input[0].type.tensor_type.shape.dim[1] is a size of -2",
  );
  assertRefused(sizes(int(1, 2n ** 53n)), "is a size of 9007199254740992");
  assertRefused(sizes(...new Array(65).fill(int(1, 1))), "has more than 64 axes");
});
