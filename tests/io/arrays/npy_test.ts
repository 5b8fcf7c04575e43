import { assertEquals, assertRejects } from "@std/assert";
import { FileError } from "../../../src/io/files.ts";
import { decodeNpy, encodeNpy, readNpy, writeNpy } from "../../../src/io/arrays/npy.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { headerOf, makeNpy } from "./_npy.ts";
import { TestFolder } from "../../_folder.ts";
import { hasNumpy, runPython } from "../../_numpy.ts";

const SHAPES: readonly (readonly number[])[] = [[], [3], [0], [2, 3], [2, 0, 4], [1, 2, 3, 4, 5]];

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

Deno.test("decodeNpy() reads from the middle of a buffer", () => {
  const bytes = encodeNpy(Tensor.from([1, 2, 3]));
  const larger = new Uint8Array(bytes.length + 5);
  larger.set(bytes, 3);
  assertEquals([...decodeNpy(larger.subarray(3, -2)).data], [1, 2, 3]);
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
  name: "readNpy() rejects the files of NumPy that are not arrays of real numbers",
  ignore: !hasNumpy,
  async fn() {
    using folder = new TestFolder();
    runPython(
      `
import sys, numpy as np
folder = sys.argv[1]
np.save(f"{folder}/object.npy", np.array([1, "a", None], dtype=object))
np.save(f"{folder}/record.npy", np.zeros(3, dtype=[("a", "<f4"), ("b", "<i4", (2,))]))
np.savez(f"{folder}/many.npz", a=np.ones(3), b=np.ones(3))
`,
      folder.path,
    );
    const cases = [
      ["object.npy", "it holds Python objects"],
      ["record.npy", "it holds records"],
      ["many.npz", "it is a ZIP archive, as .npz and .pt files are, not a .npy file"],
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

Deno.test("decodeNpy() does not count through the sizes beside a 0", () => {
  for (const shape of ["(0, 1099511627776)", "(1099511627776, 0)", "(0, 65536, 65536, 65536)"]) {
    for (const fortran of ["True", "False"]) {
      assertEquals(decodeNpy(makeNpy(headerOf("'<f4'", shape, fortran))).size, 0);
    }
  }
});
