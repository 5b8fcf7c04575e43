import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { deflateRawSync } from "node:zlib";
import { encodeNpy } from "../../../src/io/arrays/npy.ts";
import { decodeNpz, encodeNpz, readNpz, writeNpz } from "../../../src/io/arrays/npz.ts";
import { FileError } from "../../../src/io/files.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { hasNumpy, runPython } from "../../_numpy.ts";
import { makeZip } from "../zip/_zip.ts";
import { headerOf, makeNpy } from "./_npy.ts";

const TENSORS = {
  "layer/weight": Tensor.randn([4, 3, 2], { seed: 1 }),
  __proto__x: Tensor.from(2.5),
  empty: Tensor.zeros([0, 3]),
};

Deno.test("decodeNpz() reads back what encodeNpz() writes", () => {
  const read = decodeNpz(encodeNpz(TENSORS));
  assertEquals(Object.keys(read), Object.keys(TENSORS));
  for (const [name, tensor] of Object.entries(TENSORS)) {
    assertEquals(read[name]?.shape, tensor.shape);
    assertEquals(read[name]?.data, tensor.data);
  }
  assertEquals(Object.keys(decodeNpz(encodeNpz({}))), []);
});

Deno.test("decodeNpz() says what is wrong, and in which array", () => {
  const text = new TextEncoder().encode("hello");
  const npy = encodeNpy(Tensor.ones([2]));
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [new Uint8Array(), "it is empty; expected a .npz file"],
    [text, "it is not a .npz file"],
    [npy, "it is a .npy file, not a .npz file"],
    [makeZip([{ name: "a.txt", bytes: text }]), 'with "a.txt" in it, but without any .npy file'],
    [makeZip([{ name: "a.npy", bytes: text }]), 'its array "a" cannot be read: it is not a .npy'],
    [
      makeZip([{ name: "a.npy", bytes: npy.slice(0, -1) }]),
      'its array "a" cannot be read: it ends',
    ],
    [
      makeZip([{ name: "a.npy", bytes: makeNpy(headerOf("'<U5'", "(2,)"), new Array(40)) }]),
      'its array "a" cannot be read: it holds texts',
    ],
    [makeZip([{ name: "../a.npy", bytes: npy }]), 'a file called "../a.npy"'],
  ];
  for (const [bytes, message] of cases) {
    assertThrows(() => decodeNpz(bytes), SyntaxError, message);
  }
});

Deno.test("decodeNpz() leaves out what is no array beside those that are", () => {
  const files = [
    { name: "settings.json", bytes: new TextEncoder().encode("{}") },
    { name: "a.npy", bytes: encodeNpy(Tensor.from([1, 2])) },
  ];
  const read = decodeNpz(makeZip(files));
  assertEquals(Object.keys(read), ["a"]);
  assertEquals([...read["a"]?.data ?? []], [1, 2]);
});

Deno.test("decodeNpz() unpacks no more than it may, by itself 1 GiB", () => {
  const tensor = Tensor.zeros([2 ** 20]);
  const bytes = encodeNpy(tensor);
  const member = {
    name: "a.npy",
    bytes,
    packed: new Uint8Array(deflateRawSync(bytes)),
    method: 8,
  };
  const bomb = makeZip([member]);
  assert(bomb.length < 10_000);
  assertEquals(decodeNpz(bomb)["a"]?.size, 2 ** 20);
  assertEquals(decodeNpz(bomb, { mostBytes: bytes.length })["a"]?.size, 2 ** 20);
  assertThrows(() => decodeNpz(bomb, { mostBytes: bytes.length - 1 }), SyntaxError, "mostBytes");
  // What it claims is within what deflate can do, but more than is made of such a file.
  const packed = new Uint8Array(2 ** 21);
  const claim = makeZip([{ name: "a.npy", packed, method: 8, size: 2 ** 31 - 1 }]);
  assertThrows(
    () => decodeNpz(claim),
    SyntaxError,
    "more than the 1.00 GiB that may be made of it",
  );
});

Deno.test("decodeNpz() rejects options that it does not have", () => {
  const bytes = encodeNpz({});
  const wrong = <Value>(value: unknown) => value as Value;
  assertThrows(() => decodeNpz(bytes, wrong({ most: 1 })), TypeError, "mostBytes");
  assertThrows(() => decodeNpz(bytes, wrong({ mostBytes: "1" })), TypeError, "must be a number");
  assertThrows(() => decodeNpz(bytes, { mostBytes: 0 }), RangeError, "at least 1");
  assertThrows(() => encodeNpz(wrong({ a: 1 })), TypeError, '"a" must be a tensor');
  assertThrows(() => encodeNpz({ "../a": Tensor.ones([1]) }), RangeError, '"../a.npy"');
});

Deno.test({
  name: "readNpz() reads what NumPy writes, stored and deflated, and NumPy what writeNpz() does",
  ignore: !hasNumpy,
  async fn() {
    using folder = new TestFolder();
    runPython(
      `
import sys, numpy as np
arrays = {"a": np.arange(6, dtype=">i2").reshape(2, 3), "b/c": np.asfortranarray(np.eye(3)), "d": np.array(True)}
for save, name in ((np.savez, "stored"), (np.savez_compressed, "deflated")):
    save(f"{sys.argv[1]}/{name}", np.float16(2.5), **arrays)
np.savez(f"{sys.argv[1]}/objects", a=np.array([None, 1], dtype=object))
`,
      folder.path,
    );
    for (const name of ["stored.npz", "deflated.npz"]) {
      const read = await readNpz(folder.file(name));
      assertEquals(Object.keys(read).sort(), ["a", "arr_0", "b/c", "d"]);
      assertEquals(read["a"]?.data, Float32Array.of(0, 1, 2, 3, 4, 5));
      assertEquals(read["b/c"]?.data, Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1));
      assertEquals([read["d"]?.shape, [...read["d"]?.data ?? []]], [[], [1]]);
      assertEquals([...read["arr_0"]?.data ?? []], [2.5]);
    }
    const objects = folder.file("objects.npz");
    await assertRejects(() => readNpz(objects), FileError, "it holds Python objects");
    await writeNpz(folder.file("ours.npz"), TENSORS);
    const printed = runPython(
      `
import sys, numpy as np
z = np.load(f"{sys.argv[1]}/ours.npz")
print({k: (z[k].dtype.str, z[k].shape) for k in z}, float(z["__proto__x"]), z["layer/weight"].tobytes().hex())
`,
      folder.path,
    );
    const hex = new Uint8Array(TENSORS["layer/weight"].data.buffer).toHex();
    assertEquals(
      printed.trim(),
      "{'layer/weight': ('<f4', (4, 3, 2)), '__proto__x': ('<f4', ()), 'empty': ('<f4', (0, 3))} " +
        `2.5 ${hex}`,
    );
  },
});
