import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { encodeWav, writePng, writeSafetensors, writeTorch } from "../../../src/io/mod.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { runJson, runMain, runShell, spawnMain } from "../_cli.ts";

const MODEL = {
  "features.0.weight": Tensor.full([8, 3, 3, 5], 0.25),
  "features.0.bias": Tensor.from([1, 2, 3, 4, 5, 6, 7, NaN]),
  "up.weight": Tensor.zeros([8, 2, 4]),
  "up.bias": Tensor.zeros([2]),
  "norm.weight_g": Tensor.zeros([6, 1, 1, 1, 1]),
  "norm.weight_v": Tensor.zeros([6, 4, 1, 2, 3]),
  "fc.weight": Tensor.zeros([10, 8]),
};

Deno.test("show prints names, shapes, types and ranges, and the layers of a state dict", async () => {
  using folder = new TestFolder();
  await writeTorch(folder.file("model.pt"), MODEL, { dtype: "float16" });
  const { code, out, err } = await spawnMain(["show", "model.pt"], folder.path);
  assertEquals([code, err], [0, ""]);
  assertStringIncludes(out, "file    model.pt\narrays  7\nvalues  664\n");
  assertMatch(out, /\nfeatures.0.weight +\[8, 3, 3, 5\] +float16 +0.25 +0.25 +0.25\n/);
  assertMatch(out, /\nfeatures.0.bias +\[8\] +float16 +1 +4 +7 +1\n/);
  assertMatch(out, /\nfeatures.0 +Conv2d\(3, 8, 3x5\) +yes\n/);
  assertMatch(out, /\nup +ConvTranspose1d\(8, 2, 4\) +yes\n/);
  assertMatch(out, /\nnorm +Conv3d\(4, 6, 1x2x3\) +no\n$/);
  assert(!out.includes("\nfc  "), out);
});

Deno.test("show --json prints the figures", async () => {
  using folder = new TestFolder();
  const path = folder.file("a.safetensors");
  await writeSafetensors(path, { weight: Tensor.ones([2, 1, 3]) }, { dtype: "bfloat16" });
  assertEquals(await runJson("show", path), {
    file: path,
    arrays: [{
      name: "weight",
      shape: [2, 1, 3],
      dtype: "bfloat16",
      values: { minimum: 1, mean: 1, maximum: 1, nonFinite: 0 },
    }],
    layers: [{ name: "", layer: "Conv1d(1, 2, 3)", hasBias: false }],
  });
});

Deno.test("show shows pictures and sounds, also from standard input", async () => {
  using folder = new TestFolder();
  await writePng(folder.file("a.png"), { pixels: Tensor.from([[[0, 1]]]), bitDepth: 16 });
  const picture = await runShell("tileconv show - < a.png", folder.path);
  assertMatch(picture.out, /\npixels +\[1, 1, 2\] +uint16 +0 +0.5 +1\n$/);
  const samples = Tensor.from([[-0.5, 0.5]]);
  const wav = folder.file("a.wav");
  Deno.writeFileSync(wav, encodeWav({ samples, sampleRate: 44_100 }));
  const { out } = await runMain("show", wav);
  assertStringIncludes(out, "sample rate  44,100\n");
  assertMatch(out, /\nsamples +\[1, 2\] +int16 +-0.5 +0 +0.5\n$/);
});

Deno.test("show prints names that a terminal would obey as plain text", async () => {
  using folder = new TestFolder();
  const path = folder.file("a.safetensors");
  await writeSafetensors(path, { "\x1b[31m\nred": Tensor.ones([1]) });
  const { code, out } = await runMain("show", path);
  assertEquals(code, 0);
  assert(!out.includes("\x1b"), JSON.stringify(out));
});
