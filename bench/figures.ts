import { CEILING_FLOP } from "./ceiling.ts";
import type { LayerResult, Result } from "./compare.ts";
import { geometricMean, medianRatio } from "./statistics.ts";

/** How far an output may differ from ours, in proportion to the largest. */
export const TOLERANCE = 1e-4;

/** A ratio over several layers. */
export interface Figure {
  readonly name: string;
  readonly goal: number;
  /** The geometric mean of the ratios, `NaN` if there are none. */
  readonly value: number;
  readonly ratios: readonly LayerRatio[];
  readonly excluded: readonly Exclusion[];
}

/** One layer's part of a figure. */
export interface LayerRatio {
  readonly layer: string;
  readonly ratio: number;
}

/** Layers that a figure leaves out. */
export interface Exclusion {
  readonly reason: string;
  readonly layers: readonly string[];
}

/** A layer's part of a figure, or why it has none. */
type Part = { readonly ratio: number } | { readonly excluded: string };

/** Our name among the peers. */
export const OURS = "tileconv";

/** The figures that a run is judged by. */
export function figuresOf(
  layers: readonly LayerResult[],
  threadCounts: readonly number[],
): readonly Figure[] {
  const most = Math.max(...threadCounts);
  const single = threadCounts.includes(1);
  const several = most > 1;
  const native = (layer: LayerResult) => ratioToPeer(layer, "onnxruntime-node", most);
  const figure = (name: string, goal: number, part: (layer: LayerResult) => Part) =>
    collect(name, goal, layers, part);
  const figures: Figure[] = [];
  if (single) {
    figures.push(figure(
      "1 thread, share of the register ceiling: direct and pointwise layers over 50 MFLOP",
      0.55,
      (layer) => isPlain(layer) ?? shareOfCeiling(layer, 1),
    ));
  }
  if (single && several) {
    figures.push(figure(
      `${most} threads over 1: the same layers`,
      // What two threads must reach, in proportion.
      0.9 * most,
      (layer) => isPlain(layer) ?? speedup(layer, most),
    ));
  }
  if (single) {
    figures.push(
      figure(
        "1 thread, over TensorFlow.js wasm",
        2,
        (layer) => ratioToPeer(layer, "@tensorflow/tfjs-backend-wasm", 1),
      ),
      figure(
        "1 thread, over onnxruntime-web",
        4,
        (layer) => ratioToPeer(layer, "onnxruntime-web", 1),
      ),
    );
  }
  figures.push(
    figure(`${plural(most)}, over onnxruntime-node: all layers`, 0.5, native),
    figure(
      `${plural(most)}, over onnxruntime-node: 3x3 with stride 1`,
      0.8,
      (layer) => layer.kind === "3x3" ? native(layer) : { excluded: "not 3x3 with stride 1" },
    ),
    figure(
      `${plural(most)}, over onnxruntime-node: transposed, depthwise and grouped layers`,
      1,
      (layer) =>
        ["transposed", "depthwise", "grouped"].includes(layer.kind)
          ? native(layer)
          : { excluded: "of another kind" },
    ),
  );
  return figures;
}

/** The result of a peer with a number of threads, if it has one. */
export function resultOf(
  { results }: LayerResult,
  peer: string,
  threads: number,
): Result | undefined {
  return results.find((result) => result.peer === peer && result.threads === threads);
}

/** Whether an output is what it should be. */
export function agrees({ error }: Result): boolean {
  // A NaN agrees with nothing.
  return error <= TOLERANCE;
}

/** The speed of our layers in proportion to the ceiling. */
export function shareOfCeiling(layer: LayerResult, threads: number): Part {
  const ours = resultOf(layer, OURS, threads);
  const ceiling = layer.ceilings.find((ceiling) => ceiling.threads === threads);
  if (ours === undefined || ceiling === undefined) return { excluded: "not timed" };
  return { ratio: layer.flop / CEILING_FLOP * medianRatio(ceiling.turns, ours.turns) };
}

/** Several threads in proportion to one. */
export function speedup(layer: LayerResult, threads: number): Part {
  const one = resultOf(layer, OURS, 1);
  const all = resultOf(layer, OURS, threads);
  if (one === undefined || all === undefined) return { excluded: "not timed" };
  return { ratio: medianRatio(one.turns, all.turns) };
}

/** A peer's time in proportion to ours. */
export function ratioToPeer(layer: LayerResult, peer: string, threads: number): Part {
  const ours = resultOf(layer, OURS, threads);
  const theirs = resultOf(layer, peer, threads);
  const refusal = layer.refusals.find((refusal) => refusal.peer === peer);
  if (refusal !== undefined) return { excluded: refusal.reason };
  if (ours === undefined || theirs === undefined) return { excluded: "not timed" };
  if (!agrees(ours) || !agrees(theirs)) return { excluded: "the outputs disagree" };
  return { ratio: medianRatio(theirs.turns, ours.turns) };
}

const LEAST_FLOP = 50e6;

/** Why a layer does not measure the kernels of dense convolutions; `null` if it does. */
function isPlain({ kind, family, flop }: LayerResult): Part | null {
  if (kind === "transposed") return { excluded: "transposed" };
  if (family !== "direct" && family !== "pointwise") return { excluded: `${family} kernels` };
  if (flop <= LEAST_FLOP) return { excluded: "at most 50 MFLOP" };
  return null;
}

function collect(
  name: string,
  goal: number,
  layers: readonly LayerResult[],
  partOf: (layer: LayerResult) => Part,
): Figure {
  const ratios: LayerRatio[] = [];
  const excluded = new Map<string, string[]>();
  for (const layer of layers) {
    const part = partOf(layer);
    if ("ratio" in part) ratios.push({ layer: layer.name, ratio: part.ratio });
    else excluded.set(part.excluded, [...excluded.get(part.excluded) ?? [], layer.name]);
  }
  return {
    name,
    goal,
    value: geometricMean(ratios.map(({ ratio }) => ratio)),
    ratios,
    excluded: [...excluded].map(([reason, layers]) => ({ reason, layers })),
  };
}

function plural(threads: number): string {
  return threads === 1 ? "1 thread" : `${threads} threads`;
}
