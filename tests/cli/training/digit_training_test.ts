import { assert, assertEquals, assertLess, assertRejects, assertThrows } from "@std/assert";
import { encodeCheckpoint, resumeFrom } from "../../../src/cli/training/checkpoint.ts";
import { CLASSES, digitLayers } from "../../../src/cli/training/digit_network.ts";
import { DigitTraining, testAccuracy } from "../../../src/cli/training/digit_training.ts";
import { decodeIdx, DIGIT_SIZE, type Digits } from "../../../src/cli/training/mnist.ts";
import { drawDigitSheet } from "../../../src/cli/training/digit_sheet.ts";
import { Engine } from "../../../src/engine/engine.ts";
import { FileError } from "../../../src/io/files.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";

const SETTINGS = { epochs: 3, batch: 8, seed: 5 };

/** Bars at heights that say which digit it is, with noise. */
function drawnDigits(count: number): Digits {
  const random = createRandom("test", 3);
  const size = DIGIT_SIZE ** 2;
  const labels = Uint8Array.from({ length: count }, (_, index) => index % CLASSES);
  const pixels = new Uint8Array(count * size).map((_, i) => {
    const label = labels[Math.floor(i / size)] ?? 0;
    const row = Math.floor(i % size / DIGIT_SIZE);
    return Math.floor(row / 2) === label + 2 ? 255 : 60 * random();
  });
  return { pixels, labels };
}

const DIGITS = drawnDigits(43);

function startTraining(engine: Engine, settings = SETTINGS): DigitTraining {
  return new DigitTraining(digitLayers(settings.seed, engine), DIGITS, settings);
}

async function takeSteps(training: DigitTraining, count: number): Promise<void> {
  for (let step = 0; step < count; step++) await training.step();
}

function weightsOf({ layers }: DigitTraining): Float32Array[] {
  return layers.flatMap((layer) => layer.parameters().map(({ data }) => data.slice()));
}

Deno.test("DigitTraining learns to tell digits, and knows when it is done", async () => {
  using engine = new Engine();
  const training = startTraining(engine);
  assertEquals(training.steps, 15);
  const before = await testAccuracy(training.layers, DIGITS);
  while (!training.isDone) await training.step();
  assertEquals(training.losses.length, 15);
  assertLess(training.losses.at(-1) ?? NaN, (training.losses[0] ?? NaN) / 1.5);
  let seen = 0;
  const after = await testAccuracy(training.layers, DIGITS, (digits) => seen += digits);
  assert(after > before + 0.4, `${before}, then ${after}`);
  assertEquals(seen, 43);
});

Deno.test("DigitTraining gives the same bits for any number of threads, and in a training that was left", async () => {
  using folder = new TestFolder();
  const path = folder.file("digits.npz");
  const results: Float32Array[][] = [];
  for (const threads of [1, 3]) {
    using engine = new Engine({ threads });
    const training = startTraining(engine);
    await takeSteps(training, 9);
    results.push(weightsOf(training));
  }
  using engine = new Engine({ threads: 2 });
  const first = startTraining(engine);
  // In the middle of an epoch.
  await takeSteps(first, 7);
  Deno.writeFileSync(path, encodeCheckpoint(first));
  const second = startTraining(engine);
  await resumeFrom(path, second);
  assertEquals(second.losses, first.losses.map(Math.fround));
  await takeSteps(second, 2);
  results.push(weightsOf(second));
  for (const weights of results) assertEquals(weights, results[0]);
});

Deno.test("resumeFrom() refuses what is no training, or another one", async () => {
  using folder = new TestFolder();
  using engine = new Engine({ threads: 1 });
  const path = folder.file("digits.npz");
  const training = startTraining(engine);
  await takeSteps(training, 1);
  Deno.writeFileSync(path, encodeCheckpoint(training));
  const other = startTraining(engine, { ...SETTINGS, seed: 6 });
  const weights = weightsOf(other);
  await assertRejects(
    () => resumeFrom(path, other),
    FileError,
    "of a training with other settings",
  );
  for (const text of ["", "PK", "nothing of the kind"]) {
    Deno.writeTextFileSync(path, text);
    await assertRejects(() => resumeFrom(path, other), FileError, "it is not a ZIP archive");
  }
  await assertRejects(() => resumeFrom(folder.file("none"), other), FileError, "no such file");
  assertEquals(weightsOf(other), weights);
});

Deno.test("decodeIdx() reads elements of bytes, and nothing that is damaged", () => {
  const bytes = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6);
  assertEquals([...decodeIdx(bytes)], [1, 2, 3, 4, 5, 6]);
  const damaged = [bytes.subarray(1), bytes.subarray(0, 17), bytes.with(2, 9), new Uint8Array()];
  for (const file of damaged) assertThrows(() => decodeIdx(file), FileError, "damaged");
});

Deno.test("drawDigitSheet() has a place for every kernel, whatever the losses", () => {
  const kernels = Tensor.randn([16, 1, 5, 5], { seed: 1 });
  for (const losses of [[2, 1, 0.5, 0.25], [1], [0.001, 5]]) {
    const sheet = drawDigitSheet(losses, kernels, "99 percent");
    assertEquals(sheet.shape, [3, 620, 848]);
    assert(sheet.data.every((value) => value >= 0 && value <= 1));
  }
});
