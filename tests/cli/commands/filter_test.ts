import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import type { FilterName, FilterSettings } from "../../../src/cli/pictures/filters.ts";
import { applyFilter, buildFilter, DEFAULT_SETTINGS } from "../../../src/cli/pictures/filters.ts";
import { Engine } from "../../../src/engine/engine.ts";
import { encodePng, readPng, writePng } from "../../../src/io/pictures/png.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { runJson, runMain } from "../_cli.ts";

const NAMES: readonly FilterName[] = ["blur", "sharpen", "edges", "emboss", "upscale"];

async function filter(
  name: FilterName,
  pixels: Tensor,
  settings: Partial<FilterSettings> = {},
): Promise<Tensor> {
  using engine = new Engine();
  const [channels = 0] = pixels.shape;
  const all = { ...DEFAULT_SETTINGS, ...settings };
  return await applyFilter(buildFilter(name, channels, all, engine), pixels);
}

/** Reads a value, the nearest one for a position beyond the border. */
function at({ data, shape }: Tensor, channel: number, y: number, x: number): number {
  const [, height = 0, width = 0] = shape;
  const row = Math.min(Math.max(y, 0), height - 1);
  const column = Math.min(Math.max(x, 0), width - 1);
  return data[(channel * height + row) * width + column] ?? NaN;
}

/** Compares every pixel with a formula. */
function assertPixels(
  actual: Tensor,
  expected: (channel: number, y: number, x: number) => number,
): void {
  const [channels = 0, height = 0, width = 0] = actual.shape;
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const message = `channel ${channel}, y ${y}, x ${x}`;
        assertAlmostEquals(at(actual, channel, y, x), expected(channel, y, x), 1e-5, message);
      }
    }
  }
}

/** The value of a Gaussian of this radius around a pixel. */
function gaussianAt(pixels: Tensor, radius: number, channel: number, y: number, x: number): number {
  const deviation = 0.3 * (radius - 1) + 0.8;
  let sum = 0;
  let total = 0;
  for (let dy = -radius; dy <= radius; dy++) {
    for (let dx = -radius; dx <= radius; dx++) {
      const weight = Math.exp(-(dx * dx + dy * dy) / (2 * deviation ** 2));
      sum += weight * at(pixels, channel, y + dy, x + dx);
      total += weight;
    }
  }
  return sum / total;
}

Deno.test("blur is a Gaussian that repeats the border, also where it is larger than the picture", async () => {
  const pixels = Tensor.uniform([2, 7, 9], { seed: 1 });
  for (const radius of [1, 3, 12]) {
    const blurred = await filter("blur", pixels, { radius });
    assertPixels(blurred, (channel, y, x) => gaussianAt(pixels, radius, channel, y, x));
  }
});

Deno.test("sharpen adds what a blur takes away", async () => {
  const pixels = Tensor.uniform([3, 8, 8], { seed: 2 });
  const sharpened = await filter("sharpen", pixels, { radius: 2, amount: 1.5 });
  assertPixels(sharpened, (channel, y, x) => {
    const value = at(pixels, channel, y, x);
    return value + 1.5 * (value - gaussianAt(pixels, 2, channel, y, x));
  });
});

Deno.test("edges is the length of the Sobel gradient of each channel", async () => {
  const pixels = Tensor.uniform([3, 9, 6], { seed: 3 });
  const edges = await filter("edges", pixels, { amount: 2 });
  assertEquals(edges.shape, pixels.shape);
  assertPixels(edges, (channel, y, x) => {
    const pixel = (dy: number, dx: number) => at(pixels, channel, y + dy, x + dx);
    const across = pixel(-1, 1) + 2 * pixel(0, 1) + pixel(1, 1) -
      pixel(-1, -1) - 2 * pixel(0, -1) - pixel(1, -1);
    const down = pixel(1, -1) + 2 * pixel(1, 0) + pixel(1, 1) -
      pixel(-1, -1) - 2 * pixel(-1, 0) - pixel(-1, 1);
    return 2 * Math.hypot(across, down) / 4;
  });
});

Deno.test("edges gives 1 for a step from black to white", async () => {
  const step = Tensor.from([[[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]]]);
  const edges = await filter("edges", step);
  assertEquals([...edges.data], [0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0]);
});

Deno.test("emboss brightens the top left edge of what is bright", async () => {
  const pixels = Tensor.zeros([1, 5, 5]);
  pixels.data[12] = 1;
  const embossed = await filter("emboss", pixels, { amount: 1 });
  assertEquals([...embossed.data].map(Math.round), [
    ...[0, 0, 0, 0, 0],
    ...[0, 2, 1, 0, 0],
    ...[0, 1, 1, -1, 0],
    ...[0, 0, -1, -2, 0],
    ...[0, 0, 0, 0, 0],
  ]);
});

Deno.test("upscale interpolates between the middles of pixels and repeats the border", async () => {
  const pixels = Tensor.uniform([2, 4, 5], { seed: 4 });
  for (const scale of [2, 3, 4, 5, 8]) {
    const larger = await filter("upscale", pixels, { scale });
    assertEquals(larger.shape, [2, 4 * scale, 5 * scale]);
    assertPixels(larger, (channel, y, x) => {
      const [sourceY, sourceX] = [(y + 0.5) / scale - 0.5, (x + 0.5) / scale - 0.5];
      const [top, left] = [Math.floor(sourceY), Math.floor(sourceX)];
      const [down, right] = [sourceY - top, sourceX - left];
      const mix = (row: number) =>
        (1 - right) * at(pixels, channel, row, left) + right * at(pixels, channel, row, left + 1);
      return (1 - down) * mix(top) + down * mix(top + 1);
    });
  }
});

Deno.test("Every filter but edges leaves a flat picture as it is, up to its border", async () => {
  const pixels = Tensor.full([3, 6, 7], 0.25);
  for (const name of NAMES) {
    const flat = name === "edges" ? 0 : 0.25;
    assertPixels(await filter(name, pixels), () => flat);
  }
});

Deno.test("filter keeps channels, bit depth and transparency of every kind of picture", async () => {
  using folder = new TestFolder();
  const [source, target] = [folder.file("in.png"), folder.file("out.png")];
  for (const bitDepth of [8, 16] as const) {
    for (const channels of [1, 2, 3, 4]) {
      await writePng(source, { pixels: Tensor.uniform([channels, 6, 9], { seed: 5 }), bitDepth });
      const before = (await readPng(source)).pixels;
      for (const name of NAMES) {
        const { code, err } = await runMain("filter", name, source, target);
        assertEquals([code, err], [0, ""]);
        const picture = await readPng(target);
        const [height, width] = name === "upscale" ? [12, 18] : [6, 9];
        assertEquals(picture.bitDepth, bitDepth);
        assertEquals(picture.pixels.shape, [channels, height, width]);
        const hasAlpha = channels % 2 === 0;
        if (!hasAlpha || name === "upscale") continue;
        assertEquals(picture.pixels.data.slice(-54), before.data.slice(-54));
        assert(String(picture.pixels.data.slice(0, 54)) !== String(before.data.slice(0, 54)));
      }
    }
  }
  assertEquals(folder.names(), ["in.png", "out.png"]);
});

Deno.test("filter may write over the picture that it reads", async () => {
  using folder = new TestFolder();
  const path = folder.file("a.png");
  await writePng(path, { pixels: Tensor.from([[[0, 0, 1, 1]]]), bitDepth: 8 });
  assertEquals((await runMain("filter", "edges", path, path)).code, 0);
  assertEquals([...(await readPng(path)).pixels.data], [0, 1, 1, 0]);
});

Deno.test("filter --json prints the figures", async () => {
  using folder = new TestFolder();
  const path = folder.file("a.png");
  await writePng(path, { pixels: Tensor.ones([3, 4, 5]), bitDepth: 16 });
  const { seconds, ...rest } = await runJson(
    ...[
      "filter",
      "upscale",
      path,
      folder.file("b.png"),
      "--scale",
      "3",
      "--threads",
      "1",
      "--backend",
      "wasm",
    ],
  );
  assert(typeof seconds === "number" && seconds > 0);
  assertEquals(rest, {
    filter: "upscale",
    inputShape: [3, 4, 5],
    outputShape: [3, 12, 15],
    bitDepth: 16,
    threads: 1,
    backend: "wasm",
    instructionSet: "wasm",
  });
});

Deno.test("filter names what is wrong with its files in one line and writes nothing", async () => {
  using folder = new TestFolder();
  const whole = await encodePng({ pixels: Tensor.uniform([3, 9, 9], { seed: 1 }), bitDepth: 8 });
  Deno.writeFileSync(folder.file("whole.png"), whole);
  Deno.writeFileSync(folder.file("cut.png"), whole.subarray(0, whole.length - 30));
  Deno.writeTextFileSync(folder.file("text.png"), "not a picture");
  const before = folder.names();
  const cases: readonly [string, string, string][] = [
    ["none.png", "out.png", "there is no such file or folder"],
    ["cut.png", "out.png", "it ends early"],
    ["text.png", "out.png", "it is not a PNG file"],
    ["whole.png", "no/out.png", "Cannot write"],
  ];
  for (const [source, target, message] of cases) {
    const ending = await runMain("filter", "blur", folder.file(source), folder.file(target));
    assertEquals([ending.code, ending.out], [1, ""]);
    assertMatch(ending.err, /^error: [^\n]+\n$/);
    assertStringIncludes(ending.err, message);
    assertEquals(folder.names(), before);
  }
});

Deno.test("filter says what is wrong with its arguments", async () => {
  const cases: readonly [string[], string][] = [
    [[], "Name a filter: blur, sharpen, edges, emboss or upscale"],
    [["blurr", "a.png", "b.png"], 'Unknown filter "blurr", did you mean "blur"?'],
    [["blur"], "Name the PNG file to read"],
    [["blur", "a.png"], "Name the PNG file to write"],
    [["blur", "a.png", "b.png", "c.png"], 'Unexpected argument "c.png"'],
    [["blur", "a.png", "b.png", "--scale", "2"], 'Filter blur has no option "--scale"'],
    [["blur", "a.png", "b.png", "--radius", "0"], '"--radius" must be from 1 to 64, but is 0'],
    [["edges", "a.png", "b.png", "--amount", "much"], '"--amount" must be a number from 0 to 100'],
    [["upscale", "a.png", "b.png", "--scale", "9"], '"--scale" must be from 2 to 8, but is 9'],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await runMain("filter", ...args);
    assertEquals(code, 2);
    assertStringIncludes(err, message);
  }
});
