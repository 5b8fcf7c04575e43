/**
 * The JSON of a run of `bench:train` as Markdown tables.
 *
 * @module
 */

import { countThreads, describeTarget } from "../backends.ts";
import { geometricMean } from "../statistics.ts";
import { type Discipline, PYTORCH, type TrainingResult } from "../training/compare.ts";
import {
  isLarge,
  ours,
  overDirect,
  overPyTorch,
  ratiosOf,
  stepSpeedup,
  timingOf,
} from "../training/figures.ts";
import type { TrainingReport } from "../training/report.ts";
import { formatMarkdownTable } from "./markdown_table.ts";
import { CODE_NAMES, formatMeanRows, formatMilliseconds } from "./run_tables.ts";

/** What the tables need of a run. */
export type TrainingRun = Omit<TrainingReport, "options">;

/** Begins the section, with the empty line before it. */
export const TRAINING_HEADING = "\n## Training, beside PyTorch\n";

/** What is in the file of a run of `bench:train`; `null` if it is another one. */
export function parseTrainingRun(json: string): TrainingRun | null {
  const value: unknown = JSON.parse(json);
  return isTrainingRun(value) ? value : null;
}

function isTrainingRun(value: unknown): value is TrainingRun {
  if (typeof value !== "object" || value === null) return false;
  return "pytorch" in value && "backends" in value && Array.isArray(value.backends) &&
    "layers" in value && Array.isArray(value.layers) && "threadCounts" in value &&
    Array.isArray(value.threadCounts) && "date" in value && "machine" in value;
}

/** The section of `RESULTS.md`. */
export function formatTrainingSection(run: TrainingRun): string {
  const { machine, date, backends, pytorch } = run;
  return `${TRAINING_HEADING}
One run of \`deno task bench:train\`, written by \`deno task bench:table\` from its JSON.

- ${date.slice(0, 10)}, Deno ${machine.deno}, V8 ${machine.v8}, ${machine.platform}
- ${machine.processor}, ${machine.cores} cores
- ${backends.map(describeTarget).join(" and ")}; PyTorch ${pytorch}

Milliseconds a step: forward and backward, with the gradients of input, weight and bias. The last
column is the time of a step over that of the direct forward pass.

${formatSteps(run)}

${formatTrainingSummary(run)}
`;
}

/** Milliseconds a step, a row for each layer. */
export function formatSteps({ layers, threadCounts }: TrainingRun): string {
  const times = (title: string, discipline: Discipline) => ({
    column: { title: `${title}, ${countThreads(discipline.threads)}`, numbers: true },
    cell: (layer: TrainingResult) => formatMilliseconds(timingOf(layer, discipline)?.seconds),
  });
  const columns = [
    { column: { title: "layer", numbers: false }, cell: ({ name }: TrainingResult) => name },
    ...threadCounts.flatMap((threads) => [
      times("native", ours("native", "step", threads)),
      times(PYTORCH, { who: PYTORCH, task: "step", threads }),
    ]),
    times("wasm", ours("wasm", "step", 1)),
    {
      column: { title: "over direct", numbers: true },
      cell: (layer: TrainingResult) => overDirect(layer)?.toFixed(2) ?? "-",
    },
  ].filter(({ column, cell }) => !column.numbers || layers.some((layer) => cell(layer) !== "-"));
  return formatMarkdownTable(
    columns.map(({ column }) => column),
    layers.map((layer) => columns.map(({ cell }) => cell(layer))),
  );
}

/** What the README has of a run: the means over all layers, the most threads first, and a sentence. */
export function formatTrainingSummary({ layers, threadCounts }: TrainingRun): string {
  const valuesOf = (ratio: (layer: TrainingResult) => number | undefined) =>
    ratiosOf(layers, ratio).map(({ ratio }) => ratio);
  const rows = (["step", "forward"] as const).flatMap((task) =>
    threadCounts.toReversed().map((threads) => ({
      code: CODE_NAMES.native,
      threads,
      over: task === "step" ? "PyTorch, a step" : "PyTorch, forward",
      ratios: valuesOf((layer) => overPyTorch(layer, task, threads)),
    }))
  ).filter(({ ratios }) => ratios.length > 0);
  const most = Math.max(...threadCounts);
  const speedups = most > 1 ? valuesOf((layer) => stepSpeedup(layer, most)) : [];
  const costs = valuesOf((layer) => isLarge(layer) ? overDirect(layer) : undefined);
  const sentences = [
    speedups.length > 0 &&
    `With ${countThreads(most)}, machine code takes a step ${
      geometricMean(speedups).toFixed(2)
    } times as fast as with one.`,
    costs.length > 0 &&
    `In WebAssembly a step takes ${geometricMean(costs).toFixed(2)} times as long as the direct ` +
      `forward pass, at most ${Math.max(...costs).toFixed(2)} times, where that has more than 50 ` +
      `MFLOP (layers: ${costs.length}).`,
  ].filter((sentence) => sentence !== false);
  return [
    ...(rows.length > 0 ? [formatMeanRows(rows)] : []),
    ...(sentences.length > 0 ? [wrap(sentences.join(" "))] : []),
  ].join("\n\n");
}

const LINE_WIDTH = 100;

/** A paragraph in lines, as the formatter leaves it. */
function wrap(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = `${lines.at(-1)} ${word}`.trimStart();
    if (line.length <= LINE_WIDTH) lines[lines.length - 1] = line;
    else lines.push(word);
  }
  return lines.join("\n");
}
