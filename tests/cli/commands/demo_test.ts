import { assert, assertEquals, assertMatch } from "@std/assert";
import { CHART_SIZE, drawChart } from "../../../src/cli/pictures/chart.ts";
import { contactSheet } from "../../../src/cli/pictures/gabor.ts";
import { readPng } from "../../../src/io/pictures/png.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { runMain, spawnMain } from "../_cli.ts";

Deno.test("demo writes its pictures into the folder demo, without asking for anything", async () => {
  using folder = new TestFolder();
  const { code, out, err } = await spawnMain(["demo"], folder.path);
  assertEquals([code, err], [0, ""]);
  assertEquals(folder.names(), ["demo"]);
  const sizes = {
    chart: [3, 256, 256],
    blur: [3, 256, 256],
    sharpen: [3, 256, 256],
    edges: [3, 256, 256],
    emboss: [3, 256, 256],
    upscale: [3, 768, 768],
    orientations: [1, 518, 518],
  };
  for (const [name, shape] of Object.entries(sizes)) {
    const { pixels } = await readPng(folder.file(`demo/${name}.png`));
    assertEquals(pixels.shape, shape);
    assert(new Set(pixels.data).size > 50, `${name} is not flat`);
    if (name !== "chart") assertMatch(out, new RegExp(`^${name} .* wasm$`, "m"));
  }
  assertMatch(out, /^picture +layer +input +output +time +GFLOP\/s +threads +backend\n/);
});

Deno.test("demo says in one line why it cannot write", async () => {
  using folder = new TestFolder();
  Deno.writeTextFileSync(folder.file("taken"), "");
  const { code, err } = await runMain("demo", "--out", folder.file("taken"));
  assertEquals(code, 1);
  assertMatch(err, /^error: Cannot make the folder "[^"]+": a file is in its place\n$/);
});

Deno.test("drawChart() stays between 0 and 1 and reaches both", () => {
  const { shape, data } = drawChart();
  assertEquals(shape, [3, CHART_SIZE, CHART_SIZE]);
  assertEquals([Math.min(...data.subarray(0, 65536)), Math.max(...data.subarray(0, 65536))], [
    0,
    1,
  ]);
  assert(data.every((value) => value >= 0 && value <= 1));
});

Deno.test("contactSheet() lays channels out row by row, grey where they are 0", () => {
  const sheet = contactSheet(new Tensor([-1, 0, 1], [3, 1, 1]));
  assertEquals(sheet.shape, [1, 4, 4]);
  const at = (y: number, x: number) => sheet.data[y * 4 + x];
  assertEquals([at(0, 0), at(0, 3), at(3, 0), at(3, 3), at(1, 1)], [0, 0.5, 1, 1, 1]);
});
