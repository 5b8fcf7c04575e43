import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { readJpeg, readPng, writeJpeg, writeNpy, writePng, writeTorch } from "../src/io/mod.ts";
import { conv } from "../src/layers/functional.ts";
import { Conv2d } from "../src/layers/conv.ts";
import { toOnnx } from "../src/network/to_onnx.ts";
import { Tensor } from "../src/tensor/tensor.ts";
import { runMain, runShell } from "./cli/_cli.ts";
import { TestFolder } from "./_folder.ts";

// What it says in TypeScript runs with `--doc`; here is what it says besides.

const ROOT = new URL("../", import.meta.url);

const README = await Deno.readTextFile(new URL("README.md", ROOT));

/** What `deno task bench:peers` writes to. */
const REPORTS = "bench/results/";

/** As much may the grey levels of pictures differ whose sums were rounded in another order. */
const MOST_LEVELS = 1;

/** What a pattern's group matches, each once. */
function found(pattern: RegExp): readonly string[] {
  return [...new Set([...README.matchAll(pattern)].map(([, group = ""]) => group))];
}

Deno.test("The README names files and folders that there are", async () => {
  const linked = found(/\]\(([^)#]+)\)/g);
  const named = found(/`((?:src|workers|tests|bench)\/[\w./]+)`/g);
  const missing: string[] = [];
  for (const path of [...linked, ...named].filter((path) => path !== REPORTS)) {
    await Deno.stat(new URL(path, ROOT)).catch(() => missing.push(path));
  }
  assertEquals(missing, []);
});

Deno.test("The README names tasks that there are", () => {
  const tasks = found(/(?:deno|deno@[\d.]+) task ([\w:]+)/g);
  assertEquals(tasks.filter((task) => !(task in config.tasks)), []);
});

Deno.test("The README shows the picture that the demo draws", async () => {
  using folder = new TestFolder();
  await runMain("demo", "--out", folder.path);
  const { pixels: drawn } = await readPng(folder.file("contact_sheet.png"));
  const { pixels: shown } = await readPng(new URL("bench/contact_sheet.png", ROOT).pathname);
  assertEquals(shown.shape, drawn.shape);
  const other = shown.data.findIndex((level, i) =>
    Math.abs(level - (drawn.data[i] ?? NaN)) > MOST_LEVELS
  );
  assert(other === -1, `Value ${other}: ${shown.data[other]} is shown, ${drawn.data[other]} drawn`);
});

/** Writes what the README calls `model.pt` and `photo.jpg`. */
async function writeModel(folder: TestFolder): Promise<Readonly<Record<string, Tensor>>> {
  const channels = [3, 16, 16, 3];
  const state: Record<string, Tensor> = {};
  for (let layer = 1; layer <= 3; layer++) {
    const [from = 0, to = 0] = channels.slice(layer - 1);
    const random = (low: number, high: number, seed: number) =>
      Tensor.uniform([to], { low, high, seed: 10 * layer + seed });
    state[`conv${layer}.weight`] = Tensor.randn([to, from, 3, 3], { seed: layer });
    state[`bn${layer}.weight`] = random(0.5, 2, 0);
    state[`bn${layer}.bias`] = random(-1, 1, 1);
    state[`bn${layer}.running_mean`] = random(-1, 1, 2);
    state[`bn${layer}.running_var`] = random(0.5, 2, 3);
    state[`bn${layer}.num_batches_tracked`] = Tensor.from(7);
  }
  await writeTorch(folder.file("model.pt"), state);
  await writeJpeg(folder.file("photo.jpg"), { pixels: Tensor.uniform([3, 12, 16], { seed: 0 }) });
  return state;
}

Deno.test("The README's shortest program computes what its checkpoint says", async () => {
  using folder = new TestFolder();
  const state = await writeModel(folder);
  const programs = found(/^```ts ignore\n([^]*?)^```$/gm);
  const program = programs.find((text) => text.includes("readTorch(")) ?? "";
  const lines = program.trim().split("\n").filter((line) => line !== "");
  assert(lines.length < 12, program);
  const source = program.replace('"@tileconv/conv"', JSON.stringify(new URL("mod.ts", ROOT).href))
    .replace('"@tileconv/conv/files"', JSON.stringify(new URL("src/io/mod.ts", ROOT).href));
  const print = "console.log(JSON.stringify([x.shape, ...x.data]));";
  Deno.writeTextFileSync(folder.file("program.ts"), `${source}\n${print}`);
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--config", new URL("deno.json", ROOT).pathname, "--allow-read", "program.ts"],
    cwd: folder.path,
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  const [shape, ...values] = JSON.parse(new TextDecoder().decode(stdout));
  let { pixels: x } = await readJpeg(folder.file("photo.jpg"));
  for (let layer = 1; layer <= 3; layer++) {
    const of = (name: string) => state[name] ?? Tensor.zeros([0]);
    x = await conv(x, of(`conv${layer}.weight`), null, { padding: 1 });
    const plane = 12 * 16;
    x.data.forEach((value, at) => {
      const channel = Math.floor(at / plane);
      const part = (name: string) => of(`bn${layer}.${name}`).data[channel] ?? NaN;
      const deviation = Math.sqrt(part("running_var") + 1e-5);
      const normal = (value - part("running_mean")) / deviation;
      x.data[at] = Math.max(0, normal * part("weight") + part("bias"));
    });
  }
  assertEquals(shape, x.shape);
  const largest = Math.max(...x.data);
  x.data.forEach((value, at) => assertAlmostEquals(values[at], value, 1e-5 * largest));
});

Deno.test("The README's command lines do what they say", async () => {
  using folder = new TestFolder();
  const pixels = Tensor.uniform([3, 20, 30], { high: 255, seed: 0 });
  await writePng(folder.file("photo.png"), { pixels, bitDepth: 8 });
  await writeNpy(folder.file("x.npy"), Tensor.randn([2, 16, 10, 12], { seed: 0 }));
  await writeModel(folder);
  const network = toOnnx([new Conv2d(3, 4, 3, { stride: 4, activation: "relu", seed: 0 })]);
  Deno.writeFileSync(folder.file("model.onnx"), network);
  const [script = ""] = found(/^```sh\n((?:.*deno task cli .*\n)+)```$/gm);
  // Nobody's tests are to fetch digits and learn them, to learn for minutes, or to fetch networks.
  const commands = script.replaceAll(/.*cli (train (digits|denoise .*)|upscale .*)\n/g, "")
    .replaceAll("deno task cli", "tileconv");
  const { code, err } = await runShell(`set -e\n${commands}`, folder.path);
  assertEquals(code, 0, err);
  const written = [
    "blurred",
    "edges.png",
    "larger.png",
    "model.onnx",
    "model.pt",
    "model.safetensors",
    "photo.jpg",
    "photo.png",
    "sharper.png",
    "x.npy",
    "y.npy",
    "y.npz",
  ];
  assertEquals(folder.names(), written);
});
