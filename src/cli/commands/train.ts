import { join } from "node:path";
import type { Engine } from "../../engine/engine.ts";
import { makeFolder, writeBytes } from "../../io/files.ts";
import { writePng } from "../../io/pictures/png.ts";
import type { Arguments } from "../args.ts";
import type { Command, Output } from "../command.ts";
import { codeOf, describeCode, ENGINE_FLAGS, startEngine } from "../engine_options.ts";
import { onInterrupt } from "../interrupt.ts";
import { startProgress } from "../progress.ts";
import { formatFields, formatJson, formatSeconds } from "../report.ts";
import { encodeCheckpoint, resumeFrom, writeCheckpointSync } from "../training/checkpoint.ts";
import { digitLayers } from "../training/digit_network.ts";
import { DigitTraining, testAccuracy } from "../training/digit_training.ts";
import { loadMnist, type Mnist } from "../training/mnist.ts";
import { drawTrainingSheet } from "../training/training_sheet.ts";
import { checkNoMore, chooseWord, integerFlag } from "../values.ts";

const DEFAULT_FOLDER = "digits";
const DEFAULT_EPOCHS = 4;
const DEFAULT_BATCH = 128;
const MOST_EPOCHS = 1000;
const MOST_BATCH = 10_000;

/** The files of a training. */
const WEIGHTS = "digits.npz";
const SHEET = "training.png";

/** Trains a network. */
export const trainCommand: Command = {
  name: "train",
  summary: "Train an all-convolutional network on handwritten digits",
  usage: "digits [options]",
  flags: [
    { name: "out", value: "folder", description: `where to write; default ${DEFAULT_FOLDER}` },
    {
      name: "epochs",
      value: "n",
      description: `how often each digit is seen; default ${DEFAULT_EPOCHS}`,
    },
    { name: "batch", value: "n", description: `digits of a step; default ${DEFAULT_BATCH}` },
    { name: "seed", value: "n", description: "fixes all that is random; default 0" },
    { name: "resume", description: "go on with the training that was left in the folder" },
    ...ENGINE_FLAGS,
    { name: "json", description: "print the figures as JSON" },
  ],
  notes:
    `Trains five convolutions on MNIST's 60,000 digits and tests them on its 10,000 others, some
minutes on two cores. The digits, 11 MB packed, are fetched at the first time. The same seed gives
the same weights, bit for bit, for any number of threads.

Writes ${WEIGHTS}, the weights with all that training needs to go on, which NumPy reads, and
${SHEET}, the losses and the kernels of the first layer. Ctrl-C writes the weights as they
are then; --resume goes on with the same settings.

Examples:
  tileconv train digits
  tileconv train digits --epochs 12 --out long
  tileconv train digits --epochs 12 --out long --resume`,
  run: runTrain,
};

async function runTrain(args: Arguments, output: Output): Promise<number> {
  chooseWord("training", args.positionals[0], ["digits"]);
  checkNoMore(args, 1);
  const folder = args.values.get("out") ?? DEFAULT_FOLDER;
  const settings = {
    epochs: integerFlag(args, "epochs", 1, MOST_EPOCHS) ?? DEFAULT_EPOCHS,
    batch: integerFlag(args, "batch", 1, MOST_BATCH) ?? DEFAULT_BATCH,
    seed: integerFlag(args, "seed", 0) ?? 0,
  };
  const mnist = await loadMnist();
  using engine = await startEngine(args);
  const training = new DigitTraining(digitLayers(settings.seed, engine), mnist.training, settings);
  if (args.switches.has("resume")) await resumeFrom(join(folder, WEIGHTS), training);
  await makeFolder(folder);
  const first = training.losses.length;
  const begin = performance.now();
  await takeSteps(training, join(folder, WEIGHTS), output);
  const seconds = (performance.now() - begin) / 1e3;
  const taken = training.losses.length - first;
  await writeBytes(join(folder, WEIGHTS), encodeCheckpoint(training));
  const accuracy = await testWritten(folder, training, mnist, engine, output);
  const [layer] = training.layers;
  const title = `${(100 * accuracy).toFixed(2)} percent of the test digits are told right`;
  if (layer !== undefined) {
    const kernels = layer.stateDict().weight;
    const pixels = drawTrainingSheet(training.losses, kernels, title);
    await writePng(join(folder, SHEET), { pixels, bitDepth: 8 });
  }
  const figures = {
    accuracy,
    steps: training.losses.length,
    seconds,
    secondsPerStep: taken === 0 ? null : seconds / taken,
    threads: engine.threads,
    ...codeOf(engine),
  };
  output.print(
    args.switches.has("json") ? formatJson(figures) : formatFields([
      ["accuracy", `${(100 * accuracy).toFixed(2)} % of ${mnist.test.labels.length} test digits`],
      ["steps", `${figures.steps} of ${settings.batch} digits, ${settings.epochs} epochs`],
      ["time", `${formatSeconds(seconds)} for ${taken} steps`],
      ["threads", String(engine.threads)],
      ["backend", describeCode(codeOf(engine))],
      ["weights", join(folder, WEIGHTS)],
      ["picture", join(folder, SHEET)],
    ]),
  );
  return 0;
}

/** Takes all steps that are left; where that is cut short the training is saved. */
async function takeSteps(training: DigitTraining, path: string, output: Output): Promise<void> {
  using _ = onInterrupt(() => {
    writeCheckpointSync(path, training);
    output.warn(`\nSaved after step ${training.losses.length}; go on with --resume`);
  });
  using progress = startProgress("steps", training.steps, output.terminal);
  progress.advance(training.losses.length);
  while (!training.isDone) {
    const { loss, accuracy } = await training.step();
    progress.advance(1, `loss ${loss.toFixed(3)}, ${(100 * accuracy).toFixed(1)} % right`);
  }
}

/** The accuracy of the weights as they were written. */
async function testWritten(
  folder: string,
  { settings }: DigitTraining,
  mnist: Mnist,
  engine: Engine,
  output: Output,
): Promise<number> {
  const written = new DigitTraining(digitLayers(settings.seed, engine), mnist.training, settings);
  await resumeFrom(join(folder, WEIGHTS), written);
  using progress = startProgress("test digits", mnist.test.labels.length, output.terminal);
  return await testAccuracy(written.layers, mnist.test, (digits) => progress.advance(digits));
}
