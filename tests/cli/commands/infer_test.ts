import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Conv2d } from "../../../src/layers/conv.ts";
import { ConvTranspose2d } from "../../../src/layers/conv_transpose.ts";
import { readNpy, writeNpy, writePng } from "../../../src/io/mod.ts";
import { toOnnx } from "../../../src/network/to_onnx.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { runJson, runMain, spawnMain } from "../_cli.ts";

const DOWN = new Conv2d(3, 4, 3, { stride: 2, padding: 1, activation: "relu", seed: 1 });
const UP = new ConvTranspose2d(4, 3, 4, { stride: 2, padding: 1, seed: 2 });

/** A folder with a network of two layers, and inputs for it. */
function prepare(folder: TestFolder): Tensor {
  Deno.writeFileSync(folder.file("model.onnx"), toOnnx({ down: DOWN, up: UP }));
  const pixels = Tensor.uniform([3, 8, 10], { seed: 3 });
  return pixels;
}

Deno.test("infer runs a network over an array, as a process of its own", async () => {
  using folder = new TestFolder();
  const input = prepare(folder);
  await writeNpy(folder.file("x.npy"), input.reshape([1, 3, 8, 10]));
  const args = ["infer", "model.onnx", "--input", "x.npy", "--output", "y.npy"];
  const { code, out, err } = await spawnMain(args, folder.path);
  assertEquals([code, err], [0, ""]);
  assertStringIncludes(out, "network     model.onnx\ninput       [1, 3, 8, 10], input, x.npy\n");
  const { shape, data } = await readNpy(folder.file("y.npy"));
  assertEquals(shape, [1, 3, 8, 10]);
  assertEquals(data, UP.forwardSync(DOWN.forwardSync(input)).data);
});

Deno.test("infer takes a picture as a batch of one, less a mean and by a deviation", async () => {
  using folder = new TestFolder();
  const pixels = prepare(folder);
  await writePng(folder.file("x.png"), { pixels, bitDepth: 16 });
  const [model, x, y] = ["model.onnx", "x.png", "y.npy"].map((name) => folder.file(name));
  const flags = ["--mean", "0.5,0.25,0", "--std", "2"];
  const { code, err } = await runMain(
    "infer",
    `${model}`,
    "--input",
    `${x}`,
    "--output",
    `${y}`,
    ...flags,
  );
  assertEquals([code, err], [0, ""]);
  const shifted = pixels.data.map((value, i) =>
    ((Math.round(value * 65535) / 65535) - ([0.5, 0.25, 0][Math.floor(i / 80)] ?? 0)) / 2
  );
  const expected = UP.forwardSync(DOWN.forwardSync(new Tensor(shifted, [3, 8, 10])));
  const { data } = await readNpy(`${y}`);
  const error = Math.max(...data.map((value, i) => Math.abs(value - (expected.data[i] ?? 0))));
  assert(error < 1e-6, `${error}`);
});

Deno.test("infer names the likeliest classes", async () => {
  using folder = new TestFolder();
  const layer = new Conv2d(1, 3, 2, { bias: false });
  layer.weight.data.set([1, 1, 1, 1, 3, 3, 3, 3, 2, 2, 2, 2]);
  const [model, x, labels] = ["m.onnx", "x.npy", "labels.txt"].map((name) => folder.file(name));
  Deno.writeFileSync(`${model}`, toOnnx([layer]));
  Deno.writeTextFileSync(`${labels}`, "cat\ndog\nbird\n");
  await writeNpy(`${x}`, Tensor.ones([1, 1, 2, 2]));
  const args = ["infer", `${model}`, "--input", `${x}`, "--labels", `${labels}`];
  const figures = await runJson(...args, "--top", "2");
  assertEquals(figures.classes, [[
    { index: 1, label: "dog", value: 12 },
    { index: 2, label: "bird", value: 8 },
  ]]);
  const { out } = await runMain(...args);
  assertStringIncludes(out, "class  label  value\n-----  -----  -----\n1      dog    12\n");
});

Deno.test("layers times the steps of a network", async () => {
  using folder = new TestFolder();
  prepare(folder);
  const args = ["layers", folder.file("model.onnx"), "--input-shape", "2,3,8,10", "--repeat", "2"];
  const { steps, multiplyAdds, inputs } = await runJson(...args);
  if (!Array.isArray(steps)) throw new TypeError("There are no steps");
  assertEquals(inputs, [{ name: "input", shape: [2, 3, 8, 10] }]);
  assertEquals(
    steps.map(({ operator, node, shape }) => [operator, node, shape]),
    [["Conv + Relu", "down", [2, 4, 4, 5]], ["ConvTranspose", "up", [2, 3, 8, 10]]],
  );
  assertEquals(multiplyAdds, 2 * 20 * 4 * 27 + 2 * 20 * 3 * 4 * 16);
  const { out } = await runMain(...args);
  assertStringIncludes(out, "operators      first node  output");
});

Deno.test("infer and layers say what is wrong in one line", async () => {
  using folder = new TestFolder();
  prepare(folder);
  const [model, x, text] = ["model.onnx", "x.npy", "a.txt"].map((name) => folder.file(name));
  Deno.writeTextFileSync(`${text}`, "no network");
  await writeNpy(`${x}`, Tensor.ones([1, 4, 8, 10]));
  const mistakes: [args: string[], code: number, message: string][] = [
    [["infer"], 2, "Name the ONNX file"],
    [["layers"], 2, "Name the ONNX file"],
    [["infer", `${model}`], 2, 'Option "--input" is missing for input'],
    [["infer", `${model}`, "--input", `${x}`], 2, "must have shape [batch, 3, in0, in1]"],
    [["infer", `${text}`, "--input", `${x}`], 1, "Cannot read"],
    [["infer", folder.file("none.onnx"), "--input", `${x}`], 1, "none.onnx"],
    [["layers", `${model}`], 2, "the file leaves the shape of input"],
    [["layers", `${model}`, "--input-shape", "1,x"], 2, "sizes such as 1,3,224,224"],
    [["infer", `${model}`, "--input", `${x}`, "--top", "3"], 2, '"--top" goes with "--labels"'],
    [["infer", `${model}`, "--input", `${x}`, "--input", `${x}`], 2, "is there twice for input"],
  ];
  for (const [args, code, message] of mistakes) {
    const ending = await runMain(...args);
    assertEquals([ending.code, ending.out], [code, ""], args.join(" "));
    assertStringIncludes(ending.err, message);
    assertEquals(ending.err.trimEnd().split("\n").length, 1);
  }
});
