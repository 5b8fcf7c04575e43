import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FileError } from "../../../src/io/files.ts";
import { decodeNpy, encodeNpy, readNpy, writeNpy } from "../../../src/io/arrays/npy.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { hasNumpy, runPython } from "../../_numpy.ts";

const SHAPES: readonly (readonly number[])[] = [[], [3], [0], [2, 3], [2, 0, 4], [1, 2, 3, 4, 5]];

/** A `.npy` file as it would be with this header and data. */
function makeNpy(header: string, data: ArrayLike<number> = [], version = 1): Uint8Array {
  const text = new TextEncoder().encode(header);
  const lengthBytes = version === 1 ? 2 : 4;
  const bytes = new Uint8Array(8 + lengthBytes + text.length + data.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  const view = new DataView(bytes.buffer);
  if (version === 1) view.setUint16(8, text.length, true);
  else view.setUint32(8, text.length, true);
  bytes.set(text, 8 + lengthBytes);
  bytes.set(data, 8 + lengthBytes + text.length);
  return bytes;
}

const dict = (descr: string, shape: string, fortran = "False"): string =>
  `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;

Deno.test("decodeNpy() reads back what encodeNpy() writes, for every kind of shape", () => {
  for (const shape of SHAPES) {
    const tensor = Tensor.randn(shape, { seed: 1 });
    const copy = decodeNpy(encodeNpy(tensor));
    assertEquals(copy.shape, shape);
    assertEquals(copy.data, tensor.data);
  }
});

Deno.test("encodeNpy() begins the data at a multiple of 64 bytes", () => {
  for (const shape of SHAPES) {
    const tensor = Tensor.zeros(shape);
    assertEquals((encodeNpy(tensor).length - 4 * tensor.size) % 64, 0);
  }
});

Deno.test("encodeNpy() keeps infinities, NaN and the sign of zero", () => {
  const values = Float32Array.of(Infinity, -Infinity, NaN, -0, 1e-45, 3.4e38);
  assertEquals(decodeNpy(encodeNpy(new Tensor(values, [6]))).data, values);
});

Deno.test("decodeNpy() reads versions 1, 2 and 3", () => {
  for (const version of [1, 2, 3]) {
    const bytes = makeNpy(dict("'<f4'", "(1,)"), [0, 0, 0x80, 0x3f], version);
    assertEquals([...decodeNpy(bytes).data], [1]);
  }
});

Deno.test("decodeNpy() reads big-endian and double-precision numbers", () => {
  const cases: readonly [string, number[]][] = [
    ["'>f4'", [0x3f, 0x80, 0, 0]],
    ["'<f8'", [0, 0, 0, 0, 0, 0, 0xf0, 0x3f]],
    ["'>f8'", [0x3f, 0xf0, 0, 0, 0, 0, 0, 0]],
    ["'<f2'", [0, 0x3c]],
    ["'|u1'", [1]],
    ["'>i8'", [0, 0, 0, 0, 0, 0, 0, 1]],
    ["'|b1'", [7]],
  ];
  for (const [descr, data] of cases) {
    assertEquals([...decodeNpy(makeNpy(dict(descr, "(1,)"), data)).data], [1], descr);
  }
});

Deno.test("decodeNpy() reads from the middle of a buffer", () => {
  const bytes = encodeNpy(Tensor.from([1, 2, 3]));
  const larger = new Uint8Array(bytes.length + 5);
  larger.set(bytes, 3);
  assertEquals([...decodeNpy(larger.subarray(3, -2)).data], [1, 2, 3]);
});

Deno.test("decodeNpy() names what is wrong with a file", () => {
  const whole = encodeNpy(Tensor.ones([2, 3]));
  const cases: readonly [string, Uint8Array, string][] = [
    ["nothing", new Uint8Array(), "it is empty"],
    ["text", new TextEncoder().encode("1, 2, 3\n"), "it is not a .npy file"],
    ["a cut magic number", whole.slice(0, 4), "it ends early, inside its header"],
    ["a cut version", whole.slice(0, 7), "it ends early, inside its header"],
    ["a cut header length", whole.slice(0, 9), "it ends early, inside its header"],
    ["a cut header", whole.slice(0, 40), "it ends early, inside its header"],
    ["cut data", whole.slice(0, -1), "an array of shape [2, 3] takes 24 bytes, but 23 follow"],
    [
      "more data",
      Uint8Array.of(...whole, 0),
      "it goes on after the array of shape [2, 3], bytes too many: 1",
    ],
    ["version 4", makeNpy(dict("'<f4'", "()"), [], 4), "it has .npy version 4"],
    ["objects", makeNpy(dict("'|O'", "(1,)"), [1]), "it holds Python objects"],
    ["records", makeNpy(dict("[('a', '<f4')]", "(1,)"), [1]), "it holds records"],
    ["complex numbers", makeNpy(dict("'<c8'", "(1,)")), 'it holds values of dtype "<c8"'],
    ["text values", makeNpy(dict("'<U3'", "(1,)")), 'it holds values of dtype "<U3"'],
    ["no byte order", makeNpy(dict("'f4'", "(1,)")), 'it holds values of dtype "f4"'],
    ["Fortran order", makeNpy(dict("'<f4'", "(1, 1)", "True"), [0, 0, 0, 0]), "Fortran order"],
    ["an order of 1", makeNpy(dict("'<f4'", "()", "1")), "neither True nor False"],
    ["a shape of one number", makeNpy(dict("'<f4'", "3")), "a shape that is not a tuple"],
    ["a negative size", makeNpy(dict("'<f4'", "(-1,)")), "not a tuple of sizes"],
    ["a size without end", makeNpy(dict("'<f4'", `(${"9".repeat(400)},)`)), "tuple of sizes"],
    ["a list", makeNpy("[1, 2]"), "its header is not a Python dict"],
    ["a call", makeNpy(dict("'<f4'", "tuple([1])")), "expected a value at character"],
    ["missing keys", makeNpy("{'descr': '<f4'}"), "its header has the keys descr; expected"],
    ["a key twice", makeNpy("{'shape': (), 'shape': ()}"), 'the key "shape" once only'],
    ["deep nesting", makeNpy("(".repeat(50_000)), "at most 32 levels"],
  ];
  for (const [what, bytes, message] of cases) {
    assertThrows(() => decodeNpy(bytes), SyntaxError, message, what);
  }
});

Deno.test("decodeNpy() believes no header before it has counted the bytes", () => {
  const header = dict("'<f8'", "(1000000000, 1000000000)");
  assertThrows(() => decodeNpy(makeNpy(header, [0])), SyntaxError, "it ends early");
  const long = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 2, 0, 0xff, 0xff, 0xff, 0xff);
  assertThrows(() => decodeNpy(long), SyntaxError, "its header of 4294967295 bytes is too long");
});

Deno.test("decodeNpy() reads headers as old and other writers spell them", () => {
  const headers = [
    `{"descr":"<f4","fortran_order":False,"shape":(2L,)}`,
    `{ 'shape' :\t( 2 , ) ,'fortran_order':False,'descr':'<f4',}    \n`,
    `{'shape': [2], 'fortran_order': False, 'descr': '=f4'}`,
  ];
  for (const header of headers) {
    assertEquals(decodeNpy(makeNpy(header, new Array(8).fill(0))).shape, [2], header);
  }
});

Deno.test("readNpy() names the file in its errors", async () => {
  using folder = new TestFolder();
  const path = folder.file("x.npy");
  const missing = `Cannot read "${path}": there is no such file or folder`;
  await assertRejects(() => readNpy(path), FileError, missing);
  Deno.writeTextFileSync(path, "hello");
  await assertRejects(() => readNpy(path), FileError, `Cannot read "${path}": it is not a .npy`);
  await assertRejects(() => readNpy(folder.path), FileError, "it is a folder");
});

Deno.test({
  name: "readNpy() reads what NumPy writes, of every type and version",
  ignore: !hasNumpy,
  async fn() {
    using folder = new TestFolder();
    const types = [
      "<f2",
      "<f4",
      ">f4",
      "<f8",
      ">f8",
      "|i1",
      "<i2",
      ">i4",
      "<i8",
      "|u1",
      "<u8",
      "|b1",
    ];
    runPython(
      `
import sys, numpy as np
folder, types = sys.argv[1], sys.argv[2:]
for i, t in enumerate(types):
    np.save(f"{folder}/{i}.npy", (np.arange(24).reshape(2, 3, 4) % 2).astype(t))
for v in (1, 2, 3):
    with open(f"{folder}/v{v}.npy", "wb") as f:
        np.lib.format.write_array(f, np.arange(3, dtype="<f4"), version=(v, 0))
np.save(f"{folder}/scalar.npy", np.float32(2.5))
np.save(f"{folder}/empty.npy", np.zeros((2, 0, 3), dtype="f4"))
`,
      folder.path,
      ...types,
    );
    for (const [index, type] of types.entries()) {
      const { shape, data } = await readNpy(folder.file(`${index}.npy`));
      assertEquals(shape, [2, 3, 4], type);
      assertEquals([...data], Array.from({ length: 24 }, (_, value) => value % 2), type);
    }
    for (const version of [1, 2, 3]) {
      assertEquals([...(await readNpy(folder.file(`v${version}.npy`))).data], [0, 1, 2]);
    }
    const scalar = await readNpy(folder.file("scalar.npy"));
    assertEquals([scalar.shape, [...scalar.data]], [[], [2.5]]);
    assertEquals((await readNpy(folder.file("empty.npy"))).shape, [2, 0, 3]);
  },
});

Deno.test({
  name: "readNpy() rejects the arrays of NumPy that are not plain numbers in C order",
  ignore: !hasNumpy,
  async fn() {
    using folder = new TestFolder();
    runPython(
      `
import sys, numpy as np
folder = sys.argv[1]
np.save(f"{folder}/fortran.npy", np.asfortranarray(np.ones((3, 4), dtype="f4")))
np.save(f"{folder}/object.npy", np.array([1, "a", None], dtype=object))
np.save(f"{folder}/record.npy", np.zeros(3, dtype=[("a", "<f4"), ("b", "<i4", (2,))]))
np.savez(f"{folder}/many.npz", a=np.ones(3), b=np.ones(3))
`,
      folder.path,
    );
    const cases = [
      ["fortran.npy", "it is in Fortran order; save it in C order"],
      ["object.npy", "it holds Python objects"],
      ["record.npy", "it holds records"],
      ["many.npz", "it is not a .npy file"],
    ] as const;
    for (const [name, message] of cases) {
      await assertRejects(() => readNpy(folder.file(name)), FileError, message);
    }
  },
});

Deno.test({
  name: "writeNpy() writes what NumPy reads back as the same float32 array",
  ignore: !hasNumpy,
  async fn() {
    using folder = new TestFolder();
    for (const [index, shape] of SHAPES.entries()) {
      const count = shape.reduce((product, size) => product * size, 1);
      const values = Float32Array.from({ length: count }, (_, value) => value / 7);
      await writeNpy(folder.file(`${index}.npy`), new Tensor(values, shape));
    }
    const printed = runPython(
      `
import json, sys, numpy as np
folder, shapes = sys.argv[1], json.loads(sys.argv[2])
for i, shape in enumerate(shapes):
    a = np.load(f"{folder}/{i}.npy")
    assert a.dtype == np.dtype("<f4") and a.flags.c_contiguous, a.dtype
    expected = (np.arange(a.size) / 7).astype("f4").reshape(shape)
    assert a.shape == expected.shape and np.array_equal(a, expected), shape
print("equal", end="")
`,
      folder.path,
      JSON.stringify(SHAPES),
    );
    assertEquals(printed, "equal");
  },
});
