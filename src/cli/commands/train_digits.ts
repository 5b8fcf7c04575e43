import { join } from "node:path";
import { writePng } from "../../io/pictures/png.ts";
import type { Arguments } from "../args.ts";
import type { Output } from "../command.ts";
import { startEngine } from "../engine_options.ts";
import { startProgress } from "../progress.ts";
import { formatFields, formatJson } from "../report.ts";
import { resumeFrom } from "../training/checkpoint.ts";
import { digitLayers } from "../training/digit_network.ts";
import { drawDigitSheet } from "../training/digit_sheet.ts";
import { DigitTraining, testAccuracy } from "../training/digit_training.ts";
import { loadMnist } from "../training/mnist.ts";
import { runSession, sessionFields } from "../training/session.ts";
import { checkNoMore, integerFlag } from "../values.ts";

/** What is taken where nothing is said. */
export const DIGIT_DEFAULTS = { folder: "digits", epochs: 4, batch: 128 } as const;

/** The files of the training. */
export const DIGIT_FILES = { weights: "digits.npz", sheet: "training.png" } as const;

const MOST_EPOCHS = 1000;
const MOST_BATCH = 10_000;

/** Trains a network that tells digits apart, and tests it. */
export async function trainDigits(args: Arguments, output: Output): Promise<number> {
  checkNoMore(args, 1);
  const folder = args.values.get("out") ?? DIGIT_DEFAULTS.folder;
  const [path, sheet] = [join(folder, DIGIT_FILES.weights), join(folder, DIGIT_FILES.sheet)];
  const settings = {
    epochs: integerFlag(args, "epochs", 1, MOST_EPOCHS) ?? DIGIT_DEFAULTS.epochs,
    batch: integerFlag(args, "batch", 1, MOST_BATCH) ?? DIGIT_DEFAULTS.batch,
    seed: integerFlag(args, "seed", 0) ?? 0,
  };
  const mnist = await loadMnist();
  using engine = await startEngine(args);
  const start = () =>
    new DigitTraining(digitLayers(settings.seed, engine), mnist.training, settings);
  const training = start();
  const resume = args.switches.has("resume");
  const session = await runSession(training, engine, { path, resume }, output);
  // What is tested is what was written.
  const written = start();
  await resumeFrom(path, written);
  const accuracy = await test(written, mnist.test, output);
  const percent = (100 * accuracy).toFixed(2);
  const kernels = written.layers[0]?.stateDict().weight;
  if (kernels !== undefined) {
    const title = `${percent} percent of the test digits are told right`;
    const pixels = drawDigitSheet(training.losses, kernels, title);
    await writePng(sheet, { pixels, bitDepth: 8 });
  }
  output.print(
    args.switches.has("json") ? formatJson({ accuracy, ...session }) : formatFields([
      ["accuracy", `${percent} % of ${mnist.test.labels.length} test digits`],
      ["steps", `${session.steps} of ${settings.batch} digits, ${settings.epochs} epochs`],
      ...sessionFields(session),
      ["weights", path],
      ["picture", sheet],
    ]),
  );
  return 0;
}

async function test(
  { layers }: DigitTraining,
  digits: Parameters<typeof testAccuracy>[1],
  output: Output,
): Promise<number> {
  using progress = startProgress("test digits", digits.labels.length, output.terminal);
  return await testAccuracy(layers, digits, (digits) => progress.advance(digits));
}
