import { type Backend, countThreads, ourName } from "../backends.ts";
import type { LayerRatio } from "../report/figures.ts";
import { geometricMean, medianRatio } from "../statistics.ts";
import { type Discipline, PYTORCH, type Timing, type TrainingResult } from "./compare.ts";

/** A ratio over several layers, and what is wanted of it. */
export interface TrainingFigure {
  readonly name: string;
  /** What counts: the geometric mean, or the layer at one end. */
  readonly of: "mean" | "least" | "most";
  /** A least value; of `"most"` the largest. */
  readonly goal: number;
  readonly ratios: readonly LayerRatio[];
}

/** Layers with less are not judged by what a step costs in WebAssembly. */
const LEAST_FLOP = 50e6;

/** The figures that a run is judged by; none without a layer. */
export function trainingFigures(
  layers: readonly TrainingResult[],
  threadCounts: readonly number[],
): readonly TrainingFigure[] {
  const most = Math.max(...threadCounts);
  const figures = threadCounts.flatMap((threads): TrainingFigure[] => {
    const name = `native, ${countThreads(threads)}, a step over PyTorch's`;
    const ratios = ratiosOf(layers, (layer) => overPyTorch(layer, "step", threads));
    return [
      { name: `${name}: all layers`, of: "mean", goal: 1.3, ratios },
      { name: `${name}: slowest layer`, of: "least", goal: 0.8, ratios },
    ];
  });
  figures.push(
    {
      name: `native, a step on ${countThreads(most)} over 1`,
      of: "mean",
      // 1.7 of two threads.
      goal: 0.85 * most,
      ratios: most > 1 ? ratiosOf(layers, (layer) => stepSpeedup(layer, most)) : [],
    },
    {
      name: "wasm, 1 thread, time of a step over that of the direct forward pass, " +
        "layers over 50 MFLOP: dearest layer",
      of: "most",
      goal: 3.3,
      ratios: ratiosOf(layers, (layer) => isLarge(layer) ? overDirect(layer) : undefined),
    },
  );
  return figures.filter(({ ratios }) => ratios.length > 0);
}

/** What a figure comes to. */
export function valueOf({ of, ratios }: TrainingFigure): number {
  const values = ratios.map(({ ratio }) => ratio);
  switch (of) {
    case "mean":
      return geometricMean(values);
    case "least":
      return Math.min(...values);
    case "most":
      return Math.max(...values);
  }
}

/** Whether a figure is as is wanted. */
export function reaches(figure: TrainingFigure): boolean {
  const value = valueOf(figure);
  return figure.of === "most" ? value <= figure.goal : value >= figure.goal;
}

/** A ratio of every layer that has it. */
export function ratiosOf(
  layers: readonly TrainingResult[],
  ratio: (layer: TrainingResult) => number | undefined,
): readonly LayerRatio[] {
  return layers.flatMap((layer) => {
    const value = ratio(layer);
    return value === undefined ? [] : [{ layer: layer.name, ratio: value }];
  });
}

/** Whether a layer is judged by what a step costs in WebAssembly. */
export function isLarge({ flop }: TrainingResult): boolean {
  return flop > LEAST_FLOP;
}

/** The time of PyTorch in proportion to that of our machine code. */
export function overPyTorch(
  layer: TrainingResult,
  task: "forward" | "step",
  threads: number,
): number | undefined {
  return ratio(layer, { who: PYTORCH, task, threads }, ours("native", task, threads));
}

/** The time of a step of our machine code on one thread in proportion to that on several. */
export function stepSpeedup(layer: TrainingResult, threads: number): number | undefined {
  return ratio(layer, ours("native", "step", 1), ours("native", "step", threads));
}

/** The time of a step in WebAssembly in proportion to that of the direct forward pass. */
export function overDirect(layer: TrainingResult): number | undefined {
  return ratio(layer, ours("wasm", "step", 1), ours("wasm", "direct forward", 1));
}

/** The timing of a discipline, if it took part. */
export function timingOf(
  { timings }: TrainingResult,
  { who, task, threads }: Discipline,
): Timing | undefined {
  return timings.find((timing) =>
    timing.who === who && timing.task === task && timing.threads === threads
  );
}

/** A discipline of ours. */
export function ours(backend: Backend, task: Discipline["task"], threads: number): Discipline {
  return { who: ourName(backend), task, threads };
}

function ratio(
  layer: TrainingResult,
  numerator: Discipline,
  denominator: Discipline,
): number | undefined {
  const [above, below] = [timingOf(layer, numerator), timingOf(layer, denominator)];
  if (above === undefined || below === undefined) return undefined;
  return medianRatio(above.turns, below.turns);
}
