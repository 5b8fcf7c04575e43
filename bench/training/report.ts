import type { Backend, BackendTarget } from "../backends.ts";
import type { Machine } from "../machine.ts";
import { formatDisturbance, formatHeading } from "../report/ceilings.ts";
import { TOLERANCE } from "../report/figures.ts";
import { formatNumbers } from "../report/table.ts";
import { PYTORCH, type Timing, type TrainingResult } from "./compare.ts";
import {
  isLarge,
  ours,
  overDirect,
  overPyTorch,
  reaches,
  stepSpeedup,
  timingOf,
  type TrainingFigure,
  trainingFigures,
  valueOf,
} from "./figures.ts";
import { VALUES } from "./problem.ts";

/** Everything that a run found out. */
export interface TrainingReport {
  readonly date: string;
  readonly machine: Machine;
  /** The version of PyTorch. */
  readonly pytorch: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly backends: readonly BackendTarget[];
  readonly threadCounts: readonly number[];
  readonly layers: readonly TrainingResult[];
}

/** A run as text: a table for each number of threads of machine code, one of WebAssembly, and the figures. */
export function formatTrainingReport(report: TrainingReport): string {
  const { machine, backends, threadCounts, layers } = report;
  return [
    [
      `${report.date.slice(0, 10)}, ${machine.processor}, ${machine.cores} cores, ` +
      `${machine.platform}, Deno ${machine.deno}, V8 ${machine.v8}, PyTorch ${report.pytorch}`,
      "A step: forward and backward with the gradients of input, weight and bias. Contestants took turns: times " +
      "are medians over the turns, ratios the medians of the ratios within a turn.",
    ].join("\n"),
    ...backends.flatMap((target) =>
      target.backend === "native"
        ? threadCounts.map((threads) => formatNative(report, target, threads))
        : threadCounts.includes(1)
        ? [formatWasm(report, target)]
        : []
    ),
    ["Figures:", ...trainingFigures(layers, threadCounts).map(formatFigure)].join("\n"),
    ...formatDisturbance(layers, backends, threadCounts),
    ...formatDifferences(layers),
  ].join("\n\n");
}

/** Whether every gradient is what PyTorch says. */
export function gradientsAgree({ layers }: TrainingReport): boolean {
  return layers.every(({ differences }) =>
    // A NaN agrees with nothing.
    differences.every(({ errors }) => VALUES.every((name) => errors[name] <= TOLERANCE))
  );
}

function formatNative(
  { layers, threadCounts }: TrainingReport,
  target: BackendTarget,
  threads: number,
): string {
  const scales = threads > 1 && threadCounts.includes(1);
  const titles = [
    "kind",
    "layer",
    "MFLOP",
    "forward: PyTorch ms",
    "ours ms",
    "x",
    "step: PyTorch ms",
    "ours ms",
    "x",
    ...(scales ? ["of 1 thread"] : []),
    "of ceiling",
  ];
  const rows = layers.map((layer, index) => [
    ...nameCells(layer, layers[index - 1]),
    ...(["forward", "step"] as const).flatMap((task) => [
      formatTime(timingOf(layer, { who: PYTORCH, task, threads })),
      formatTime(timingOf(layer, ours("native", task, threads))),
      formatRatio(overPyTorch(layer, task, threads)),
    ]),
    ...(scales ? [formatRatio(stepSpeedup(layer, threads))] : []),
    formatRatio(shareOfCeiling(layer, "native", threads)),
  ]);
  return [formatHeading(layers, target, threads), formatNumbers(titles, rows, 2)].join("\n");
}

function formatWasm({ layers }: TrainingReport, target: BackendTarget): string {
  const titles = [
    "kind",
    "layer",
    "MFLOP",
    "direct forward ms",
    "step ms",
    "step / forward",
    "counts",
    "of ceiling",
  ];
  const rows = layers.map((layer, index) => [
    ...nameCells(layer, layers[index - 1]),
    formatTime(timingOf(layer, ours("wasm", "direct forward", 1))),
    formatTime(timingOf(layer, ours("wasm", "step", 1))),
    formatRatio(overDirect(layer)),
    isLarge(layer) ? "yes" : "no",
    formatRatio(shareOfCeiling(layer, "wasm", 1)),
  ]);
  return [formatHeading(layers, target, 1), formatNumbers(titles, rows, 2)].join("\n");
}

function nameCells(layer: TrainingResult, previous: TrainingResult | undefined): readonly string[] {
  const { kind, name, flop } = layer;
  return [kind === previous?.kind ? "" : kind, name, (flop / 1e6).toFixed(0)];
}

function ceilingOf(
  { ceilings }: TrainingResult,
  backend: Backend,
  threads: number,
): number | undefined {
  return ceilings.find((ceiling) => ceiling.backend === backend && ceiling.threads === threads)
    ?.gigaflops;
}

/** The speed of a step, which multiplies three times as often as a forward pass. */
function shareOfCeiling(
  layer: TrainingResult,
  backend: Backend,
  threads: number,
): number | undefined {
  const step = timingOf(layer, ours(backend, "step", threads));
  const ceiling = ceilingOf(layer, backend, threads);
  if (step === undefined || ceiling === undefined) return undefined;
  return 3 * layer.flop / step.seconds / 1e9 / ceiling;
}

function formatTime(timing: Timing | undefined): string {
  if (timing === undefined) return "-";
  const milliseconds = timing.seconds * 1e3;
  return milliseconds.toFixed(milliseconds < 1 ? 3 : milliseconds < 100 ? 2 : 0);
}

function formatRatio(ratio: number | undefined): string {
  return ratio === undefined ? "-" : ratio.toFixed(2);
}

/** A figure with the layers at its ends. */
function formatFigure(figure: TrainingFigure): string {
  const { name, goal, ratios } = figure;
  const sorted = ratios.toSorted((a, b) => a.ratio - b.ratio);
  const [least, most] = [sorted[0], sorted.at(-1)];
  return [
    `${valueOf(figure).toFixed(2)}, ${reaches(figure) ? "reaches" : "misses"} ${goal}: ${name}`,
    ...(figure.of === "mean" ? [] : [`  geometric mean ${meanOf(figure)}`]),
    `  least ${least?.ratio.toFixed(2)}: ${least?.layer}; most ${
      most?.ratio.toFixed(2)
    }: ${most?.layer}`,
  ].join("\n");
}

function meanOf(figure: TrainingFigure): string {
  return valueOf({ ...figure, of: "mean" }).toFixed(2);
}

function formatDifferences(layers: readonly TrainingResult[]): readonly string[] {
  const all = layers.flatMap(({ name, differences }) =>
    differences.flatMap(({ who, threads, errors }) =>
      VALUES.map((value) => ({
        error: errors[value],
        text: `${name}: ${who}, threads: ${threads}: ${value}: ${errors[value].toExponential(1)}`,
      }))
    )
  );
  const wrong = all.filter(({ error }) => !(error <= TOLERANCE));
  if (wrong.length > 0) {
    return [
      `Values that differ from PyTorch's by more than ${TOLERANCE} of the largest:`,
      ...wrong.map(({ text }) => `  ${text}`),
    ];
  }
  const [largest] = all.toSorted((a, b) => b.error - a.error);
  return [`All gradients agree with PyTorch's; the largest difference: ${largest?.text}`];
}
