/**
 * Makes `bench/RESULTS.md` of the JSON of a run of `bench:peers`, or its last section of that of a run of
 * `bench:train`, and prints the tables of the README.
 *
 * @module
 */

import { UsageError } from "../../src/cli/usage_error.ts";
import { describeTarget } from "../backends.ts";
import type { LayerResult } from "../compare.ts";
import { formatMeans, formatTimes, parseRun, type Run } from "./run_tables.ts";
import {
  formatTrainingSection,
  formatTrainingSummary,
  parseTrainingRun,
  TRAINING_HEADING,
} from "./training_tables.ts";

const FILE = new URL("../RESULTS.md", import.meta.url);

/** One of every sort, for a reader who wants eight rows: not the best ones. */
export const README_LAYERS = [
  "ResNet-50 3x3 128>128 @28",
  "ResNet-50 1x1 256>64 @56",
  "ResNet-50 stem 7x7 stride 2 @224",
  "MobileNet depthwise 3x3 512 @14",
  "Conv2d documentation example",
  "Whisper 80>384 k3 @3000",
  "C3D 3x3x3 64>128 @8x28x28",
  "DCGAN 4x4 128>64 @32",
] as const;

if (import.meta.main) {
  try {
    const [path, ...more] = Deno.args;
    if (path === undefined || more.length > 0) throw new UsageError("Name one JSON file of a run");
    const json = Deno.readTextFileSync(path);
    const { layers, training } = splitResults(Deno.readTextFileSync(FILE));
    const trained = parseTrainingRun(json);
    if (trained === null) {
      const run = parseRun(json);
      Deno.writeTextFileSync(FILE, formatResults(run) + training);
      console.log(formatReadmeTables(run));
    } else {
      Deno.writeTextFileSync(FILE, layers + formatTrainingSection(trained));
      console.log(formatTrainingSummary(trained));
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`error: ${error.message}`);
    Deno.exitCode = 2;
  }
}

/** The parts of `RESULTS.md`, each of another run: the layers, and the section on training if it has one. */
export function splitResults(text: string): { layers: string; training: string } {
  const start = text.indexOf(TRAINING_HEADING);
  return start < 0
    ? { layers: text, training: "" }
    : { layers: text.slice(0, start), training: text.slice(start) };
}

/** The text of `RESULTS.md` up to the section on training. */
export function formatResults(run: Run): string {
  const { machine, date, backends, layers } = run;
  return `# Speed, layer by layer

One run of \`deno task bench:peers\`, written by \`deno task bench:table\` from its JSON.

- ${date.slice(0, 10)}, Deno ${machine.deno}, V8 ${machine.v8}, ${machine.platform}
- ${machine.processor}, ${machine.cores} cores
- ${backends.map(describeTarget).join(" and ")}

Milliseconds a call; the README says how they are taken and what else there is to know.

${formatTimes(run, layers)}

Geometric means over the layers that a peer can run, with equal numbers of threads:

${formatMeans(run)}
`;
}

/** The tables of the README: a few layers, and the means over all. */
export function formatReadmeTables(run: Run): string {
  const chosen = README_LAYERS.flatMap((name): readonly LayerResult[] =>
    run.layers.filter((layer) => layer.name === name)
  );
  return [formatTimes(run, chosen), formatMeans(run)].join("\n\n");
}
