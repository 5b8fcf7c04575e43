import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  decodeTensors,
  encodeNpy,
  encodeNpz,
  encodeSafetensors,
  encodeTorch,
  FileError,
  readTensors,
} from "../../../src/io/mod.ts";
import { storedTensors } from "../../../src/io/arrays/tensors.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";

const x = Tensor.randn([2, 3], { seed: 1 });

const LEGACY = Deno.readTextFileSync(new URL("torch/files.jsonl", import.meta.url)).trim().split(
  "\n",
)
  .map((line) => JSON.parse(line))
  .find(({ name }) => name === "a state dict in the older form");

Deno.test("decodeTensors() knows a file by what is in it", () => {
  for (const bytes of [encodeSafetensors({ x }), encodeTorch({ x }), encodeNpz({ x })]) {
    const read = decodeTensors(bytes);
    assertEquals(Object.keys(read), ["x"]);
    assertEquals(read["x"]?.data, x.data);
  }
  assertEquals(decodeTensors(encodeNpy(x))["tensor"]?.data, x.data);
  assertEquals(Object.keys(decodeTensors(Uint8Array.fromBase64(LEGACY.bytes))).length, 9);
});

Deno.test("decodeTensors() says what a file is that holds none", () => {
  const ascii = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
  const cases = [
    ["", "it is empty; expected a file of tensors: .safetensors, .pt, .npz or .npy"],
    ["hello, this is no file of tensors", "it is none of them; expected a file of tensors"],
    ["\x89PNG\r\n\x1a\n", "it is a PNG file; expected a file of tensors"],
    ["\x89HDF\r\n\x1a\n", "it is an HDF5 file; expected a file of tensors"],
    ["PK\x03\x04", "it ends early"],
  ] as const;
  for (const [text, message] of cases) {
    assertThrows(() => decodeTensors(ascii(text)), SyntaxError, message);
  }
  const short = encodeSafetensors({ x }).slice(0, 20);
  assertThrows(() => decodeTensors(short), SyntaxError, "it is not a whole .safetensors file");
});

Deno.test("decodeTensors() rejects options that it does not have, whatever the file", () => {
  const wrong = <Value>(value: unknown) => value as Value;
  for (const bytes of [encodeNpy(x), encodeSafetensors({ x }), encodeNpz({ x })]) {
    assertThrows(() => decodeTensors(bytes, wrong({ most: 1 })), TypeError, "decodeTensors()");
  }
});

Deno.test("storedTensors() says how tensors are stored", () => {
  const typesOf = (bytes: Uint8Array) => storedTensors(bytes, {}).map(({ dtype }) => dtype);
  assertEquals(typesOf(encodeNpy(x)), ["float32"]);
  assertEquals(typesOf(encodeNpz({ x, y: x })), ["float32", "float32"]);
  for (const dtype of ["float32", "float16", "bfloat16"] as const) {
    assertEquals(typesOf(encodeSafetensors({ x }, { dtype })), [dtype]);
    assertEquals(typesOf(encodeTorch({ x }, { dtype })), [dtype]);
  }
});

Deno.test("readTensors() does not go by a file's name, and names it in errors", async () => {
  using folder = new TestFolder();
  const path = folder.file("x.npy");
  Deno.writeFileSync(path, encodeSafetensors({ x }));
  assertEquals((await readTensors(path))["x"]?.data, x.data);
  Deno.writeFileSync(path, new Uint8Array());
  await assertRejects(() => readTensors(path), FileError, `Cannot read "${path}": it is empty`);
});
