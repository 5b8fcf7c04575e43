/**
 * Makes `bench/RESULTS.md` of the JSON of a run of `bench:peers`, or one of its sections of that of a run of
 * `bench:networks` or `bench:train`, and prints the tables of the README.
 *
 * @module
 */

import { UsageError } from "../../src/cli/usage_error.ts";
import { describeTarget } from "../backends.ts";
import type { LayerResult } from "../compare.ts";
import {
  formatNetworkSection,
  formatNetworkSummary,
  NETWORKS_HEADING,
  parseNetworkRun,
} from "./network_tables.ts";
import { formatMeans, formatTimes, parseRun, type Run } from "./run_tables.ts";
import {
  formatTrainingSection,
  formatTrainingSummary,
  parseTrainingRun,
  TRAINING_HEADING,
} from "./training_tables.ts";

const FILE = new URL("../RESULTS.md", import.meta.url);

/** The sections behind the layers, in their order. */
const HEADINGS = [NETWORKS_HEADING, TRAINING_HEADING];

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
    const { text, summary } = describeRun(Deno.readTextFileSync(path));
    Deno.writeTextFileSync(FILE, replaceSection(Deno.readTextFileSync(FILE), text));
    console.log(summary);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`error: ${error.message}`);
    Deno.exitCode = 2;
  }
}

/** What a run is in `RESULTS.md`, and in the README. */
interface Description {
  readonly text: string;
  readonly summary: string;
}

/** Describes the JSON of a run of any benchmark. */
function describeRun(json: string): Description {
  const trained = parseTrainingRun(json);
  if (trained !== null) {
    return { text: formatTrainingSection(trained), summary: formatTrainingSummary(trained) };
  }
  const networks = parseNetworkRun(json);
  if (networks !== null) {
    return { text: formatNetworkSection(networks), summary: formatNetworkSummary(networks) };
  }
  const run = parseRun(json);
  return { text: formatResults(run), summary: formatReadmeTables(run) };
}

/**
 * `RESULTS.md` with a section of another run: what other benchmarks wrote stays.
 *
 * @param section Begins with its heading; the layers with none of {@linkcode HEADINGS}.
 */
export function replaceSection(text: string, section: string): string {
  const others = splitSections(text).filter((part) => headingOf(part) !== headingOf(section));
  const order = ["", ...HEADINGS];
  return [...others, section]
    .toSorted((a, b) => order.indexOf(headingOf(a)) - order.indexOf(headingOf(b)))
    .join("");
}

function splitSections(text: string): readonly string[] {
  const starts = HEADINGS.map((heading) => text.indexOf(heading)).filter((start) => start >= 0);
  const ends = [0, ...starts.toSorted((a, b) => a - b), text.length];
  return ends.slice(1).map((end, index) => text.slice(ends[index], end));
}

function headingOf(section: string): string {
  return HEADINGS.find((heading) => section.startsWith(heading)) ?? "";
}

/** The text of `RESULTS.md` on layers, which comes first. */
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
