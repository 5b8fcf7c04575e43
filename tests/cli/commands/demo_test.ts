import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { CHART_SIZE, drawChart } from "../../../src/cli/pictures/chart.ts";
import { panelPlace } from "../../../src/cli/pictures/contact_sheet.ts";
import type { FilterName } from "../../../src/cli/pictures/filters.ts";
import { applyFilter, buildFilter, DEFAULT_SETTINGS } from "../../../src/cli/pictures/filters.ts";
import { colorSigned, gaborBank } from "../../../src/cli/pictures/gabor.ts";
import { missingForNative } from "../../../src/engine/backend.ts";
import { Engine } from "../../../src/engine/engine.ts";
import { decodePng, encodePng, readPng } from "../../../src/io/pictures/png.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { runJson, runMain, spawnMain } from "../_cli.ts";

const BACKENDS = ["wasm", ...(missingForNative() === null ? ["native"] : [])];

const ANGLES = [0, 45, 90, 135];

Deno.test("demo writes one sheet into the folder demo, without asking for anything", async () => {
  using folder = new TestFolder();
  const { code, out, err } = await spawnMain(["demo"], folder.path);
  assertEquals([code, err], [0, ""]);
  assertEquals(folder.names(), ["demo"]);
  assertEquals([...Deno.readDirSync(folder.file("demo"))].map(({ name }) => name), [
    "contact_sheet.png",
  ]);
  const path = Deno.realPathSync(folder.file("demo/contact_sheet.png"));
  assert(out.split("\n").includes(path), "the absolute path has a line for itself");
  assertMatch(out, /\nTry: deno task cli filter blur photo\.png blurred\.png\n$/);
});

/** The pictures of the sheet, from the filters themselves. */
async function filteredCharts(engine: Engine): Promise<readonly Tensor[]> {
  const chart = drawChart();
  const filtered = (name: FilterName, changed: Partial<typeof DEFAULT_SETTINGS> = {}) =>
    applyFilter(buildFilter(name, 3, { ...DEFAULT_SETTINGS, ...changed }, engine), chart);
  const answers = await gaborBank(ANGLES, engine).forward(chart);
  return [
    chart,
    await filtered("blur", { radius: 8 }),
    await filtered("edges"),
    await filtered("emboss"),
    ...ANGLES.map((_, index) => colorSigned(answers, index, 2.5)),
  ];
}

/** What a file keeps of a picture. */
async function rounded(pixels: Tensor): Promise<Tensor> {
  return decodePng(await encodePng({ pixels, bitDepth: 8 })).pixels;
}

/** One channel of a part of a picture. */
function cut(
  { shape, data }: Tensor,
  channel: number,
  [top, left, height, width]: readonly [number, number, number, number],
): Float32Array {
  const [, rows = 0, columns = 0] = shape;
  const part = new Float32Array(height * width);
  for (let y = 0; y < height; y++) {
    const at = (channel * rows + top + y) * columns + left;
    part.set(data.subarray(at, at + width), y * width);
  }
  return part;
}

Deno.test("The panels of the demo's sheet are the chart and what the filters make of it", async () => {
  using folder = new TestFolder();
  for (const backend of BACKENDS) {
    using engine = new Engine({ backend: backend === "native" ? "native" : "wasm" });
    const { code } = await runMain("demo", "--out", folder.path, "--backend", backend);
    assertEquals(code, 0);
    const { pixels: sheet } = await readPng(folder.file("contact_sheet.png"));
    const pictures = await filteredCharts(engine);
    for (const [index, picture] of pictures.entries()) {
      const { top, left } = panelPlace(index, CHART_SIZE, CHART_SIZE);
      const expected = await rounded(picture);
      for (const channel of [0, 1, 2]) {
        assertEquals(
          cut(sheet, channel, [top, left, CHART_SIZE, CHART_SIZE]),
          cut(expected, channel, [0, 0, CHART_SIZE, CHART_SIZE]),
        );
      }
    }
    assertMargins(sheet, pictures.length);
  }
});

/** The sheet ends with the margin it begins with, and no caption reaches beyond its panel. */
function assertMargins(sheet: Tensor, panels: number): void {
  const [, height = 0, width = 0] = sheet.shape;
  const places = Array.from({ length: panels }, (_, at) => panelPlace(at, CHART_SIZE, CHART_SIZE));
  const right = Math.max(...places.map(({ left }) => left)) + CHART_SIZE;
  assertEquals(width - right, places[0]?.left);
  const paper = sheet.data[0];
  for (const { left } of places) {
    const gap = cut(sheet, 0, [0, left + CHART_SIZE, height, 24]);
    assert(gap.every((value) => value === paper), `right of ${left + CHART_SIZE}`);
  }
}

Deno.test("demo prints its figures within 80 columns", async () => {
  using folder = new TestFolder();
  for (const backend of BACKENDS) {
    const args = ["--out", folder.path, "--backend", backend, "--threads", "2"];
    const { code, out } = await runMain("demo", ...args);
    assertEquals(code, 0);
    const path = Deno.realPathSync(folder.file("contact_sheet.png"));
    for (const line of out.replace(path, "").split("\n")) assert(line.length <= 80, line);
    assertMatch(out, /^picture +layer +time +megapixels\/s +plain JS +speedup\n/);
    assertMatch(
      out,
      /^blur +Conv2d 3→3, 1x17, groups 3 +[\d.]+ .?s +[\d.]+ +[\d.]+ .?s +[\d.]+ x$/m,
    );
    assertMatch(out, new RegExp(`^${backend} \\(.+\\), 2 threads; median of`, "m"));
  }
});

Deno.test("demo --json has a path, what ran and a list of figures", async () => {
  using folder = new TestFolder();
  const figures = await runJson("demo", "--out", folder.path, "--threads", "1");
  assertEquals(figures["sheet"], Deno.realPathSync(folder.file("contact_sheet.png")));
  assertEquals(figures["threads"], 1);
  assertEquals(figures["chart"], [CHART_SIZE, CHART_SIZE]);
  const rows = figures["rows"];
  if (!Array.isArray(rows)) throw new Error("There is no list of figures");
  assertEquals(rows.map(({ picture }) => picture), ["blur", "blur", "edges", "emboss", "Gabor"]);
  for (const { seconds, plainSeconds, timesAsFast, megapixelsPerSecond, difference } of rows) {
    assertAlmostEquals(timesAsFast, plainSeconds / seconds, 1e-9 * timesAsFast);
    assertAlmostEquals(megapixelsPerSecond * seconds * 1e6, CHART_SIZE ** 2, 1e-3);
    assert(seconds > 0 && plainSeconds > 0 && difference < 1e-5);
  }
});

Deno.test("demo says in one line why it cannot write", async () => {
  using folder = new TestFolder();
  Deno.writeTextFileSync(folder.file("taken"), "");
  const { code, err } = await runMain("demo", "--out", folder.file("taken"));
  assertEquals(code, 1);
  assertMatch(err, /^error: Cannot make the folder "[^"]+": a file is in its place\n$/);
});
