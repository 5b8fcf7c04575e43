import { assert, assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import { encodeCheckpoint, resumeFrom } from "../../../src/cli/training/checkpoint.ts";
import { evaluate, findBestBlur } from "../../../src/cli/training/denoise_evaluation.ts";
import { denoise, denoiseLayers } from "../../../src/cli/training/denoise_network.ts";
import { drawDenoiseSheet } from "../../../src/cli/training/denoise_sheet.ts";
import { DenoiseTraining, drawPatches } from "../../../src/cli/training/denoise_training.ts";
import { addNoise, psnr, squaredError } from "../../../src/cli/training/noise.ts";
import { applyFilter, gaussianBlur } from "../../../src/cli/pictures/filters.ts";
import { Engine } from "../../../src/engine/engine.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";

const SETTINGS = {
  steps: 12,
  batch: 3,
  patch: 16,
  noise: 30,
  seed: 5,
  channels: 3,
  pictures: "drawn",
};

/** Boxes of flat colours. */
function drawnPicture(channels: number, height: number, width: number, seed: number): Tensor {
  const random = createRandom("test", seed);
  const picture = Tensor.zeros([channels, height, width]);
  for (let box = 0; box < 20; box++) {
    const [top, left] = [Math.floor(random() * height), Math.floor(random() * width)];
    for (let channel = 0; channel < channels; channel++) {
      const color = random();
      for (let y = top; y < Math.min(height, top + 14); y++) {
        const row = (channel * height + y) * width;
        picture.data.fill(color, row + left, row + Math.min(width, left + 14));
      }
    }
  }
  return picture;
}

const PICTURES = [drawnPicture(3, 40, 50, 1), drawnPicture(3, 16, 33, 2)];

function startTraining(engine: Engine, settings = SETTINGS): DenoiseTraining {
  const layers = denoiseLayers(settings.channels, settings.seed, engine);
  return new DenoiseTraining(layers, PICTURES, settings);
}

async function takeSteps(training: DenoiseTraining, count: number): Promise<void> {
  for (let step = 0; step < count; step++) await training.step();
}

function weightsOf({ layers }: DenoiseTraining): Float32Array[] {
  return layers.flatMap((layer) => layer.parameters().map(({ data }) => data.slice()));
}

Deno.test("DenoiseTraining learns to take more noise from a new picture than the best blur", async () => {
  using engine = new Engine();
  const settings = { ...SETTINGS, channels: 1, steps: 160, batch: 8, patch: 24 };
  const pictures = [3, 4, 5, 6].map((seed) => drawnPicture(1, 48, 48, seed));
  const layers = denoiseLayers(1, settings.seed, engine);
  const training = new DenoiseTraining(layers, pictures, settings);
  const noise = settings.noise / 255;
  const blur = await findBestBlur(pictures, noise, engine);
  const test = [7, 8].map((seed) => ({ name: "", pixels: drawnPicture(1, 48, 48, seed) }));
  for (const { ratios } of await evaluate(test, layers, blur, noise)) {
    assertAlmostEquals(ratios.network, ratios.noisy, 1e-9, "an untrained network finds no noise");
  }
  while (!training.isDone) await training.step();
  assertEquals(training.losses.length, 160);
  let tested = 0;
  for (const { ratios } of await evaluate(test, layers, blur, noise, () => tested++)) {
    assert(ratios.blurred > ratios.noisy + 1, `${ratios.noisy}, then ${ratios.blurred}`);
    assert(ratios.network > ratios.blurred + 1, `${ratios.blurred} and ${ratios.network}`);
  }
  assertEquals(tested, 2);
});

Deno.test("DenoiseTraining gives the same bits for any number of threads, and in a training that was left", async () => {
  using folder = new TestFolder();
  const path = folder.file("denoise.npz");
  const results: Float32Array[][] = [];
  for (const threads of [1, 3]) {
    using engine = new Engine({ threads });
    const training = startTraining(engine);
    await takeSteps(training, 6);
    results.push(weightsOf(training));
  }
  using engine = new Engine({ threads: 2 });
  const first = startTraining(engine);
  await takeSteps(first, 4);
  Deno.writeFileSync(path, encodeCheckpoint(first));
  const second = startTraining(engine);
  await resumeFrom(path, second);
  await takeSteps(second, 2);
  results.push(weightsOf(second));
  for (const weights of results) assertEquals(weights, results[0]);
  const other = startTraining(engine, { ...SETTINGS, seed: 6 });
  await takeSteps(other, 6);
  assert(weightsOf(other)[0]?.some((weight, i) => weight !== results[0]?.[0]?.[i]));
});

Deno.test("drawPatches() takes squares from anywhere, turned and mirrored in all eight ways", () => {
  const [height, width, patch] = [6, 7, 5];
  const picture = Tensor.zeros([2, height, width]);
  picture.data.forEach((_, i) => picture.data[i] = i);
  const options = { batch: 400, patch, channels: 2 };
  const patches = drawPatches([picture], options, createRandom("test", 1));
  assertEquals(patches.shape, [400, 2, patch, patch]);
  const ways = new Set<string>();
  for (let item = 0; item < 400; item++) {
    const values = patches.data.subarray(item * 50, item * 50 + 25);
    const [first = NaN, right = NaN, down = NaN] = [values[0], values[1], values[patch]];
    const steps = [right - first, down - first];
    assertEquals(steps.map(Math.abs).sort(), [1, width]);
    values.forEach((value, i) => {
      const [y, x] = [Math.floor(i / patch), i % patch];
      assertEquals(value, first + x * (right - first) + y * (down - first));
      assertEquals(patches.data[item * 50 + 25 + i], value + height * width, "the second channel");
    });
    ways.add(`${steps} from ${Math.min(...values)}`);
  }
  assertEquals(ways.size, 8 * 2 * 3);
});

Deno.test("addNoise() adds what has the deviation, and stays what a file can hold", () => {
  const clean = Tensor.full([1, 100, 100], 0.5);
  const noisy = addNoise(clean, 0.1, createRandom("test", 1));
  assertAlmostEquals(Math.sqrt(squaredError(noisy, clean)), 0.1, 2e-3);
  const loud = addNoise(clean, 3, createRandom("test", 1));
  assert(loud.data.every((value) => value >= 0 && value <= 1));
  assert(loud.data.includes(0) && loud.data.includes(1));
});

Deno.test("psnr() of the squared error counts what a file would hold", () => {
  assertAlmostEquals(
    psnr(squaredError(Tensor.from([[[0.1, 0.3]]]), Tensor.zeros([1, 1, 2]))),
    13.0103,
    1e-4,
  );
  assertEquals(squaredError(Tensor.from([[[-3, 7]]]), Tensor.from([[[0, 1]]])), 0);
});

Deno.test("findBestBlur() finds a blur that is neither too wide nor too narrow", async () => {
  using engine = new Engine({ threads: 1 });
  const errorOf = async (deviation: number, noise: number) => {
    const layers = gaussianBlur(3, Math.ceil(3 * deviation), deviation, engine);
    let error = 0;
    for (const [index, clean] of PICTURES.entries()) {
      const noisy = addNoise(clean, noise, createRandom("test", index));
      error += squaredError(await applyFilter({ layers }, noisy), clean);
    }
    return error;
  };
  let before = 0;
  for (const noise of [0.05, 0.15, 0.4]) {
    const { deviation } = await findBestBlur(PICTURES, noise, engine);
    assertLess(before, deviation);
    before = deviation;
    const error = await errorOf(deviation, noise);
    assertLess(error, await errorOf(deviation / 1.4, noise));
    assertLess(error, await errorOf(deviation * 1.4, noise));
  }
});

Deno.test("denoise() subtracts what the layers find, in units of the noise", async () => {
  using engine = new Engine({ threads: 1 });
  const layers = denoiseLayers(1, 0, engine);
  layers.at(-1)?.bias?.data.fill(2);
  const { data } = await denoise(layers, Tensor.full([1, 3, 4], 0.75), 0.25);
  assertEquals([...data], new Array(12).fill(0.25));
});

Deno.test("drawDenoiseSheet() holds pictures of any size, in grey and in colour", async () => {
  using engine = new Engine({ threads: 1 });
  const shapes = [[1, 16, 40], [1, 300, 290], [1, 500, 17], [1, 20, 20]];
  for (const channels of [1, 3]) {
    const test = shapes.map(([, height = 0, width = 0], seed) => ({
      name: "",
      pixels: drawnPicture(channels, height, width, seed),
    }));
    const layers = denoiseLayers(channels, 0, engine);
    for (const count of [1, 4]) {
      const blur = { deviation: 0.5, layers: gaussianBlur(channels, 2, 0.5, engine) };
      const outcomes = await evaluate(test.slice(0, count), layers, blur, 0.1);
      const sheet = drawDenoiseSheet(outcomes, 0.5, [1, 0.6, 0.3]);
      assertEquals(sheet.shape, [3, count === 1 ? 798 : 1482, 1208]);
      assert(sheet.data.every((value) => value >= 0 && value <= 1));
    }
  }
});
