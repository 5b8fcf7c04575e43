import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as files from "../../src/io/mod.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { TestFolder } from "../_folder.ts";

const x = Tensor.ones([2]);
const wrong = <Value>(value: unknown) => value as Value;

/** Writers that are given something that they cannot write. */
const WRITERS: Readonly<Record<string, (path: string) => Promise<void>>> = {
  writeNpz: (path) => files.writeNpz(path, { "../a": x }),
  writeSafetensors: (path) => files.writeSafetensors(path, { __metadata__: x }),
  writeTorch: (path) => files.writeTorch(path, { x }, wrong({ dtype: "float64" })),
  writeJpeg: (path) => files.writeJpeg(path, { pixels: x }),
  writePng: (path) => files.writePng(path, { pixels: x, bitDepth: 8 }),
  writeWav: (path) => files.writeWav(path, { samples: x, sampleRate: 8000 }),
};

for (const [name, write] of Object.entries(WRITERS)) {
  Deno.test(`${name}() leaves a file as it was where there is nothing to write`, async () => {
    using folder = new TestFolder();
    const path = folder.file("a");
    await assertRejects(() => write(path), RangeError);
    assertEquals(folder.names(), []);
    Deno.writeTextFileSync(path, "old");
    await assertRejects(() => write(path), RangeError);
    assertEquals(Deno.readTextFileSync(path), "old");
    assertEquals(folder.names(), ["a"]);
  });
}

Deno.test("What is decoded must be bytes", () => {
  const decoders = [
    files.decodeNpy,
    files.decodeNpz,
    files.decodeTorch,
    files.decodeTensors,
    files.decodeSafetensors,
    files.decodeSafetensorsMetadata,
    files.decodePng,
    files.decodeJpeg,
    files.decodeWav,
  ];
  for (const decode of decoders) {
    const message = `${decode.name}(): bytes must be a Uint8Array, but are `;
    assertThrows(() => decode(wrong("a.npy")), TypeError, `${message}"a.npy"`);
    assertThrows(() => decode(wrong(undefined)), TypeError, `${message}undefined`);
    const buffer = `${message}a value of type ArrayBuffer; new Uint8Array(buffer) is one`;
    assertThrows(() => decode(wrong(new ArrayBuffer(8))), TypeError, buffer);
  }
});

Deno.test("What is encoded must be tensors", async () => {
  assertThrows(
    () => files.encodeNpy(wrong([1])),
    TypeError,
    "encodeNpy(): the array must be a tensor",
  );
  for (const encode of [files.encodeNpz, files.encodeTorch, files.encodeSafetensors]) {
    const message = `${encode.name}(): "x" must be a tensor, but is [1]`;
    assertThrows(() => encode(wrong({ x: [1] })), TypeError, message);
    assertThrows(() => encode(wrong(null)), TypeError, "tensors must be an object");
  }
  assertThrows(() => files.encodeJpeg(wrong({ pixels: [1] })), TypeError, "must be a tensor");
  const pixels = Tensor.zeros([1, 1, 1]);
  await assertRejects(() => files.encodePng(wrong({ pixels: [1] })), TypeError, "must be a tensor");
  await assertRejects(
    () => files.encodePng(wrong({ pixels, bitDepth: 12 })),
    RangeError,
    "8 or 16",
  );
});
