import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { readPart } from "../../../src/cli/upscaling/samples.ts";
import { Upscaler, WHITE } from "../../../src/cli/upscaling/trained_network.ts";
import { planWindows } from "../../../src/cli/upscaling/windows.ts";
import { Engine } from "../../../src/engine/engine.ts";
import { writeJpeg } from "../../../src/io/pictures/jpeg.ts";
import { readPng, writePng } from "../../../src/io/pictures/png.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { runJson, runMain, runShell } from "../_cli.ts";

/** A picture with edges and gradients; what is drawn at random would be the same everywhere. */
function draw(channels: number, height: number, width: number): Tensor {
  const pixels = Tensor.zeros([channels, height, width]);
  pixels.data.forEach((_, i) => {
    const [x, y, channel] = [
      i % width,
      Math.floor(i / width) % height,
      Math.floor(i / width / height),
    ];
    const isInside = Math.hypot(x - width / 2, y - height / 2) < Math.min(height, width) / 3;
    const value = isInside ? 0.8 - 0.2 * channel : (x + y * (channel + 1)) / (width + height * 5);
    pixels.data[i] = Math.round(255 * value) / 255;
  });
  return pixels;
}

/** What the network makes of a whole picture of three channels, from 0 to 1. */
async function enlargeWhole(pixels: Tensor, scale: number): Promise<Tensor> {
  using engine = new Engine();
  const upscaler = await Upscaler.load(scale, engine);
  const colors = Tensor.zeros([1, ...pixels.shape]);
  colors.data.set(pixels.data.map((value) => value * WHITE));
  const { data, shape } = await upscaler.enlarge(colors);
  return new Tensor(data.map((value) => Math.min(Math.max(value / WHITE, 0), 1)), shape.slice(1));
}

function largestDifference(a: Tensor, b: Tensor): number {
  assertEquals(a.shape, b.shape);
  return a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (b.data[i] ?? NaN))), 0);
}

/** What a sample of 8 bits is rounded by. */
const HALF_LEVEL = 0.5001 / 255;

Deno.test("upscale writes what the network makes of a picture, however large", async () => {
  using folder = new TestFolder();
  for (const scale of [2, 3, 4, 8]) {
    const pixels = draw(3, 30, 21 + scale);
    await writePng(folder.file("a.png"), { pixels, bitDepth: 8 });
    const figures = await runJson(
      ...["upscale", folder.file("a.png"), folder.file("b.png"), "--scale", String(scale)],
    );
    assertEquals(figures["outputShape"], [3, 30 * scale, (21 + scale) * scale]);
    const { pixels: enlarged, bitDepth } = await readPng(folder.file("b.png"));
    assertEquals(bitDepth, 8);
    const difference = largestDifference(enlarged, await enlargeWhole(pixels, scale));
    assert(difference <= HALF_LEVEL, `${scale} times: ${difference}`);
  }
});

Deno.test("upscale keeps 16 bits, grey and alpha", async () => {
  using folder = new TestFolder();
  for (const channels of [1, 2, 3, 4]) {
    const pixels = draw(channels, 24, 20);
    // A grey that says more than 8 bits.
    pixels.data[5] = 1234 / 65535;
    if (channels % 2 === 0) pixels.data.subarray(-480).fill(1);
    await writePng(folder.file("a.png"), { pixels, bitDepth: 16 });
    const run = await runMain("upscale", folder.file("a.png"), folder.file("b.png"));
    assertEquals([run.code, run.err], [0, ""]);
    const { pixels: enlarged, bitDepth } = await readPng(folder.file("b.png"));
    assertEquals([bitDepth, enlarged.shape], [16, [channels, 48, 40]]);
    const grey = pixels.slice([[0, 1]]);
    const colors = channels < 3 ? Tensor.concat([grey, grey, grey], 0) : pixels.slice([[0, 3]]);
    const expected = await enlargeWhole(colors, 2);
    const plane = 48 * 40;
    const value = (i: number) => {
      if (channels > 2) return expected.data[i] ?? NaN;
      const at = (color: number) => expected.data[color * plane + i] ?? NaN;
      return 0.299 * at(0) + 0.587 * at(1) + 0.114 * at(2);
    };
    const count = channels < 3 ? plane : 3 * plane;
    for (let i = 0; i < count; i++) {
      assert(Math.abs((enlarged.data[i] ?? NaN) - value(i)) < 2e-3, `${channels} channels, ${i}`);
    }
    // What is opaque stays so.
    assert(enlarged.data.subarray(count).every((alpha) => alpha === 1));
  }
});

Deno.test("upscale interpolates alpha, and gives what is invisible no weight", async () => {
  using folder = new TestFolder();
  const [height, width] = [20, 24];
  const pixels = Tensor.zeros([4, height, width]);
  const plane = height * width;
  for (let pixel = 0; pixel < plane; pixel++) {
    const isVisible = pixel % width >= 12;
    // Red, beside an invisible green.
    pixels.data[pixel] = isVisible ? 1 : 0;
    pixels.data[plane + pixel] = isVisible ? 0 : 1;
    pixels.data[3 * plane + pixel] = isVisible ? 1 : 0;
  }
  await writePng(folder.file("a.png"), { pixels, bitDepth: 8 });
  assertEquals((await runMain("upscale", folder.file("a.png"), folder.file("b.png"))).code, 0);
  const { pixels: { data } } = await readPng(folder.file("b.png"));
  const at = (channel: number, x: number) => data[(channel * 40 + 20) * 48 + x] ?? NaN;
  const alphas = [22, 23, 24, 25, 26].map((x) => Math.round(100 * at(3, x)));
  assertEquals(alphas, [0, 25, 75, 100, 100]);
  for (const x of [23, 24, 25]) {
    assert(at(0, x) > 0.95 && at(1, x) < 0.05, `${x}: ${at(0, x)} red, ${at(1, x)} green`);
  }
});

Deno.test("upscale makes the same bits of windows and of the whole, in any memory", async () => {
  using folder = new TestFolder();
  const names = ["whole.png", "windows.png"] as const;
  for (const [backend, threads] of [["auto", 2], ["wasm", 1]] as const) {
    await writePng(folder.file("a.png"), { pixels: draw(4, 229, 311), bitDepth: 16 });
    const memories = ["4G", "256M"] as const;
    const counts: unknown[] = [];
    for (const [i, name] of names.entries()) {
      const figures = await runJson(
        ...["upscale", folder.file("a.png"), folder.file(name), "--memory", memories[i] ?? ""],
        ...["--backend", backend, "--threads", String(threads)],
      );
      counts.push(figures["windows"]);
    }
    assertEquals(counts[0], 1);
    assert(Number(counts[1]) >= 6, `${counts[1]} windows`);
    const [whole, windows] = names.map((name) => Deno.readFileSync(folder.file(name)));
    assertEquals(whole, windows);
  }
});

Deno.test("Windows of a picture have the bits of the whole in every float", async () => {
  using engine = new Engine();
  const upscaler = await Upscaler.load(3, engine);
  const { data } = draw(3, 250, 300).permute([1, 2, 0]);
  const samples = data.map((value) => value * 255);
  const raster = { width: 300, height: 250, channels: 3, largest: 255, samples } as const;
  const partOf = (windows: ReturnType<typeof planWindows>, row: number, column: number) => {
    const [rows, columns] = [windows.rows[row], windows.columns[column]];
    if (rows === undefined || columns === undefined) throw new RangeError("No such window");
    return { rows, columns, colors: readPart({ ...raster, bitDepth: 8 }, rows, columns).colors };
  };
  const whole = await upscaler.enlarge(partOf(planWindows(250, 300, () => true), 0, 0).colors);
  const cut = planWindows(250, 300, (height, width) => height < 200 && width < 300);
  assertEquals([cut.rows.length, cut.columns.length], [2, 2]);
  for (const [row, column] of [[0, 0], [0, 1], [1, 0], [1, 1]] as const) {
    const { rows, columns, colors } = partOf(cut, row, column);
    const part = await upscaler.enlarge(colors);
    const keep = (tensor: Tensor, top: number, left: number) =>
      tensor.slice([
        null,
        null,
        [3 * (rows.from - top), 3 * (rows.to - top)],
        [3 * (columns.from - left), 3 * (columns.to - left)],
      ]);
    assertEquals(keep(part, rows.first, columns.first).data, keep(whole, 0, 0).data);
  }
});

Deno.test("upscale reads JPEG, standard input and several pictures", async () => {
  using folder = new TestFolder();
  const pixels = draw(3, 16, 24);
  await writeJpeg(folder.file("a.jpg"), { pixels });
  await writePng(folder.file("b.png"), { pixels, bitDepth: 8 });
  Deno.mkdirSync(folder.file("out"));
  const run = await runMain(
    ...["upscale", folder.file("a.jpg"), folder.file("b.png"), folder.file("out"), "--json"],
  );
  assertEquals([run.code, run.err], [0, ""]);
  assertEquals(JSON.parse(run.out).length, 2);
  assertEquals([...Deno.readDirSync(folder.file("out"))].map(({ name }) => name).sort(), [
    "a.png",
    "b.png",
  ]);
  const piped = await runShell("tileconv upscale - - --scale 3 < b.png > c.png", folder.path);
  assertEquals([piped.code, piped.out], [0, ""]);
  assertMatch(piped.err, /^input {4}\[3, 16, 24\], 8 bit, standard input$/m);
  assertEquals((await readPng(folder.file("c.png"))).pixels.shape, [3, 48, 72]);
});

Deno.test("upscale says what is wrong with its arguments, and what does not fit", async () => {
  using folder = new TestFolder();
  const path = folder.file("a.png");
  await writePng(path, { pixels: draw(3, 1000, 1000), bitDepth: 8 });
  const cases: readonly [number, string[], string][] = [
    [2, [], "Name the picture to read"],
    [2, [path], "Name the PNG file to write"],
    [2, [path, "b.png", "--scale", "5"], '"--scale" must be 2, 3, 4 or 8, but is "5"'],
    [2, [path, "b.jpg"], 'What is written is a PNG file, but "b.jpg" ends in .jpg'],
    [2, [path, "b.png", "--scal", "2"], 'Unknown option "--scal", did you mean "--scale"?'],
    [1, ["none.png", "b.png"], 'Cannot read "none.png": there is no such file'],
    [1, [path, "b.png", "--max-pixels", "999999"], "allow more with --max-pixels"],
    [
      1,
      [path, "b.png", "--scale", "8", "--memory", "256M"],
      "Enlarging 1000 x 1000 pixels takes",
    ],
  ];
  for (const [expected, args, message] of cases) {
    const { code, out, err } = await runMain("upscale", ...args);
    assertEquals([code, out], [expected, ""], err);
    assertMatch(err, /^error: [^\n]+\n$/);
    assertStringIncludes(err, message);
  }
  assertEquals(folder.names(), ["a.png"]);
});
