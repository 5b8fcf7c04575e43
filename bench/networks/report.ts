import { BACKENDS, type BackendTarget, ourName } from "../backends.ts";
import type { Result } from "../compare.ts";
import type { Machine } from "../machine.ts";
import type { Package } from "../peers/packages.ts";
import { formatDisturbance, formatHeading } from "../report/ceilings.ts";
import { ratioToPeer, shareOfCeiling, speedup } from "../report/figures.ts";
import {
  formatDisagreements,
  formatMilliseconds,
  formatRatio,
  formatRefusals,
  shortName,
} from "../report/report.ts";
import { formatNumbers } from "../report/table.ts";
import type { NetworkResult } from "./compare.ts";
import { type NetworkFigure, networkFigures, reaches } from "./figures.ts";

/** Everything that a run found out. */
export interface NetworkReport {
  readonly date: string;
  readonly machine: Machine;
  /** Ours first. */
  readonly packages: readonly Package[];
  readonly options: Readonly<Record<string, unknown>>;
  /** Our backends; the outputs of all others are compared with those of the first. */
  readonly backends: readonly BackendTarget[];
  readonly threadCounts: readonly number[];
  readonly networks: readonly NetworkResult[];
}

/** A run as text: the ceilings, a table of who took part in each network, the figures, and what was left out. */
export function formatNetworkReport(report: NetworkReport): string {
  const { machine, packages, backends, threadCounts, networks } = report;
  return [
    [
      `${report.date.slice(0, 10)}, ${machine.processor}, ${machine.cores} cores, ` +
      `${machine.platform}, Deno ${machine.deno}, V8 ${machine.v8}`,
      packages.map(({ name, version }) => `${name} ${version}`).join(", "),
      "Batch 1. Contestants took turns, each after a pause: times are medians over the turns, ratios the medians of " +
      "the ratios within a turn. x: the time over that of our backend with as many threads, so more than 1 means that " +
      "ours is faster. MB: the peak of a process that computes the network, less what it had before.",
      ...backends.flatMap((target) =>
        threadCounts.map((threads) => formatHeading(networks, target, threads, "network"))
      ),
    ].join("\n"),
    ...networks.map((network) => formatNetwork(network, backends)),
    ["Figures:", ...networkFigures(networks, threadCounts).map(formatFigure)].join("\n"),
    ...formatRefusals(networks, "network"),
    ...formatDisturbance(networks, backends, threadCounts, "network"),
    ...formatDisagreements(networks),
  ].join("\n\n");
}

function formatNetwork(network: NetworkResult, backends: readonly BackendTarget[]): string {
  const { name, flop, inputShape, results } = network;
  const titles = [
    "",
    "threads",
    "ms",
    "GFLOP/s",
    "of ceiling",
    "of 1 thread",
    ...backends.map(({ backend }) => `${backend} x`),
    "MB",
    "difference",
  ];
  const rows = results.map((result) => {
    const { peer, threads, gigaflops, error } = result;
    const backend = BACKENDS.find((backend) => ourName(backend) === peer);
    return [
      shortName(peer),
      String(threads),
      formatMilliseconds(result),
      gigaflops.toFixed(1),
      backend === undefined ? "-" : formatRatio(shareOfCeiling(network, backend, threads)),
      backend === undefined || threads === 1
        ? "-"
        : formatRatio(speedup(network, backend, threads)),
      ...backends.map((ours) =>
        ours.backend === backend
          ? "-"
          : formatRatio(ratioToPeer(network, ourName(ours.backend), peer, threads))
      ),
      formatMegabytes(network, result),
      error.toExponential(1),
    ];
  });
  const title = `${name}: [${inputShape.join(", ")}], ${(flop / 1e9).toFixed(2)} GFLOP`;
  return [title, formatNumbers(titles, rows, 1)].join("\n");
}

/** The peak of whoever a result is of. */
export function formatMegabytes(
  { memory }: NetworkResult,
  { peer, threads }: Pick<Result, "peer" | "threads">,
): string {
  const found = memory.find((result) => result.peer === peer && result.threads === threads);
  return found === undefined ? "-" : (found.bytes / 1e6).toFixed(0);
}

function formatFigure(figure: NetworkFigure): string {
  const { network, name, value, goal } = figure;
  const wanted = "least" in goal ? `${goal.least}` : `at most ${goal.most}`;
  return `${value.toFixed(2)}, ${
    reaches(figure) ? "reaches" : "misses"
  } ${wanted}: ${network}: ${name}`;
}
