import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  decodeTensors,
  encodeNpz,
  encodeTorch,
  encodeWav,
  readJpeg,
  readNpy,
  readNpz,
  readPng,
  readSafetensors,
  readTorch,
  readWav,
  writeNpy,
  writePng,
} from "../../../src/io/mod.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { runMain, runShell, spawnMain } from "../_cli.ts";

const TENSORS = {
  "features.0.weight": Tensor.randn([4, 3, 2, 2], { seed: 1 }),
  "features.0.bias": Tensor.from([1 / 3, -0, 65504, 0]),
};

const READERS = { npz: readNpz, safetensors: readSafetensors, pt: readTorch, pth: readTorch };

Deno.test("convert writes what it reads in any form to any other, as a process of its own", async () => {
  using folder = new TestFolder();
  Deno.writeFileSync(folder.file("a.pt"), encodeTorch(TENSORS));
  let source = "a.pt";
  for (const [extension, read] of Object.entries(READERS)) {
    const target = `b.${extension}`;
    const { code, out, err } = await spawnMain(["convert", source, target], folder.path);
    assertEquals([code, err], [0, ""]);
    assertEquals(out, `input   ${source}\noutput  ${target}\narrays  2\nvalues  52\n`);
    const tensors = await read(folder.file(target));
    assertEquals(Object.keys(tensors), Object.keys(TENSORS));
    for (const [name, { shape, data }] of Object.entries(TENSORS)) {
      assertEquals(tensors[name]?.shape, shape);
      assertEquals(tensors[name]?.data, data);
    }
    source = target;
  }
});

Deno.test("convert takes one array by its name, and halves values with --dtype", async () => {
  using folder = new TestFolder();
  const [a, npy, half] = ["a.npz", "w.npy", "h.safetensors"].map((name) => folder.file(name));
  Deno.writeFileSync(a ?? "", encodeNpz(TENSORS));
  const ending = await runMain("convert", `${a}`, `${npy}`, "--name", "features.0.weight");
  assertEquals([ending.code, ending.err], [0, ""]);
  assertEquals((await readNpy(`${npy}`)).data, TENSORS["features.0.weight"].data);
  await runMain("convert", `${a}`, `${half}`, "--dtype", "bfloat16");
  const bias = (await readSafetensors(`${half}`))["features.0.bias"];
  assertEquals([...bias?.data ?? []], [0.333984375, -0, 65536, 0]);
});

Deno.test("convert makes arrays of pictures and sounds, and these of arrays", async () => {
  using folder = new TestFolder();
  const file = (name: string) => folder.file(name);
  const convert = async (...words: readonly string[]) => {
    const { code, err } = await runMain("convert", ...words);
    assertEquals([code, err], [0, ""]);
  };
  const pixels = Tensor.from([[[0, 1, 0.5], [1, 0, 0.5]]]);
  await writePng(file("a.png"), { pixels, bitDepth: 16 });
  await convert(file("a.png"), file("a.npy"));
  const array = await readNpy(file("a.npy"));
  assertEquals(array.shape, [1, 2, 3]);
  await convert(file("a.png"), file("b.png"));
  assertEquals((await readPng(file("b.png"))).bitDepth, 16);
  assertEquals((await readPng(file("b.png"))).pixels.data, array.data);
  await writeNpy(file("batch.npy"), array.reshape([1, 1, 2, 3]));
  await convert(file("batch.npy"), file("c.jpg"));
  assertEquals((await readJpeg(file("c.jpg"))).pixels.shape, [1, 2, 3]);
  await writeNpy(file("plane.npy"), array.reshape([2, 3]));
  await convert(file("plane.npy"), file("d.png"));
  assertEquals((await readPng(file("d.png"))).pixels.shape, [1, 2, 3]);

  const samples = Tensor.from([[0, 0.5, -1], [0.25, 0, 0]]);
  Deno.writeFileSync(file("a.wav"), encodeWav({ samples, sampleRate: 12_345 }));
  await convert(file("a.wav"), file("a.npz"));
  assertEquals((await readNpz(file("a.npz")))["samples"]?.data, samples.data);
  await convert(file("a.wav"), file("b.wav"));
  assertEquals((await readWav(file("b.wav"))).sampleRate, 12_345);
  await writeNpy(file("loud.npy"), Tensor.from([0, 7, -7]));
  await convert(file("loud.npy"), file("c.wav"), "--sample-rate", "8000");
  const loud = await readWav(file("c.wav"));
  assertEquals([loud.sampleRate, loud.samples.shape, [...loud.samples.data]], [
    8000,
    [1, 3],
    [0, 7, -7],
  ]);
});

Deno.test("convert goes by what is in a file, and through pipes", async () => {
  using folder = new TestFolder();
  Deno.writeFileSync(folder.file("x.npy"), encodeTorch(TENSORS));
  const line = "tileconv convert - - --format safetensors < x.npy | tileconv convert - y.npz";
  const { code, out, err } = await runShell(line, folder.path);
  assertEquals(code, 0);
  assertStringIncludes(out, "input   standard input\noutput  y.npz\n");
  assertStringIncludes(err, "output  standard output\n");
  const tensors = decodeTensors(Deno.readFileSync(folder.file("y.npz")));
  assertEquals(Object.keys(tensors), Object.keys(TENSORS));
  assertEquals(folder.names(), ["x.npy", "y.npz"]);
});

Deno.test("convert takes no more memory than --memory says", async () => {
  using folder = new TestFolder();
  const [x, y] = [folder.file("x.npy"), folder.file("y.npz")];
  await writeNpy(x, Tensor.zeros([2 ** 24]));
  const { code, err } = await runMain("convert", x, y, "--memory", "256M");
  assertEquals(code, 1);
  assertStringIncludes(err, "error: Converting takes ");
  assertEquals(folder.names(), ["x.npy"]);
});
