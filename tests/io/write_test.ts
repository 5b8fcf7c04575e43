import { assertEquals, assertRejects } from "@std/assert";
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
