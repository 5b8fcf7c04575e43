import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { applyFilter } from "../../../src/cli/pictures/filters.ts";
import { filterStrips } from "../../../src/cli/pictures/strips.ts";
import { encodeCheckpoint } from "../../../src/cli/training/checkpoint.ts";
import { denoiseFilter, readDenoiser } from "../../../src/cli/training/denoise_filter.ts";
import { denoise, denoiseLayers } from "../../../src/cli/training/denoise_network.ts";
import { DenoiseTraining } from "../../../src/cli/training/denoise_training.ts";
import { digitLayers } from "../../../src/cli/training/digit_network.ts";
import { DigitTraining } from "../../../src/cli/training/digit_training.ts";
import { Engine } from "../../../src/engine/engine.ts";
import { FileError } from "../../../src/io/files.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";

const NOISE = 51;

/** A network that finds something, in a file. */
function leaveNetwork(path: string, channels: number, engine: Engine): DenoiseTraining {
  const layers = denoiseLayers(channels, 1, engine);
  layers.forEach(({ weight, bias }, index) => {
    if (index === layers.length - 1) {
      weight.data.set(Tensor.randn(weight.shape, { seed: 9 }).data.map((value) => value / 20));
    }
    bias?.data.set(Tensor.randn(bias.shape, { seed: index }).data.map((value) => value / 10));
  });
  const settings = { steps: 9, batch: 1, patch: 16, noise: NOISE, seed: 0, channels, pictures: "" };
  const training = new DenoiseTraining(layers, [Tensor.zeros([channels, 16, 16])], settings);
  Deno.writeFileSync(path, encodeCheckpoint(training));
  return training;
}

function planesOf({ data, shape }: Tensor): readonly Float32Array[] {
  const [channels = 0, height = 0, width = 0] = shape;
  return Array.from(
    { length: channels },
    (_, channel) => data.slice(channel * height * width, (channel + 1) * height * width),
  );
}

function assertClose(actual: Float32Array | undefined, expected: ArrayLike<number>): void {
  assertEquals(actual?.length, expected.length);
  actual?.forEach((value, i) => assertAlmostEquals(value, expected[i] ?? NaN, 1e-5));
}

Deno.test("denoiseFilter() takes away what the network finds, whatever channels the two have", async () => {
  using folder = new TestFolder();
  using engine = new Engine({ threads: 1 });
  const [height, width] = [12, 15];
  const pictures = [1, 2, 3, 4].map((channels) =>
    Tensor.uniform([channels, height, width], { seed: channels })
  );
  for (const learned of [1, 3]) {
    const path = folder.file(`${learned}.npz`);
    const { layers } = leaveNetwork(path, learned, engine);
    const denoiser = await readDenoiser(path);
    const planesWithout = async (planes: readonly Float32Array[]) => {
      const pixels = new Tensor(planes.flatMap((plane) => [...plane]), [learned, height, width]);
      return planesOf(await denoise(layers, pixels, NOISE / 255));
    };
    for (const picture of pictures) {
      const [channels = 0] = picture.shape;
      const filter = denoiseFilter(denoiser, channels, engine);
      const actual = planesOf(await applyFilter(filter, picture));
      assertEquals(actual.length, channels);
      const colors = planesOf(picture).slice(0, channels > 2 ? 3 : 1);
      if (learned === 1) {
        for (const [index, color] of colors.entries()) {
          assertClose(actual[index], (await planesWithout([color]))[0] ?? []);
        }
      } else if (colors.length === 3) {
        (await planesWithout(colors)).forEach((plane, index) => assertClose(actual[index], plane));
      } else {
        const [grey = new Float32Array()] = colors;
        const [red, green, blue] = await planesWithout([grey, grey, grey]);
        const mean = grey.map((_, i) =>
          ((red?.[i] ?? 0) + (green?.[i] ?? 0) + (blue?.[i] ?? 0)) / 3
        );
        assertClose(actual[0], mean);
      }
      assertEquals(filter.alphaOf?.(0.25, 0.75), 0.25);
    }
  }
});

Deno.test("denoiseFilter() gives the same in strips as at once", async () => {
  using folder = new TestFolder();
  using engine = new Engine({ threads: 1 });
  leaveNetwork(folder.file("a.npz"), 1, engine);
  const filter = denoiseFilter(await readDenoiser(folder.file("a.npz")), 1, engine);
  const [height, width] = [60, 9];
  const samples = Tensor.uniform([height, width], { seed: 1 }).data.map((value) => 65535 * value);
  const raster = { width, height, channels: 1, largest: 65535, bitDepth: 8 as const, samples };
  const lines = async (rows: number) => {
    const parts: number[] = [];
    for await (const strip of filterStrips(raster, filter, rows)) parts.push(...strip.lines);
    return parts;
  };
  const whole = await lines(height);
  assert(new Set(whole).size > 20);
  const strips = await lines(2 * filter.reach + 3);
  assertEquals(strips.length, whole.length);
  strips.forEach((level, i) => assert(Math.abs(level - (whole[i] ?? NaN)) <= 1));
});

Deno.test("readDenoiser() refuses another training, and a file that is none", async () => {
  using folder = new TestFolder();
  using engine = new Engine({ threads: 1 });
  const path = folder.file("a.npz");
  const digits = { pixels: new Uint8Array(28 ** 2), labels: new Uint8Array(1) };
  const settings = { epochs: 1, batch: 1, seed: 0 };
  const training = new DigitTraining(digitLayers(0, engine), digits, settings);
  Deno.writeFileSync(path, encodeCheckpoint(training));
  await assertRejects(() => readDenoiser(path), FileError, "it is of another training");
  const { layers, settings: own } = leaveNetwork(path, 3, engine);
  const smaller = new DenoiseTraining(layers.slice(1), [], own);
  Deno.writeFileSync(path, encodeCheckpoint(smaller));
  await assertRejects(() => readDenoiser(path), FileError, "it has no array 0.weight of shape");
  Deno.writeTextFileSync(path, "text");
  await assertRejects(() => readDenoiser(path), FileError, "it is not a ZIP archive");
});
