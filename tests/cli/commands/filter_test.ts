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
import { decodeJpeg } from "../../../src/io/pictures/jpeg.ts";
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

Deno.test("filter keeps channels and bit depth of every kind of picture", async () => {
  using folder = new TestFolder();
  const [source, target] = [folder.file("in.png"), folder.file("out.png")];
  for (const bitDepth of [8, 16] as const) {
    for (const channels of [1, 2, 3, 4]) {
      await writePng(source, { pixels: Tensor.uniform([channels, 6, 9], { seed: 5 }), bitDepth });
      for (const name of NAMES) {
        const { code, err } = await runMain("filter", name, source, target);
        assertEquals([code, err], [0, ""]);
        const picture = await readPng(target);
        const [height, width] = name === "upscale" ? [12, 18] : [6, 9];
        assertEquals(picture.bitDepth, bitDepth);
        assertEquals(picture.pixels.shape, [channels, height, width]);
      }
    }
  }
  assertEquals(folder.names(), ["in.png", "out.png"]);
});

/** Filters a picture of 16 bits by the command. */
async function filterFile(
  folder: TestFolder,
  name: FilterName,
  pixels: Tensor,
  ...flags: readonly string[]
): Promise<Tensor> {
  const [source, target] = [folder.file("in.png"), folder.file("out.png")];
  await writePng(source, { pixels, bitDepth: 16 });
  const { code, err } = await runMain("filter", name, source, target, ...flags);
  assertEquals([code, err], [0, ""]);
  return (await readPng(target)).pixels;
}

/** Opaque discs, softer ones and nothing, over colours that are everywhere. */
function transparentPicture(seed: number): Tensor {
  const pixels = Tensor.uniform([4, 20, 24], { seed });
  pixels.data.subarray(3 * 480).forEach((_, pixel, alpha) => {
    const [x, y] = [pixel % 24, Math.floor(pixel / 24)];
    alpha[pixel] = Math.hypot(x - 7, y - 8) < 6 ? 1 : Math.hypot(x - 18, y - 12) < 4 ? 0.4 : 0;
  });
  return pixels;
}

/** The picture with other colours where it is invisible. */
function withOtherHiddenColors(pixels: Tensor, color: number): Tensor {
  const changed = new Tensor(pixels.data.slice(), pixels.shape);
  for (let at = 0; at < 3 * 480; at++) {
    if (pixels.data[3 * 480 + at % 480] === 0) changed.data[at] = color;
  }
  return changed;
}

Deno.test("The colours of invisible pixels make no difference to any filter", async () => {
  using folder = new TestFolder();
  const pixels = transparentPicture(6);
  for (const name of NAMES) {
    const filtered = await filterFile(folder, name, pixels);
    for (const color of [0, 1]) {
      const other = await filterFile(folder, name, withOtherHiddenColors(pixels, color));
      assertEquals(other.data, filtered.data, name);
    }
  }
});

Deno.test("A shape of one colour keeps it up to its soft rim", async () => {
  using folder = new TestFolder();
  const pixels = transparentPicture(7);
  const [red, green, blue] = [1, 0.25, 0];
  const colored = Tensor.zeros(pixels.shape);
  [red, green, blue].forEach((part, channel) => {
    colored.data.fill(part, channel * 480, (channel + 1) * 480);
  });
  colored.data.set(pixels.data.subarray(3 * 480), 3 * 480);
  const shape = withOtherHiddenColors(colored, 0);
  for (const name of ["blur", "sharpen", "upscale"] as const) {
    const { data, shape: [, height = 0, width = 0] } = await filterFile(folder, name, shape);
    const plane = height * width;
    let soft = 0;
    for (let pixel = 0; pixel < plane; pixel++) {
      const alpha = data[3 * plane + pixel] ?? 0;
      if (alpha < 0.001) continue;
      if (alpha < 0.39) soft++;
      [red, green, blue].forEach((part, channel) => {
        assertAlmostEquals(data[channel * plane + pixel] ?? NaN, part, 1e-4, `${name}, ${alpha}`);
      });
    }
    if (name !== "sharpen") assert(soft > 20, `${name} has a soft rim`);
  }
});

Deno.test("What is opaque is filtered as if it had no alpha, and stays opaque", async () => {
  using folder = new TestFolder();
  const colors = Tensor.uniform([3, 12, 15], { seed: 8 });
  const opaque = new Tensor([...colors.data, ...new Array(180).fill(1)], [4, 12, 15]);
  for (const name of NAMES) {
    const plain = await filterFile(folder, name, colors);
    const { data } = await filterFile(folder, name, opaque);
    assert(data.subarray(plain.size).every((alpha) => alpha === 1), name);
    for (let at = 0; at < plain.size; at++) {
      assertAlmostEquals(data[at] ?? NaN, plain.data[at] ?? NaN, 1e-4, name);
    }
  }
});

Deno.test("Alpha is filtered by blur and sharpen, kept by emboss, and grows at its edges by edges", async () => {
  using folder = new TestFolder();
  const picture = transparentPicture(9);
  const alphaOf = ({ data }: Tensor) => new Tensor(data.slice(3 * 480), [1, 20, 24]);
  const alpha = alphaOf(picture);
  const largest = (a: number, b: number) => Math.min(Math.max(a, b, 0), 1);
  const gradient = await filter("edges", alpha);
  const expected: Readonly<Record<string, (y: number, x: number) => number>> = {
    blur: (y, x) => gaussianAt(alpha, 2, 0, y, x),
    sharpen: (y, x) => largest(0, 2 * at(alpha, 0, y, x) - gaussianAt(alpha, 2, 0, y, x)),
    emboss: (y, x) => at(alpha, 0, y, x),
    edges: (y, x) => largest(at(alpha, 0, y, x), at(gradient, 0, y, x)),
  };
  for (const name of ["blur", "sharpen", "emboss", "edges"] as const) {
    const filtered = alphaOf(await filterFile(folder, name, picture));
    const formula = expected[name];
    for (let pixel = 0; pixel < 480; pixel++) {
      const [y, x] = [Math.floor(pixel / 24), pixel % 24];
      assertAlmostEquals(at(filtered, 0, y, x), formula?.(y, x) ?? NaN, 2e-5, `${name} ${y} ${x}`);
    }
  }
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
    input: path,
    inputShape: [3, 4, 5],
    output: folder.file("b.png"),
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
    [[], "Name a filter: blur, sharpen, edges, emboss, upscale or denoise"],
    [["denoise", "a.png", "b.png"], "Filter denoise needs --weights, which train denoise writes"],
    [["denoise", "a.png", "b.png", "--radius", "2"], 'Filter denoise has no option "--radius"'],
    [["blur", "a.png", "b.png", "--weights", "x"], 'Filter blur has no option "--weights"'],
    [["blurr", "a.png", "b.png"], 'Unknown filter "blurr", did you mean "blur"?'],
    [["blur"], "Name the picture to read"],
    [["blur", "a.png"], "Name the PNG file to write"],
    [["blur", "a.png", "b.png", "c.png"], '2 inputs need a folder for their outputs, but "c.png"'],
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

Deno.test("filter takes several pictures into a folder, or in their places", async () => {
  using folder = new TestFolder();
  Deno.mkdirSync(folder.file("out"));
  const names = ["a.png", "b.png", "ü 1.png"];
  for (const [index, name] of names.entries()) {
    const pixels = Tensor.uniform([index + 1, 9, 7 + index], { seed: index });
    await writePng(folder.file(name), { pixels, bitDepth: 8 });
  }
  const paths = names.map((name) => folder.file(name));
  const { code, out, err } = await runMain("filter", "blur", ...paths, folder.file("out"));
  assertEquals([code, err], [0, ""]);
  assertEquals(out.match(/^output .*$/gm)?.length, 3);
  for (const name of names) {
    const single = folder.file("single.png");
    assertEquals((await runMain("filter", "blur", folder.file(name), single)).code, 0);
    assertEquals(Deno.readFileSync(folder.file(`out/${name}`)), Deno.readFileSync(single));
  }
  const figures: readonly Record<string, unknown>[] = JSON.parse(
    (await runMain("filter", "blur", ...paths, folder.path, "--json")).out,
  );
  assertEquals(figures.map((each) => each["output"]), paths);
  for (const name of names) {
    assertEquals(
      Deno.readFileSync(folder.file(name)),
      Deno.readFileSync(folder.file(`out/${name}`)),
    );
  }
});

Deno.test("filter puts one picture into a folder under its name", async () => {
  using folder = new TestFolder();
  Deno.mkdirSync(folder.file("out.png"));
  await writePng(folder.file("a.png"), { pixels: Tensor.ones([1, 3, 3]), bitDepth: 8 });
  for (const target of ["out.png", "out.png/"]) {
    const ending = await runMain("filter", "blur", folder.file("a.png"), folder.file(target));
    assertEquals([ending.code, ending.err], [0, ""]);
    assertEquals([...Deno.readDirSync(folder.file("out.png"))].map(({ name }) => name), ["a.png"]);
    Deno.removeSync(folder.file("out.png/a.png"));
  }
});

Deno.test("filter gives pictures in a folder the extension of what they are", async () => {
  using folder = new TestFolder();
  Deno.mkdirSync(folder.file("out"));
  const names = ["a.jpg", "b.PNG", "c", "d.v2"];
  for (const name of names) {
    await writePng(folder.file(name), { pixels: Tensor.ones([1, 3, 3]), bitDepth: 8 });
  }
  const paths = names.map((name) => folder.file(name));
  assertEquals((await runMain("filter", "blur", ...paths, folder.file("out"))).code, 0);
  const written = [...Deno.readDirSync(folder.file("out"))].map(({ name }) => name).sort();
  assertEquals(written, ["a.png", "b.PNG", "c", "d.png"]);
});

Deno.test("filter reads JPEG pictures, and gives those in a folder the extension of what they become", async () => {
  using folder = new TestFolder();
  const url = new URL("../../io/pictures/jpeg/files.jsonl", import.meta.url);
  const files = Deno.readTextFileSync(url).trim().split("\n").map((line) => JSON.parse(line));
  const { bytes } = files.find(({ name }) => name === "orientation 6, big end first");
  const jpeg = Uint8Array.fromBase64(bytes);
  Deno.writeFileSync(folder.file("a.jpg"), jpeg);
  await writePng(folder.file("b.png"), decodeJpeg(jpeg));
  Deno.mkdirSync(folder.file("out"));
  const paths = ["a.jpg", "b.png", "out"].map((name) => folder.file(name));
  const { code, out, err } = await runMain("filter", "blur", ...paths);
  assertEquals([code, err], [0, ""]);
  assertStringIncludes(out, "[3, 21, 19], 8 bit, ");
  assertEquals([...Deno.readDirSync(folder.file("out"))].map(({ name }) => name).sort(), [
    "a.png",
    "b.png",
  ]);
  const [a, b] = ["out/a.png", "out/b.png"].map((name) => Deno.readFileSync(folder.file(name)));
  assertEquals(a, b);
});

Deno.test("filter writes a PNG file under any name without another extension", async () => {
  using folder = new TestFolder();
  await writePng(folder.file("a.png"), { pixels: Tensor.ones([1, 3, 3]), bitDepth: 8 });
  for (const name of ["b", "b.PNG", ".png", "b.", "x.jpg.png"]) {
    const ending = await runMain("filter", "blur", folder.file("a.png"), folder.file(name));
    assertEquals([ending.code, ending.err], [0, ""], name);
    assertEquals((await readPng(folder.file(name))).pixels.shape, [1, 3, 3]);
  }
});

Deno.test("filter reads no more pixels than --max-pixels says, and passes on what is odd about a file", async () => {
  using folder = new TestFolder();
  const [source, target] = [folder.file("a.png"), folder.file("b.png")];
  await writePng(source, { pixels: Tensor.ones([1, 5, 4]), bitDepth: 8 });
  const few = await runMain("filter", "blur", source, target, "--max-pixels", "19");
  assertEquals(few.code, 1);
  assertStringIncludes(few.err, "it has 4 x 5 pixels, more than the 19 that may be read");
  assertEquals((await runMain("filter", "blur", source, target, "--max-pixels", "20")).code, 0);
  const bytes = Deno.readFileSync(source);
  // A text chunk with a wrong checksum, behind the header.
  const text = Uint8Array.of(0, 0, 0, 1, 0x74, 0x45, 0x58, 0x74, 65, 0, 0, 0, 0);
  Deno.writeFileSync(
    source,
    Uint8Array.of(...bytes.subarray(0, 33), ...text, ...bytes.subarray(33)),
  );
  const odd = await runMain("filter", "blur", source, target);
  assertEquals(odd.code, 0);
  assertMatch(odd.err, /^warning: .*a\.png: .*tEXt.*\n$/);
});
