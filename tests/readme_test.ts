import { assert, assertEquals } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { writeNpy } from "../src/io/arrays/npy.ts";
import { readPng, writePng } from "../src/io/pictures/png.ts";
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

Deno.test("The README's command lines do what they say", async () => {
  using folder = new TestFolder();
  const pixels = Tensor.uniform([3, 20, 30], { high: 255, seed: 0 });
  await writePng(folder.file("photo.png"), { pixels, bitDepth: 8 });
  await writeNpy(folder.file("x.npy"), Tensor.randn([2, 16, 10, 12], { seed: 0 }));
  const [script = ""] = found(/^```sh\n((?:.*deno task cli .*\n)+)```$/gm);
  // Nobody's tests are to fetch digits and learn them, or to learn for minutes.
  const commands = script.replaceAll(/.*train (digits|denoise .*)\n/g, "")
    .replaceAll("deno task cli", "tileconv");
  const { code, err } = await runShell(`set -e\n${commands}`, folder.path);
  assertEquals(code, 0, err);
  const written = [
    "blurred",
    "edges.png",
    "larger.png",
    "photo.png",
    "sharper.png",
    "x.npy",
    "y.npy",
  ];
  assertEquals(folder.names(), written);
});
