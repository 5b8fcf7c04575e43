import { type BackendTarget, ourName } from "../backends.ts";
import type { LayerResult, Result, Row } from "../compare.ts";
import {
  agrees,
  type Figure,
  type Part,
  ratioToPeer,
  resultOf,
  shareOfCeiling,
  speedup,
  TOLERANCE,
} from "./figures.ts";
import { formatDisturbance, formatHeading, type RowKind } from "./ceilings.ts";
import type { Machine } from "../machine.ts";
import type { Package } from "../peers/packages.ts";
import { formatNumbers } from "./table.ts";

/** Everything that a run found out. */
export interface Report {
  readonly date: string;
  readonly machine: Machine;
  /** Ours first. */
  readonly packages: readonly Package[];
  readonly options: Readonly<Record<string, unknown>>;
  /** Our backends; the outputs of all others are compared with those of the first. */
  readonly backends: readonly BackendTarget[];
  readonly threadCounts: readonly number[];
  readonly layers: readonly LayerResult[];
  readonly figures: readonly Figure[];
}

/** A run as text: a table for each backend and number of threads, the figures, and what was left out. */
export function formatReport(report: Report): string {
  const { machine, packages, backends, threadCounts, layers } = report;
  return [
    [
      `${report.date.slice(0, 10)}, ${machine.processor}, ${machine.cores} cores, ` +
      `${machine.platform}, Deno ${machine.deno}, V8 ${machine.v8}`,
      packages.map(({ name, version }) => `${name} ${version}`).join(", "),
      "Contestants took turns: times are medians over the turns, ratios the medians of the ratios within " +
      "a turn. x: the peer's time over that of our backend, so more than 1 means that ours is faster.",
    ].join("\n"),
    ...backends.flatMap((backend) =>
      threadCounts.map((threads) => formatTimes(report, backend, threads))
    ),
    ...formatFigures(report),
    ...formatRefusals(layers),
    ...formatDisturbance(layers, backends, threadCounts),
    ...formatDisagreements(layers),
  ].join("\n\n");
}

/** Whether every output that was compared is what it should be. */
export function allAgree(rows: readonly Row[]): boolean {
  return rows.every(({ results }) => results.every(agrees));
}

/** The table of one backend of ours with one number of threads. */
function formatTimes(
  { layers, packages, threadCounts }: Report,
  code: BackendTarget,
  threads: number,
): string {
  const { backend } = code;
  const name = ourName(backend);
  const others = packages.map(({ name }) => name)
    .filter((other) => other !== name)
    .filter((other) => layers.some((layer) => resultOf(layer, other, threads) !== undefined));
  const scales = threads > 1 && threadCounts.includes(1);
  const titles = [
    "kind",
    "layer",
    "kernels",
    "MFLOP",
    "ms",
    "GFLOP/s",
    "of ceiling",
    ...(scales ? ["of 1 thread"] : []),
    ...others.flatMap((other) => [shortName(other), "x"]),
  ];
  const rows = layers.map((layer, index) => {
    const ours = resultOf(layer, name, threads);
    return [
      layer.kind === layers[index - 1]?.kind ? "" : layer.kind,
      layer.name,
      layer.families[backend] ?? "-",
      (layer.flop / 1e6).toFixed(layer.flop < 10e6 ? 1 : 0),
      formatMilliseconds(ours),
      ours === undefined ? "-" : ours.gigaflops.toFixed(1),
      formatRatio(shareOfCeiling(layer, backend, threads)),
      ...(scales ? [formatRatio(speedup(layer, backend, threads))] : []),
      ...others.flatMap((other) => [
        formatMilliseconds(resultOf(layer, other, threads)),
        formatRatio(ratioToPeer(layer, name, other, threads)),
      ]),
    ];
  });
  return [formatHeading(layers, code, threads), formatNumbers(titles, rows, 3)].join("\n");
}

/** A package's name as the head of a column. */
export function shortName(name: string): string {
  return name.replace(/^@tensorflow\/tfjs-backend-/, "tfjs-");
}

/** A time, marked where the output is not what it should be. */
export function formatMilliseconds(result: Result | undefined): string {
  if (result === undefined) return "-";
  const milliseconds = result.seconds * 1e3;
  const digits = milliseconds < 1 ? 3 : milliseconds < 100 ? 2 : 0;
  return milliseconds.toFixed(digits) + (agrees(result) ? "" : "!");
}

/** A ratio, or that there is none. */
export function formatRatio(part: Part): string {
  return "ratio" in part ? part.ratio.toFixed(2) : "-";
}

/** The figures of each backend; those that no layer of this run has are only named. */
function formatFigures({ figures, backends }: Report): string[] {
  const lines = backends.flatMap(({ backend }) => {
    const own = figures.filter((figure) => figure.backend === backend && figure.ratios.length > 0);
    return own.map((figure, index) => formatFigure(figure, own[index - 1]));
  });
  const empty = figures.filter(({ ratios }) => ratios.length === 0).map(({ name }) =>
    `\n  ${name}`
  );
  return [
    "Figures: geometric means of the ratios above, but for the slowest layer",
    ...lines,
    ...(empty.length === 0 ? [] : [`Figures without layers in this run:${empty.join("")}`]),
  ];
}

/** A figure, and which layers it covers: those that it leaves out are named if they are fewer. */
function formatFigure(figure: Figure, previous: Figure | undefined): string {
  const { name, goal, value, ratios } = figure;
  const [least] = ratios.toSorted((a, b) => a.ratio - b.ratio);
  return [
    `${value.toFixed(2)}, ${value >= goal ? "reaches" : "misses"} ${goal}: ${name}`,
    `  least ${least?.ratio.toFixed(2)}: ${least?.layer}`,
    ...describeCover(figure, previous),
  ].join("\n");
}

function describeCover({ ratios, excluded }: Figure, previous: Figure | undefined): string[] {
  const count = ratios.length;
  const layers = `${count} ${count === 1 ? "layer" : "layers"}`;
  const left = excluded.reduce((sum, { layers }) => sum + layers.length, 0);
  if (left === 0) return [`  all: ${layers}`];
  if (JSON.stringify(excluded) === JSON.stringify(previous?.excluded)) {
    return [`  the same ${layers}`];
  }
  if (left > count) {
    const reasons = excluded.map(({ reason, layers }) => `${layers.length} ${reason}`);
    return [
      `  ${layers}: ${listLayers(ratios.map(({ layer }) => layer))}`,
      `  the others are left out: ${reasons.join(", ")}`,
    ];
  }
  return [
    `  ${layers}`,
    ...excluded.map(({ reason, layers }) => `  without (${reason}): ${listLayers(layers)}`),
  ];
}

function listLayers(layers: readonly string[]): string {
  return layers.join("; ");
}

/** What peers do not compute, and why. */
export function formatRefusals(layers: readonly Row[], what: RowKind = "layer"): string[] {
  const refused = new Map<string, string[]>();
  for (const { name, refusals } of layers) {
    for (const { peer, reason } of refusals) {
      const key = `${peer}: ${reason.replaceAll(/\s+/g, " ")}`;
      refused.set(key, [...refused.get(key) ?? [], name]);
    }
  }
  if (refused.size === 0) return [];
  const lines = [...refused].map(([reason, names]) => `  ${reason}: ${listLayers(names)}`);
  return [
    [`${what === "layer" ? "Layers" : "Networks"} that a peer does not have:`, ...lines].join("\n"),
  ];
}

/** Outputs that are not what they should be, or the largest difference of those that are. */
export function formatDisagreements(layers: readonly Row[]): string[] {
  const lines = layers.flatMap(({ name, results }) =>
    results.filter((result) => !agrees(result)).map(({ peer, threads, error }) =>
      `  ${name}: ${peer}, threads: ${threads}: off by ${error.toExponential(1)}`
    )
  );
  if (lines.length > 0) {
    return [[`Outputs that differ by more than ${TOLERANCE} (marked "!"):`, ...lines].join("\n")];
  }
  const errors = layers.flatMap(({ results }) => results.map(({ error }) => error));
  const largest = Math.max(0, ...errors).toExponential(1);
  return [`All outputs agree: the largest difference is ${largest} of the largest output.`];
}
