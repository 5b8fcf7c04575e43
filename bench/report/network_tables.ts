/**
 * The JSON of a run of `bench:networks` as Markdown tables.
 *
 * @module
 */

import { BACKENDS, countThreads, describeTarget, ourName } from "../backends.ts";
import type { NetworkResult } from "../networks/compare.ts";
import { type NetworkFigure, networkFigures } from "../networks/figures.ts";
import { formatMegabytes, type NetworkReport } from "../networks/report.ts";
import { resultOf } from "./figures.ts";
import { formatMarkdownTable } from "./markdown_table.ts";
import { formatMilliseconds } from "./run_tables.ts";

/** What the tables need of a run. */
export type NetworkRun = Omit<NetworkReport, "options">;

/** Begins the section, with the empty line before it. */
export const NETWORKS_HEADING = "\n## Whole networks\n";

/** What is in the file of a run of `bench:networks`; `null` if it is another one. */
export function parseNetworkRun(json: string): NetworkRun | null {
  const value: unknown = JSON.parse(json);
  return isNetworkRun(value) ? value : null;
}

function isNetworkRun(value: unknown): value is NetworkRun {
  if (typeof value !== "object" || value === null) return false;
  return "networks" in value && Array.isArray(value.networks) && "packages" in value &&
    Array.isArray(value.packages) && "backends" in value && Array.isArray(value.backends) &&
    "threadCounts" in value && Array.isArray(value.threadCounts) && "date" in value &&
    "machine" in value;
}

/** The section of `RESULTS.md`. */
export function formatNetworkSection(run: NetworkRun): string {
  const { machine, date, backends, packages } = run;
  return `${NETWORKS_HEADING}
One run of \`deno task bench:networks\`, written by \`deno task bench:table\` from its JSON.

- ${date.slice(0, 10)}, Deno ${machine.deno}, V8 ${machine.v8}, ${machine.platform}
- ${machine.processor}, ${machine.cores} cores
- ${backends.map(describeTarget).join(" and ")}
- ${packages.slice(backends.length).map(({ name, version }) => `${name} ${version}`).join(", ")}

Milliseconds a call, batch 1:

${formatNetworkTimes(run)}

The peak memory of a process that computes the network, less what it had before, in MB:

${formatNetworkMemory(run)}

How many times as fast:

${formatNetworkRatios(run)}
`;
}

/** What the README has of a run. */
export function formatNetworkSummary(run: NetworkRun): string {
  return [formatNetworkTimes(run), formatNetworkMemory(run), formatNetworkRatios(run)].join("\n\n");
}

/** Someone with a number of threads, as the head of a column. */
interface Entrant {
  readonly title: string;
  readonly peer: string;
  readonly threads: number;
}

function entrantsOf({ networks, threadCounts }: NetworkRun): readonly Entrant[] {
  const titled = [
    ...BACKENDS.map((backend) => [backend, ourName(backend)] as const),
    ["ONNX Runtime, native", "onnxruntime-node"] as const,
    ["ONNX Runtime web", "onnxruntime-web"] as const,
    ["TensorFlow.js wasm", "@tensorflow/tfjs-backend-wasm"] as const,
  ];
  return titled.flatMap(([title, peer]) =>
    threadCounts
      .filter((threads) => networks.some((network) => resultOf(network, peer, threads)))
      .map((threads) => ({ title: `${title}, ${countThreads(threads)}`, peer, threads }))
  );
}

/** Milliseconds a call, a row for each network. */
export function formatNetworkTimes(run: NetworkRun): string {
  return formatEntrants(
    run,
    (network, { peer, threads }) => formatMilliseconds(resultOf(network, peer, threads)?.seconds),
  );
}

/** Megabytes, a row for each network. */
export function formatNetworkMemory(run: NetworkRun): string {
  return formatEntrants(run, formatMegabytes);
}

function formatEntrants(
  run: NetworkRun,
  cell: (network: NetworkResult, entrant: Entrant) => string,
): string {
  const entrants = entrantsOf(run);
  return formatMarkdownTable(
    [
      { title: "network", numbers: false },
      { title: "GFLOP", numbers: true },
      ...entrants.map(({ title }) => ({ title, numbers: true })),
    ],
    run.networks.map((network) => [
      network.name,
      (network.flop / 1e9).toFixed(1),
      ...entrants.map((entrant) => cell(network, entrant)),
    ]),
  );
}

/** What is judged, a row for each network. */
export function formatNetworkRatios({ networks, threadCounts }: NetworkRun): string {
  const figures = networkFigures(networks, threadCounts);
  const names = [...new Set(figures.filter(isRatio).map(({ name }) => name))];
  const valueOf = (network: string, name: string) =>
    figures.find((figure) => figure.network === network && figure.name === name)?.value;
  return formatMarkdownTable(
    [
      { title: "network", numbers: false },
      ...names.map((name) => ({ title: name, numbers: true })),
    ],
    networks.map(({ name: network }) => [
      network,
      ...names.map((name) => valueOf(network, name)?.toFixed(2) ?? "-"),
    ]),
  );
}

/** Times have a table of their own. */
function isRatio({ goal }: NetworkFigure): boolean {
  return "least" in goal;
}
