import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  decodeSafetensors,
  decodeSafetensorsMetadata,
  encodeSafetensors,
  readSafetensors,
  writeSafetensors,
} from "../../../src/io/arrays/safetensors.ts";
import { FileError } from "../../../src/io/files.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { hasNumpy, runPython } from "../../_numpy.ts";
import { readOrRefuse } from "../_refused.ts";
import { entry, makeSafetensors } from "./_safetensors.ts";

const TENSORS = {
  "conv.weight": Tensor.randn([4, 3, 2, 2], { seed: 1 }),
  "conv.bias": Tensor.from([Infinity, -0, NaN, 1e-45]),
  scalar: Tensor.from(2.5),
  empty: Tensor.zeros([0, 3]),
};

Deno.test("decodeSafetensors() reads back what encodeSafetensors() writes", () => {
  const read = decodeSafetensors(encodeSafetensors(TENSORS));
  assertEquals(Object.keys(read).sort(), Object.keys(TENSORS).sort());
  for (const [name, tensor] of Object.entries(TENSORS)) {
    assertEquals(read[name]?.shape, tensor.shape);
    assertEquals(read[name]?.data, tensor.data);
  }
  assertEquals(decodeSafetensors(encodeSafetensors({})), Object.create(null));
});

Deno.test("encodeSafetensors() rounds to float16 and bfloat16", () => {
  const x = Tensor.from([1 / 3, 65504, 65519.9, 65520, 1e-8, -2]);
  const half = decodeSafetensors(encodeSafetensors({ x }, { dtype: "float16" }));
  assertEquals([...half["x"]?.data ?? []], [0.333251953125, 65504, 65504, Infinity, 0, -2]);
  const brain = decodeSafetensors(encodeSafetensors({ x }, { dtype: "bfloat16" }));
  assertEquals([...brain["x"]?.data.slice(0, 2) ?? []], [0.333984375, 65536]);
});

Deno.test("decodeSafetensors() keeps any name, and no name is anything before it is read", () => {
  const names = ["__proto__", "constructor", "toString", "", "0", 'a\n\u2028"\\b', "größe"];
  const tensors = Object.fromEntries(names.map((name, index) => [name, Tensor.from([index])]));
  const read = decodeSafetensors(encodeSafetensors(tensors));
  for (const [index, name] of names.entries()) {
    assertEquals([...read[name]?.data ?? []], [index], name);
  }
  assertEquals(decodeSafetensors(encodeSafetensors({}))["constructor"], undefined);
});

Deno.test("decodeSafetensorsMetadata() reads what its writer said", () => {
  const metadata = { format: "pt", "größe": "9", __proto__x: "" };
  const bytes = encodeSafetensors({ x: Tensor.ones([1]) }, { metadata });
  assertEquals(decodeSafetensorsMetadata(bytes), new Map(Object.entries(metadata)));
  assertEquals(decodeSafetensorsMetadata(encodeSafetensors({})).size, 0);
  assertEquals(Object.keys(decodeSafetensors(bytes)), ["x"]);
});

Deno.test("decodeSafetensors() reads every type, tensors in any order, and blanks behind the header", () => {
  const cases: readonly (readonly [string, readonly number[], number])[] = [
    ["BOOL", [1], 1],
    ["U8", [200], 200],
    ["I8", [200], -56],
    ["U16", [1, 128], 32769],
    ["I16", [1, 128], -32767],
    ["F16", [0, 60], 1],
    ["BF16", [128, 63], 1],
    ["U32", [0, 0, 0, 128], 2 ** 31],
    ["I32", [0, 0, 0, 128], -(2 ** 31)],
    ["F32", [0, 0, 128, 63], 1],
    ["F64", [0, 0, 0, 0, 0, 0, 240, 63], 1],
    ["U64", [0, 0, 0, 0, 0, 0, 0, 128], 2 ** 63],
    ["I64", [255, 255, 255, 255, 255, 255, 255, 255], -1],
  ];
  const data: number[] = [];
  const header: Record<string, unknown> = {};
  for (const [type, bytes] of cases) {
    header[type] = entry(type, [1], data.length, data.length + bytes.length);
    data.push(...bytes);
  }
  const reversed = Object.fromEntries(Object.entries(header).toReversed());
  const read = decodeSafetensors(makeSafetensors(`${JSON.stringify(reversed)}   `, data));
  for (const [type, , value] of cases) assertEquals([...read[type]?.data ?? []], [value], type);
});

/** Two tensors of four bytes each, the second as it is given. */
function beside(second: unknown): Uint8Array {
  return makeSafetensors({ a: entry("F32", [1], 0, 4), b: second }, new Array(8).fill(0));
}

const HEADER_WRONG = "its .safetensors header is wrong: ";

const WRONG: readonly (readonly [name: string, bytes: Uint8Array, message: string])[] = [
  ["nothing", new Uint8Array(), "it is empty"],
  ["a length alone", Uint8Array.of(8, 0, 0), "it ends early, inside its header"],
  ["a header of 2 GiB", makeSafetensors("{}", [], 2n ** 31n), "its header would take 2147483648"],
  [
    "a header of 2^64 bytes",
    makeSafetensors("{}", [], 2n ** 64n - 1n),
    "its header would take 1844",
  ],
  ["a header cut short", makeSafetensors("{}").slice(0, 9), "its header would take 2 bytes, but 1"],
  ["a .npy file", Uint8Array.from("\x93NUMPY\x01\0", (c) => c.charCodeAt(0)), "it is a .npy file"],
  ["a list", makeSafetensors("[]"), `${HEADER_WRONG}it does not begin with {`],
  ["no JSON", makeSafetensors("{'a': 1}"), `${HEADER_WRONG}it is not JSON`],
  ["half a header", makeSafetensors('{"a":{"dtype'), `${HEADER_WRONG}it is not JSON`],
  ["a name that is not UTF-8", makeSafetensors("{}", [], 2n).fill(0xff, 9, 10), "it is not UTF-8"],
  [
    "a name twice",
    makeSafetensors(
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},' +
        '"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
      [0],
    ),
    "a name is there twice",
  ],
  [
    "a key twice",
    makeSafetensors('{"a":{"dtype":"F32","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', [0]),
    "a name is there twice",
  ],
  ["a number as tensor", beside(1), `${HEADER_WRONG}"b" is not an object`],
  [
    "lists by the million",
    makeSafetensors(`{"a":[${"[],".repeat(2 ** 21)}1]}`),
    "it has more than 4194304 parts",
  ],
  ["nested objects", beside({ dtype: { a: 1 } }), "nested too deep"],
  ["nothing said of a tensor", beside({}), `the dtype of "b" is not a string`],
  ["an unknown key", beside({ ...entry("U8", [4], 4, 8), more: 1 }), 'has an unknown "more"'],
  ["an unknown dtype", beside(entry("F8_E4M3", [4], 4, 8)), 'has dtype "F8_E4M3"; expected F64'],
  ["a name of a method as dtype", beside(entry("constructor", [4], 4, 8)), "expected F64"],
  ["a shape that is a number", beside(entry("U8", 4, 4, 8)), "not a list of at most 64 sizes"],
  ["65 axes", beside(entry("F32", new Array(65).fill(1), 4, 8)), "not a list of at most 64 sizes"],
  ["a negative size", beside(entry("U8", [-4], 4, 8)), "not a list of at most 64 sizes"],
  ["half a size", beside(entry("U8", [4.5], 4, 8)), "not a list of at most 64 sizes"],
  ["a size beyond 2^53", beside(entry("U8", [2 ** 60], 4, 8)), "not a list of at most 64 sizes"],
  [
    "three places",
    beside({ ...entry("U8", [4], 4, 8), data_offsets: [4, 8, 9] }),
    "not two places",
  ],
  ["negative places", beside(entry("U8", [4], -4, 0)), "not two places"],
  ["places in reverse", beside(entry("U8", [4], 8, 4)), "takes 4 bytes, but its data_offsets"],
  ["a shape larger than its place", beside(entry("F32", [2], 4, 8)), "takes 8 bytes, but its"],
  [
    "sizes whose product is beyond 2^53",
    beside(entry("U8", [2 ** 30, 2 ** 30], 4, 8)),
    "takes more than 2^53 bytes",
  ],
  [
    "sizes whose product is infinite",
    beside(entry("U8", new Array(40).fill(2 ** 50), 4, 8)),
    "takes more than 2^53 bytes",
  ],
  [
    "ranges that overlap",
    beside(entry("F32", [1], 3, 7)),
    '"b" begins at byte 3 of the data, where 4',
  ],
  ["one range twice", beside(entry("F32", [1], 0, 4)), "without gap or overlap"],
  [
    "a gap",
    beside(entry("U8", [3], 5, 8)),
    '"b" begins at byte 5 of the data, where 4 is expected',
  ],
  ["an offset past the end", beside(entry("U8", [8], 4, 12)), "it ends early: its tensors take 12"],
  [
    "an offset at 2^52",
    beside(entry("U8", [2 ** 52], 4, 2 ** 52 + 4)),
    "it ends early: its tensors",
  ],
  ["data that nothing names", beside(entry("U8", [1], 4, 5)), "bytes too many: 3"],
  ["metadata that are a list", makeSafetensors({ __metadata__: [] }), "its __metadata__ is not an"],
  ["numbers as metadata", makeSafetensors({ __metadata__: { a: 1 } }), '"a" is not a string'],
  ["a name that speaks to a terminal", named("\x1b[2J\u202e"), '"?[2J?"'],
];

/** A tensor of that name that says nothing. */
function named(name: string): Uint8Array {
  return makeSafetensors({ [name]: 1 });
}

for (const [name, bytes, message] of WRONG) {
  Deno.test(`decodeSafetensors() refuses ${name}`, () => {
    assertThrows(() => decodeSafetensors(bytes), SyntaxError, message);
    assertEquals(readOrRefuse(() => decodeSafetensors(bytes)), null);
  });
}

Deno.test("decodeSafetensors() bears JSON that is nested a million deep", () => {
  const bytes = makeSafetensors(`{"a":${"[".repeat(1e6)}${"]".repeat(1e6)}}`);
  assertThrows(() => decodeSafetensors(bytes), SyntaxError, HEADER_WRONG);
});

Deno.test("decodeSafetensors() does not count through the sizes beside a 0", () => {
  const bytes = makeSafetensors({ a: entry("F32", [2 ** 40, 0, 2 ** 40], 0, 0) });
  assertEquals(decodeSafetensors(bytes)["a"]?.shape, [2 ** 40, 0, 2 ** 40]);
});

Deno.test("encodeSafetensors() rejects what it cannot write", () => {
  const x = Tensor.ones([1]);
  const wrong = <Value>(value: unknown) => value as Value;
  assertThrows(() => encodeSafetensors({ __metadata__: x }), RangeError, "can be called");
  assertThrows(() => encodeSafetensors(wrong({ x: [1] })), TypeError, '"x" must be a tensor');
  assertThrows(() => encodeSafetensors(wrong(x)), TypeError, "must be an object");
  assertThrows(() => encodeSafetensors({ x }, wrong({ type: "float16" })), TypeError, "dtype");
  assertThrows(() => encodeSafetensors({ x }, wrong({ dtype: "float8" })), RangeError, "one of");
  assertThrows(() => encodeSafetensors({ x }, wrong({ metadata: { a: 1 } })), TypeError, "string");
});

Deno.test("writeSafetensors() and readSafetensors() name the file in their errors", async () => {
  using folder = new TestFolder();
  const path = folder.file("x.safetensors");
  await writeSafetensors(path, TENSORS);
  assertEquals(Object.keys(await readSafetensors(path)).length, 4);
  assertEquals(folder.names(), ["x.safetensors"]);
  Deno.writeTextFileSync(path, "no tensors at all");
  await assertRejects(() => readSafetensors(path), FileError, `Cannot read "${path}": it is not`);
});

/** The format in twenty lines of Python, by its specification. */
const PYTHON = `
import json, struct, sys, numpy as np
def save(path, arrays, metadata=None):
    header, data = {}, b""
    if metadata: header["__metadata__"] = metadata
    for name, array in arrays.items():
        raw = np.ascontiguousarray(array).tobytes()
        kind = {"f": "F", "i": "I", "u": "U", "b": ""}[array.dtype.kind]
        header[name] = {
            "dtype": "BOOL" if array.dtype == bool else f"{kind}{8 * array.itemsize}",
            "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)
def load(path):
    raw = open(path, "rb").read()
    (length,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8:8 + length])
    metadata = header.pop("__metadata__", None)
    types = {"F32": "<f4", "F16": "<f2"}
    arrays = {}
    for name, e in header.items():
        begin, end = e["data_offsets"]
        arrays[name] = np.frombuffer(raw[8 + length:][begin:end], types[e["dtype"]]).reshape(e["shape"])
    return arrays, metadata
`;

Deno.test({
  name: "readSafetensors() reads what Python writes by the specification, and the other way round",
  ignore: !hasNumpy,
  async fn() {
    using folder = new TestFolder();
    runPython(
      `${PYTHON}
types = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]
save(sys.argv[1] + "/a", {t: (np.arange(24).reshape(2, 3, 4) % 2).astype(t) for t in types}, {"a": "b"})
`,
      folder.path,
    );
    const read = await readSafetensors(folder.file("a"));
    assertEquals(Object.keys(read).length, 12);
    for (const [type, { shape, data }] of Object.entries(read)) {
      assertEquals(shape, [2, 3, 4], type);
      assertEquals([...data], Array.from({ length: 24 }, (_, value) => value % 2), type);
    }
    const x = Tensor.from([[1, 2.5, -3], [0.1, 65504, 1e-7]]);
    await writeSafetensors(folder.file("f4"), { x }, { metadata: { from: "here" } });
    await writeSafetensors(folder.file("f2"), { x }, { dtype: "float16" });
    const printed = runPython(
      `${PYTHON}
x = np.array([[1, 2.5, -3], [0.1, 65504, 1e-7]], "f4")
(wide, metadata), (half, _) = load(sys.argv[1] + "/f4"), load(sys.argv[1] + "/f2")
print(np.array_equal(wide["x"], x), np.array_equal(half["x"], x.astype("f2")), metadata)
`,
      folder.path,
    );
    assertEquals(printed.trim(), "True True {'from': 'here'}");
  },
});
