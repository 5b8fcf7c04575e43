import { join } from "node:path";
import { writePng } from "../../io/pictures/png.ts";
import type { Arguments } from "../args.ts";
import type { Output } from "../command.ts";
import { startEngine } from "../engine_options.ts";
import { checkMemory, type MemoryLimit, memoryLimit } from "../memory.ts";
import { startProgress } from "../progress.ts";
import { formatFields, formatJson, formatTable, printable } from "../report.ts";
import { resumeFrom } from "../training/checkpoint.ts";
import {
  type BestBlur,
  evaluate,
  findBestBlur,
  meanRatios,
  type Outcome,
  type Ratios,
} from "../training/denoise_evaluation.ts";
import { denoiseBytes, denoiseLayers, stepBytes } from "../training/denoise_network.ts";
import {
  findPictures,
  fingerprint,
  loadPictures,
  type PictureSet,
} from "../training/denoise_pictures.ts";
import { drawDenoiseSheet } from "../training/denoise_sheet.ts";
import { type DenoiseSettings, DenoiseTraining, MOST_STEPS } from "../training/denoise_training.ts";
import { runSession, sessionFields } from "../training/session.ts";
import { UsageError } from "../usage_error.ts";
import { integerFlag, numberFlag } from "../values.ts";

/** What is taken where nothing is said. */
export const DENOISE_DEFAULTS = {
  folder: "denoise",
  steps: 2000,
  batch: 16,
  patch: 40,
  noise: 25,
} as const;

/** The files of the training. */
export const DENOISE_FILES = { weights: "denoise.npz", sheet: "denoise.png" } as const;

const MOST_BATCH = 10_000;

/** With smaller ones the network would see hardly anything but their borders. */
export const LEAST_PATCH = 16;
const MOST_PATCH = 512;

/** Less than what 8 bits can hold is no noise; with more, nothing of a picture is left. */
const LEAST_NOISE = 1;
export const MOST_NOISE = 255;

/** Trains a network that takes noise from pictures, and compares it with a blur. */
export async function trainDenoise(args: Arguments, output: Output): Promise<number> {
  const paths = args.positionals.slice(1);
  if (paths.length === 0) throw new UsageError("Name a folder of pictures to train on");
  const folder = args.values.get("out") ?? DENOISE_DEFAULTS.folder;
  const [path, sheet] = [join(folder, DENOISE_FILES.weights), join(folder, DENOISE_FILES.sheet)];
  const chosen = parseSettings(args);
  const limit = memoryLimit(args);
  const pictures = await readPictures(await findPictures(paths, sheet), chosen, output);
  const { channels } = pictures;
  const settings = { ...chosen, channels, pictures: fingerprint(pictures.training) };
  checkTraining(limit, settings, pictures);
  using engine = await startEngine(args);
  const images = pictures.training.map(({ pixels }) => pixels);
  const start = () =>
    new DenoiseTraining(denoiseLayers(channels, settings.seed, engine), images, settings);
  const training = start();
  const resume = args.switches.has("resume");
  const session = await runSession(training, engine, { path, resume }, output);
  // What is tested is what was written.
  const written = start();
  await resumeFrom(path, written);
  const blur = await findBestBlur(images, settings.noise / 255, engine);
  const outcomes = await test(written, pictures.test, blur, output);
  const pixels = drawDenoiseSheet(outcomes, blur.deviation, training.losses);
  await writePng(sheet, { pixels, bitDepth: 8 });
  const figures = { ...figuresOf(outcomes, blur), ...session };
  output.print(
    args.switches.has("json") ? formatJson(figures) : `${describeOutcomes(outcomes)}\n\n` +
      formatFields([
        ["pictures", `${images.length} to train on, ${outcomes.length} for the test`],
        ["noise", `${settings.noise} of 255`],
        ["blur", `Gaussian of ${blur.deviation.toFixed(2)} pixels, the best for those trained on`],
        ["steps", `${session.steps} of ${describePatches(settings)}`],
        ...sessionFields(session),
        ["weights", path],
        ["picture", sheet],
      ]),
  );
  return 0;
}

function describePatches({ batch, patch }: Pick<DenoiseSettings, "batch" | "patch">): string {
  return `${batch} patches of ${patch} x ${patch} pixels`;
}

function parseSettings(args: Arguments): Omit<DenoiseSettings, "channels" | "pictures"> {
  return {
    steps: integerFlag(args, "steps", 1, MOST_STEPS) ?? DENOISE_DEFAULTS.steps,
    batch: integerFlag(args, "batch", 1, MOST_BATCH) ?? DENOISE_DEFAULTS.batch,
    patch: integerFlag(args, "patch", LEAST_PATCH, MOST_PATCH) ?? DENOISE_DEFAULTS.patch,
    noise: numberFlag(args, "noise", LEAST_NOISE, MOST_NOISE) ?? DENOISE_DEFAULTS.noise,
    seed: integerFlag(args, "seed", 0) ?? 0,
  };
}

async function readPictures(
  paths: readonly string[],
  { patch, seed }: Pick<DenoiseSettings, "patch" | "seed">,
  output: Output,
): Promise<PictureSet> {
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(printable(`warning: ${text}`));
  const readWithBar = async () => {
    using progress = startProgress("pictures", paths.length, output.terminal);
    return await loadPictures(paths, { patch, seed, warn, advance: () => progress.advance() });
  };
  const pictures = await readWithBar();
  // Once the bar is gone: it would take the place of a line.
  for (const warning of warnings) output.warn(warning);
  return pictures;
}

/** Refuses what would take too much memory. */
function checkTraining(
  limit: MemoryLimit,
  { batch, patch, channels }: DenoiseSettings,
  { training, test }: PictureSet,
): void {
  const values = [...training, ...test].reduce((sum, { pixels }) => sum + pixels.size, 0);
  const largest = test.reduce((most, { pixels }) => Math.max(most, pixels.size / channels), 0);
  const bytes = Math.max(stepBytes(batch * patch ** 2, channels), denoiseBytes(largest, channels));
  const what = `Training on ${describePatches({ batch, patch })} at a time`;
  checkMemory(limit, what, bytes + values * Float32Array.BYTES_PER_ELEMENT);
}

async function test(
  { layers, settings }: DenoiseTraining,
  pictures: PictureSet["test"],
  blur: BestBlur,
  output: Output,
): Promise<readonly Outcome[]> {
  using progress = startProgress("test pictures", pictures.length, output.terminal);
  const noise = settings.noise / 255;
  return await evaluate(pictures, layers, blur, noise, () => progress.advance());
}

function figuresOf(outcomes: readonly Outcome[], blur: BestBlur) {
  return {
    mean: meanRatios(outcomes),
    blurDeviation: blur.deviation,
    pictures: outcomes.map(({ name, ratios }) => ({ name, ...ratios })),
  };
}

/** A table of the test: a line for each picture, and one for their mean. */
function describeOutcomes(outcomes: readonly Outcome[]): string {
  const line = (name: string, { noisy, blurred, network }: Ratios) => [
    printable(name),
    ...[noisy, blurred, network].map((ratio) => ratio.toFixed(2)),
  ];
  return formatTable(["PSNR in dB", "noisy", "blur", "network"], [
    ...outcomes.map(({ name, ratios }) => line(name, ratios)),
    line("mean", meanRatios(outcomes)),
  ]);
}
