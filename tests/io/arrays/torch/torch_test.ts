import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { deflateRawSync } from "node:zlib";
import { decodeTorch, readTorch } from "../../../../src/io/arrays/torch/decode.ts";
import { encodeTorch, writeTorch } from "../../../../src/io/arrays/torch/encode.ts";
import { FileError } from "../../../../src/io/files.ts";
import { Tensor } from "../../../../src/tensor/tensor.ts";
import { TestFolder } from "../../../_folder.ts";
import { hasTorch, runTorch } from "../../../_programs.ts";
import { readOrRefuse } from "../../_refused.ts";
import {
  dictOfTensor,
  FLOATS,
  integer,
  makeTorch,
  pickleOf,
  tensor,
  text,
  tuple,
} from "./_pickle.ts";

/** A file of `torch.save()`, as `files.py` writes it. */
interface TorchFile {
  readonly name: string;
  readonly bytes: string;
  /** What PyTorch reads, rounded to float32; base64 of the values. */
  readonly tensors?: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly values: string }>
  >;
  readonly error?: string;
}

const FILES: readonly TorchFile[] = Deno
  .readTextFileSync(new URL("files.jsonl", import.meta.url)).trim().split("\n")
  .map((line) => JSON.parse(line));

for (const { name, bytes, tensors, error } of FILES) {
  const file = Uint8Array.fromBase64(bytes);
  if (tensors !== undefined) {
    Deno.test(`decodeTorch() reads ${name} as PyTorch does`, () => {
      const read = decodeTorch(file);
      assertEquals(Object.keys(read), Object.keys(tensors));
      for (const [key, { shape, values }] of Object.entries(tensors)) {
        assertEquals(read[key]?.shape, shape, key);
        assertEquals(new Uint8Array(read[key]?.data.buffer ?? []).toBase64(), values, key);
      }
    });
  } else {
    Deno.test(`decodeTorch() refuses ${name}`, () => {
      const { message } = assertThrows(() => decodeTorch(file), SyntaxError, error);
      assert(/^[ -~]{1,200}$/.test(message), message);
    });
  }
}

Deno.test("decodeTorch() reads back what encodeTorch() writes", () => {
  const tensors = {
    "0.weight": Tensor.randn([4, 3, 2, 2], { seed: 1 }),
    größe: Tensor.from([Infinity, -0, NaN]),
    __proto__x: Tensor.from(2.5),
    empty: Tensor.zeros([0, 3]),
  };
  const read = decodeTorch(encodeTorch(tensors));
  assertEquals(Object.keys(read), Object.keys(tensors));
  for (const [name, tensor] of Object.entries(tensors)) {
    assertEquals(read[name]?.shape, tensor.shape);
    assertEquals(read[name]?.data, tensor.data);
  }
  const x = Tensor.from([1 / 3]);
  assertEquals([...decodeTorch(encodeTorch({ x }, { dtype: "float16" }))["x"]?.data ?? []], [
    0.333251953125,
  ]);
  assertEquals([...decodeTorch(encodeTorch({ x }, { dtype: "bfloat16" }))["x"]?.data ?? []], [
    0.333984375,
  ]);
});

Deno.test("decodeTorch() reads the higher byte first where the file says so", () => {
  const order = (text: string) => ({
    name: "archive/byteorder",
    bytes: new TextEncoder().encode(text),
  });
  const reversed = { 0: FLOATS.toReversed() };
  const big = decodeTorch(makeTorch(dictOfTensor(), reversed, [order("big")]));
  assertEquals([...big["x"]?.data ?? []], [2, 1]);
  const little = decodeTorch(makeTorch(dictOfTensor(), undefined, [order("little")]));
  assertEquals([...little["x"]?.data ?? []], [1, 2]);
  const other = makeTorch(dictOfTensor(), reversed, [order("middle")]);
  assertThrows(() => decodeTorch(other), SyntaxError, 'its byte order is "middle"');
});

Deno.test("decodeTorch() looks nothing up by a name from the file", () => {
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"];
  for (const name of names) {
    const read = decodeTorch(makeTorch(pickleOf("}(", text(name), tensor(), "u.")));
    assertEquals(Object.keys(read), [name]);
    assertEquals([...read[name]?.data ?? []], [1, 2]);
    const asked = makeTorch(pickleOf(`c${name}\n${name}\n.`));
    assertThrows(() => decodeTorch(asked), SyntaxError, `it asks for "${name}.${name}"`);
    const whole = makeTorch(pickleOf(`c\n${name}\n.`));
    assertThrows(() => decodeTorch(whole), SyntaxError, `it asks for ".${name}"`);
  }
});

const DAMAGED = "its pickle is damaged ";

/** `x = (x, x)`, so many times: a few bytes for a tree of 2^times leaves. */
function laughs(times: number): Uint8Array {
  const steps = Array.from({ length: times }, (_, index) => ["h", index, 0x86, "q", index + 1]);
  return pickleOf("]q", 0, ...steps.flat(), ".");
}

const WRONG: readonly (readonly [name: string, bytes: Uint8Array, message: string])[] = [
  ["nothing", new Uint8Array(), "it is empty"],
  ["a text", new TextEncoder().encode("hello"), "it is not a file that torch.save() writes"],
  ["a pickle alone", dictOfTensor(), "it is not a file that torch.save() writes"],
  [
    "an archive without a pickle",
    makeTorch(dictOfTensor()).map((byte) => byte === 0x6b ? 0x6c : byte),
    "it is a",
  ],
  [
    "two pickles",
    makeTorch(dictOfTensor(), undefined, [{ name: "b/data.pkl", bytes: dictOfTensor() }]),
    "with 2 files called data.pkl",
  ],
  ["no tensors", makeTorch(pickleOf("}.")), "it holds no tensors"],
  ["an empty pickle", makeTorch(new Uint8Array()), "it ends early, inside its pickle"],
  [
    "a pickle cut short",
    makeTorch(dictOfTensor().slice(0, -1)),
    "it ends early, inside its pickle",
  ],
  [
    "a pickle cut inside a text",
    makeTorch(pickleOf("X", 255, 255, 255, 127)),
    "2147483647 bytes should",
  ],
  ["a pickle that ends with nothing", makeTorch(pickleOf(".")), "it ends with 0 values"],
  ["a pickle that ends with two values", makeTorch(pickleOf("}}.")), "it ends with 2 values"],
  ["protocol 1", makeTorch(Uint8Array.of(0x80, 1, 0x7d, 0x2e)), "its pickle has protocol 1"],
  [
    "an unknown instruction",
    makeTorch(pickleOf("}", 0x81, ".")),
    "its pickle has instruction 0x81 at byte 3",
  ],
  [
    "an instance of a class",
    makeTorch(pickleOf("(ios\nsystem\n.")),
    "its pickle has instruction 0x69",
  ],
  ["a memory that was never kept", makeTorch(pickleOf("h", 5, ".")), "recalls value 5"],
  ["a value that is not there", makeTorch(pickleOf("s.")), "takes a value that is not there"],
  ["a mark that is not there", makeTorch(pickleOf("t.")), "needs a mark"],
  ["a value below a mark", makeTorch(pickleOf("}}(s.")), "takes a value that is not there"],
  ["an item of a tuple", makeTorch(pickleOf(")Na.")), "appends to what is not a list"],
  ["an item of a list", makeTorch(pickleOf("]NNs.")), "sets items of what is not a dict"],
  ["half an item", makeTorch(pickleOf("}(Nu.")), "or half an item"],
  ["a call of a text", makeTorch(pickleOf(text("x"), ")R.")), "calls what cannot be called"],
  ["a call of a dict", makeTorch(pickleOf("})R.")), "calls what cannot be called"],
  [
    "a call of a storage class",
    makeTorch(pickleOf("ctorch\nFloatStorage\n)R.")),
    "cannot be called",
  ],
  [
    "a call without a tuple",
    makeTorch(pickleOf("ccollections\nOrderedDict\n}R.")),
    "cannot be called",
  ],
  ["attributes of a tensor", makeTorch(pickleOf(tensor(), "}b.")), "gives attributes to no dict"],
  ["a name without an end", makeTorch(pickleOf(`c${"a".repeat(1001)}`)), "does not end"],
  [
    "a name from the stack that is a number",
    makeTorch(pickleOf("K", 1, "K", 1, 0x93, ".")),
    "is not a text",
  ],
  [
    "a name that speaks to a terminal",
    makeTorch(pickleOf("cos\n\x1b[2J\n.")),
    'it asks for "os.?[2J"',
  ],
  [
    "os.system",
    makeTorch(pickleOf("cos\nsystem\n", text("true"), 0x85, "R.")),
    'it asks for "os.system"',
  ],
  [
    "os.system from the stack",
    makeTorch(pickleOf(text("os"), text("system"), 0x93, text("true"), 0x85, "R.")),
    'it asks for "os.system"',
  ],
  [
    "storages from bytes of their own",
    makeTorch(pickleOf("ctorch.storage\n_load_from_bytes\n.")),
    'it asks for "torch.storage._load_from_bytes"',
  ],
  [
    "a storage of complex numbers",
    makeTorch(dictOfTensor({ storage: "ComplexFloatStorage" })),
    "it asks for",
  ],
  [
    "a reference to a module",
    makeTorch(pickleOf("(", text("module"), "NNNtQ.")),
    "what it refers to",
  ],
  ["a reference to a text", makeTorch(pickleOf(text("storage"), "Q.")), "what it refers to"],
  ["a storage of -1 elements", makeTorch(dictOfTensor({ length: -1 })), "what it refers to"],
  [
    "a storage that is missing",
    makeTorch(dictOfTensor({ key: "1" })),
    'its storage "1" is missing',
  ],
  [
    "a storage outside",
    makeTorch(dictOfTensor({ key: "../data.pkl" })),
    'its storage "../data.pkl" is missing',
  ],
  [
    "a storage of other length",
    makeTorch(dictOfTensor({ length: 3 })),
    "of 3 elements takes 12 bytes, but 8",
  ],
  [
    "a storage of other type",
    makeTorch(dictOfTensor({ storage: "DoubleStorage" })),
    "takes 16 bytes, but 8",
  ],
  [
    "a storage of 2^53 elements",
    makeTorch(dictOfTensor({ length: 2n ** 53n - 1n })),
    "but 8 are there",
  ],
  [
    "an offset past the end",
    makeTorch(dictOfTensor({ offset: 1 })),
    "reaches to element 2 of a storage of 2",
  ],
  [
    "a negative offset",
    makeTorch(dictOfTensor({ offset: -1 })),
    "wrong storage, offset, size or stride",
  ],
  [
    "a negative size",
    makeTorch(dictOfTensor({ size: [-2] })),
    "wrong storage, offset, size or stride",
  ],
  [
    "a negative stride",
    makeTorch(dictOfTensor({ stride: [-1] })),
    "wrong storage, offset, size or stride",
  ],
  ["a stride past the end", makeTorch(dictOfTensor({ stride: [2] })), "reaches to element 2"],
  ["a stride of 2^52", makeTorch(dictOfTensor({ stride: [2n ** 52n] })), "reaches to element 4503"],
  [
    "a size of 2^63",
    makeTorch(dictOfTensor({ size: [2n ** 63n - 1n] })),
    "wrong storage, offset, size",
  ],
  [
    "more strides than sizes",
    makeTorch(dictOfTensor({ stride: [1, 1] })),
    "wrong storage, offset, size",
  ],
  [
    "65 axes",
    makeTorch(dictOfTensor({ size: new Array(65).fill(1), stride: new Array(65).fill(0) })),
    "wrong",
  ],
  [
    "one element 2^50 times",
    makeTorch(dictOfTensor({ size: [2 ** 25, 2 ** 25], stride: [0, 0] })),
    "it unpacks to more than the 1.00 GiB",
  ],
  [
    "one element too often to count",
    makeTorch(dictOfTensor({ size: new Array(40).fill(2 ** 40), stride: new Array(40).fill(0) })),
    "it unpacks to more than the 1.00 GiB",
  ],
  [
    "a tensor of a text",
    makeTorch(pickleOf("ctorch._utils\n_rebuild_tensor_v2\n", text("a"), 0x85, "R.")),
    "wrong",
  ],
  [
    "a parameter of a text",
    makeTorch(pickleOf("ctorch._utils\n_rebuild_parameter\n", text("a"), 0x85, "R.")),
    "no",
  ],
  [
    "a dict of a text",
    makeTorch(pickleOf("ccollections\nOrderedDict\n", text("a"), 0x85, "R.")),
    "a dict is made of something",
  ],
  [
    "a dict with a tuple as key",
    makeTorch(pickleOf("}", tuple(1), tensor(), "s.")),
    "neither texts nor numbers",
  ],
  [
    "a list in itself",
    makeTorch(pickleOf("]q", 0, "h", 0, "a.")),
    "more than 32 dicts and lists deep",
  ],
  [
    "a dict in itself",
    makeTorch(pickleOf("}q", 0, text("a"), "h", 0, "s.")),
    "more than 32 dicts and lists deep",
  ],
  [
    "a list a hundred thousand deep",
    makeTorch(pickleOf("]".repeat(1e5), "a".repeat(1e5 - 1), ".")),
    "deep",
  ],
  ["tuples of twice the one before", makeTorch(laughs(30)), "it holds more than 1048576 values"],
  ["tuples of twice the one before, deeper", makeTorch(laughs(200)), "it holds"],
  [
    "lists by the million",
    makeTorch(pickleOf("(", "]".repeat(2 ** 22), "t.")),
    "its pickle has more than 4194304 instructions",
  ],
  [
    "long names by the ten thousand",
    makeTorch(
      pickleOf("}", text("a".repeat(4000)), "](", tensor(), "q", 0, "h\0".repeat(20_000), "es."),
    ),
    "tensors whose names take more than",
  ],
  [
    "two tensors of one name",
    makeTorch(pickleOf("}(", text("a.b"), tensor(), text("a"), "}", text("b"), tensor(), "su.")),
    'two tensors called "a.b"',
  ],
  [
    "a name of a million characters",
    makeTorch(pickleOf("}", text("a".repeat(1e6)), tensor(), "s.")),
    "characters",
  ],
];

for (const [name, bytes, message] of WRONG) {
  Deno.test(`decodeTorch() refuses ${name}`, () => {
    assertThrows(() => decodeTorch(bytes), SyntaxError, message);
    assertEquals(readOrRefuse(() => decodeTorch(bytes)), null);
  });
}

Deno.test("decodeTorch() says where a pickle is damaged", () => {
  assertThrows(() => decodeTorch(makeTorch(pickleOf("s."))), SyntaxError, DAMAGED);
});

Deno.test("decodeTorch() makes tensors of as many bytes as it may", () => {
  const bytes = makeTorch(dictOfTensor({ size: [1000], stride: [0] }));
  assertEquals(decodeTorch(bytes, { mostBytes: 4000 })["x"]?.size, 1000);
  assertThrows(() => decodeTorch(bytes, { mostBytes: 3999 }), SyntaxError, "mostBytes");
});

Deno.test("decodeTorch() counts what is unpacked, and all views of one storage", () => {
  const zeros = new Uint8Array(4000);
  const member = {
    name: "archive/data/0",
    bytes: zeros,
    packed: new Uint8Array(deflateRawSync(zeros)),
    method: 8,
  };
  const call = { length: 1000, size: [1000] };
  const pickle = pickleOf("}(", text("a"), tensor(call), text("b"), tensor(call), "u.");
  const bytes = makeTorch(pickle, {}, [member]);
  assertEquals(Object.keys(decodeTorch(bytes, { mostBytes: 12_000 })), ["a", "b"]);
  assertThrows(() => decodeTorch(bytes, { mostBytes: 11_999 }), SyntaxError, "mostBytes");
});

Deno.test("decodeTorch() refuses what the older form cannot be", () => {
  const file = FILES.find(({ name }) => name === "a state dict in the older form");
  const bytes = Uint8Array.fromBase64(file?.bytes ?? "");
  for (const length of [16, 20, 100, bytes.length - 1]) {
    assertThrows(() => decodeTorch(bytes.slice(0, length)), SyntaxError, "it ends early");
  }
  assertThrows(() => decodeTorch(Uint8Array.of(...bytes, 0)), SyntaxError, "bytes too many: 1");
  const start = bytes.slice(0, 15);
  const older = (...pickles: readonly Uint8Array[]) =>
    Uint8Array.of(...start, ...pickles.flatMap((pickle) => [...pickle]));
  const version = pickleOf(integer(1001), ".");
  const machine = pickleOf("}.");
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [older(pickleOf(integer(1), ".")), "not of version 1001"],
    [
      older(version, machine, dictOfTensor(), pickleOf("}.")),
      "the keys of its storages are no list",
    ],
    [older(version, machine, dictOfTensor(), pickleOf("](K", 1, "e.")), "that no tensor refers to"],
    [
      older(version, machine, dictOfTensor(), pickleOf("](", text("1"), "e.")),
      "no tensor refers to",
    ],
    [older(version, machine, dictOfTensor(), pickleOf("].")), 'its storage "0" is missing'],
    [
      older(
        version,
        machine,
        dictOfTensor(),
        pickleOf("](", text("0"), "e."),
        new Uint8Array(8).fill(255),
      ),
      "it ends early, inside its storages",
    ],
    [older(pickleOf("cos\nsystem\n.")), 'it asks for "os.system"'],
  ];
  for (const [bytes, message] of cases) {
    assertThrows(() => decodeTorch(bytes), SyntaxError, message);
  }
});

Deno.test("encodeTorch() rejects what it cannot write", () => {
  const wrong = <Value>(value: unknown) => value as Value;
  const x = Tensor.ones([1]);
  assertThrows(() => encodeTorch(wrong({ x: 1 })), TypeError, '"x" must be a tensor');
  assertThrows(() => encodeTorch({ x }, wrong({ dtype: "float64" })), RangeError, "one of");
  assertThrows(() => encodeTorch({ x }, wrong({ type: 1 })), TypeError, "dtype");
});

Deno.test("readTorch() names the file in its errors", async () => {
  using folder = new TestFolder();
  const path = folder.file("x.pt");
  Deno.writeFileSync(path, makeTorch(pickleOf("cos\nsystem\n.")));
  await assertRejects(() => readTorch(path), FileError, `Cannot read "${path}": it asks for "os`);
});

Deno.test({
  name: "PyTorch reads what writeTorch() writes, and takes it for weights only",
  ignore: !hasTorch,
  async fn() {
    using folder = new TestFolder();
    const tensors = {
      weight: Tensor.randn([4, 3, 2, 2], { seed: 1 }),
      bias: Tensor.from([1 / 3, -0, 65504, 1e-7]),
      "größe.0": Tensor.zeros([0, 3]),
      one: Tensor.from(2.5),
    };
    await writeTorch(folder.file("f4"), tensors);
    await writeTorch(folder.file("f2"), tensors, { dtype: "float16" });
    await writeTorch(folder.file("b2"), tensors, { dtype: "bfloat16" });
    const printed = runTorch(
      `
import inspect, sys, torch
for name in ("f4", "f2", "b2"):
    for options in ({}, {"weights_only": True}):
        d = torch.load(sys.argv[1] + "/" + name, **options)
        print(name, {k: (str(v.dtype), list(v.shape)) for k, v in d.items()})
layer = torch.nn.Conv2d(3, 4, 2)
d = torch.load(sys.argv[1] + "/f4")
layer.load_state_dict({"weight": d["weight"], "bias": d["bias"]})
print(layer.weight.detach().numpy().tobytes().hex())
`,
      folder.path,
    );
    const types = { f4: "torch.float32", f2: "torch.float16", b2: "torch.bfloat16" };
    const lines = Object.entries(types).flatMap(([name, type]) => {
      const shown = Object.entries(tensors)
        .map(([key, { shape }]) => `'${key}': ('${type}', [${shape.join(", ")}])`);
      const line = `${name} {${shown.join(", ")}}`;
      return [line, line];
    });
    const hex = new Uint8Array(tensors.weight.data.buffer).toHex();
    assertEquals(printed.trim().split("\n"), [...lines, hex]);
  },
});
