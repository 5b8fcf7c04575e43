import type { Arguments } from "../args.ts";
import type { Command, Output } from "../command.ts";
import { ENGINE_FLAGS } from "../engine_options.ts";
import { UsageError } from "../usage_error.ts";
import { chooseWord } from "../values.ts";
import {
  DENOISE_DEFAULTS,
  DENOISE_FILES,
  LEAST_PATCH,
  MOST_NOISE,
  trainDenoise,
} from "./train_denoise.ts";
import { DIGIT_DEFAULTS, DIGIT_FILES, trainDigits } from "./train_digits.ts";

/** What can be learned. */
interface Task {
  run(args: Arguments, output: Output): Promise<number>;
  /** The flags that it has and others have not. */
  readonly flags: readonly string[];
}

const TASKS: Readonly<Record<"digits" | "denoise", Task>> = {
  digits: { run: trainDigits, flags: ["epochs"] },
  denoise: { run: trainDenoise, flags: ["steps", "noise", "patch"] },
};

/** Trains a network. */
export const trainCommand: Command = {
  name: "train",
  summary: "Train a network to tell digits apart, or to take noise from pictures",
  usage: "digits | denoise <folder or picture>... [options]",
  flags: [
    { name: "out", value: "folder", description: "where to write; default: digits or denoise" },
    {
      name: "epochs",
      value: "n",
      description: `digits: how often each is seen; default ${DIGIT_DEFAULTS.epochs}`,
    },
    {
      name: "steps",
      value: "n",
      description: `denoise: how many there are; default ${DENOISE_DEFAULTS.steps}`,
    },
    {
      name: "batch",
      value: "n",
      description:
        `digits or patches of a step; default ${DIGIT_DEFAULTS.batch} or ${DENOISE_DEFAULTS.batch}`,
    },
    {
      name: "patch",
      value: "pixels",
      description:
        `denoise: rows and columns, from ${LEAST_PATCH}; default ${DENOISE_DEFAULTS.patch}`,
    },
    {
      name: "noise",
      value: "sigma",
      description: `denoise: deviation, of ${MOST_NOISE}; default ${DENOISE_DEFAULTS.noise}`,
    },
    { name: "seed", value: "n", description: "fixes all that is random; default 0" },
    { name: "resume", description: "go on with the training that was left in the folder" },
    ...ENGINE_FLAGS,
    { name: "json", description: "print the figures as JSON" },
  ],
  notes:
    `digits: five convolutions on MNIST's 60,000 digits, tested on its 10,000 others. The digits, 11 MB
packed, are fetched at the first time.

denoise: six convolutions that find Gaussian noise, on patches of pictures of one's own. A fifth
of them is held out for the test, of a single one a part; there the network is compared with the
Gaussian blur that is best for the others. Colours count on black where they are transparent; if all
pictures are grey, so is the network. "tileconv filter denoise" then takes noise from any picture.

Each takes some minutes on two cores. The same seed gives the same weights, bit for bit, for any
number of threads. Ctrl-C writes the weights as they are then; --resume goes on with the same
settings and pictures. What is written:
  ${DIGIT_FILES.weights}, ${DENOISE_FILES.weights}  the weights with all that training needs to go on, which NumPy reads
  ${DIGIT_FILES.sheet}             digits: the losses, and the kernels of the first layer
  ${DENOISE_FILES.sheet}              denoise: pictures of the test before and after, and the losses

Examples:
  tileconv train digits
  tileconv train digits --epochs 12 --out long
  tileconv train digits --epochs 12 --out long --resume
  tileconv train denoise photos
  tileconv filter denoise noisy.png clean.png --weights denoise/denoise.npz
  tileconv train denoise scans/*.png --noise 40 --out scans/denoise`,
  run: runTrain,
};

async function runTrain(args: Arguments, output: Output): Promise<number> {
  const name = chooseWord("training", args.positionals[0], ["digits", "denoise"] as const);
  for (const flag of Object.values(TASKS).flatMap(({ flags }) => flags)) {
    if (!args.values.has(flag) || TASKS[name].flags.includes(flag)) continue;
    throw new UsageError(`Training ${name} has no option "--${flag}"`);
  }
  return await TASKS[name].run(args, output);
}
