import { type Backend, countThreads, ourName } from "../backends.ts";
import type { LayerResult, Result, Row } from "../compare.ts";
import type { Kind } from "../layers.ts";
import { geometricMean, medianRatio } from "../statistics.ts";

/** How far an output may differ from ours, in proportion to the largest. */
export const TOLERANCE = 1e-4;

const ONNX_NODE = "onnxruntime-node";
const ONNX_WEB = "onnxruntime-web";
const TENSORFLOW = "@tensorflow/tfjs-backend-wasm";

/** A ratio over several layers. */
export interface Figure {
  /** The backend of ours that it is about. */
  readonly backend: Backend;
  /** Begins with the backend. */
  readonly name: string;
  readonly goal: number;
  /** The geometric mean of the ratios, or the least of them; `NaN` if there are none. */
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
export type Part = { readonly ratio: number } | { readonly excluded: string };

/** A figure before the layers are looked at. */
interface Goal {
  readonly name: string;
  readonly goal: number;
  /** Whether the least of the ratios counts, and not their mean. */
  readonly least?: boolean;
  readonly part: (layer: LayerResult) => Part;
}

/** The figures that a run is judged by, those of each backend of ours side by side. */
export function figuresOf(
  layers: readonly LayerResult[],
  threadCounts: readonly number[],
  backends: readonly Backend[],
): readonly Figure[] {
  const most = Math.max(...threadCounts);
  const single = threadCounts.includes(1);
  return backends.flatMap((backend) =>
    GOALS[backend](most, single).map((goal) => collect(backend, goal, layers))
  );
}

/** What is wanted of a backend with the most threads, and with 1 thread if that is timed. */
type Goals = (most: number, single: boolean) => readonly Goal[];

const GOALS: Readonly<Record<Backend, Goals>> = { native: nativeGoals, wasm: wasmGoals };

function nativeGoals(most: number, single: boolean): readonly Goal[] {
  const over = (threads: number) => (layer: LayerResult) =>
    ratioToPeer(layer, ourName("native"), ONNX_NODE, threads);
  const title = `${countThreads(most)}, over ${ONNX_NODE}`;
  const goals: Goal[] = [{ name: `${title}: all layers`, goal: 1.2, part: over(most) }];
  if (single && most > 1) {
    goals.push({ name: `1 thread, over ${ONNX_NODE}: all layers`, goal: 1.2, part: over(1) });
  }
  goals.push(
    {
      name: `${title}: 3x3 with stride 1`,
      goal: 1.5,
      part: ofKinds(["3x3"], over(most)),
    },
    { name: `${title}: 1x1`, goal: 1, part: ofKinds(["1x1"], over(most)) },
    {
      name: `${title}: transposed, depthwise, grouped, 1-D and dilated layers`,
      goal: 1.5,
      part: ofKinds(["transposed", "depthwise", "grouped", "1-D", "dilated"], over(most)),
    },
    { name: `${title}: slowest layer`, goal: 0.8, least: true, part: over(most) },
  );
  if (single) goals.push(ceilingGoal("native", 0.65));
  return goals;
}

function wasmGoals(most: number, single: boolean): readonly Goal[] {
  const over = (peer: string, threads: number) => (layer: LayerResult) =>
    ratioToPeer(layer, ourName("wasm"), peer, threads);
  const goals: Goal[] = [];
  if (single) goals.push(ceilingGoal("wasm", 0.55));
  if (single && most > 1) {
    goals.push({
      name: `${countThreads(most)} over 1: direct and pointwise layers over 50 MFLOP`,
      // What two threads must reach, in proportion.
      goal: 0.9 * most,
      part: (layer) => isPlain(layer, "wasm") ?? speedup(layer, "wasm", most),
    });
  }
  if (single) {
    goals.push(
      { name: "1 thread, over TensorFlow.js wasm", goal: 2, part: over(TENSORFLOW, 1) },
      { name: `1 thread, over ${ONNX_WEB}`, goal: 4, part: over(ONNX_WEB, 1) },
    );
  }
  const title = `${countThreads(most)}, over ${ONNX_NODE}`;
  const native = over(ONNX_NODE, most);
  goals.push(
    { name: `${title}: all layers`, goal: 0.5, part: native },
    { name: `${title}: 3x3 with stride 1`, goal: 0.8, part: ofKinds(["3x3"], native) },
    {
      name: `${title}: transposed, depthwise and grouped layers`,
      goal: 1,
      part: ofKinds(["transposed", "depthwise", "grouped"], native),
    },
  );
  return goals;
}

function ceilingGoal(backend: Backend, goal: number): Goal {
  return {
    name: "1 thread, share of the register ceiling: direct and pointwise layers over 50 MFLOP",
    goal,
    part: (layer) => isPlain(layer, backend) ?? shareOfCeiling(layer, backend, 1),
  };
}

function ofKinds(
  kinds: readonly Kind[],
  part: (layer: LayerResult) => Part,
): (layer: LayerResult) => Part {
  return (layer) => kinds.includes(layer.kind) ? part(layer) : { excluded: "of another kind" };
}

/** The result of a peer with a number of threads, if it has one. */
export function resultOf(
  { results }: Pick<Row, "results">,
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

/** The speed of a backend of ours in proportion to its ceiling. */
export function shareOfCeiling(layer: Row, backend: Backend, threads: number): Part {
  const ours = resultOf(layer, ourName(backend), threads);
  const ceiling = layer.ceilings.find((ceiling) =>
    ceiling.backend === backend && ceiling.threads === threads
  );
  if (ours === undefined || ceiling === undefined) return { excluded: "not timed" };
  return { ratio: layer.flop / ceiling.flop * medianRatio(ceiling.turns, ours.turns) };
}

/** Several threads in proportion to one. */
export function speedup(layer: Row, backend: Backend, threads: number): Part {
  const one = resultOf(layer, ourName(backend), 1);
  const all = resultOf(layer, ourName(backend), threads);
  if (one === undefined || all === undefined) return { excluded: "not timed" };
  return { ratio: medianRatio(one.turns, all.turns) };
}

/** A peer's time in proportion to that of ours. */
export function ratioToPeer(
  layer: Row,
  name: string,
  peer: string,
  threads: number,
): Part {
  const ours = resultOf(layer, name, threads);
  const theirs = resultOf(layer, peer, threads);
  const refusal = layer.refusals.find((refusal) => refusal.peer === peer);
  if (refusal !== undefined) return { excluded: refusal.reason };
  if (ours === undefined || theirs === undefined) return { excluded: "not timed" };
  if (!agrees(ours) || !agrees(theirs)) return { excluded: "the outputs disagree" };
  return { ratio: medianRatio(theirs.turns, ours.turns) };
}

const LEAST_FLOP = 50e6;

/** Why a layer does not measure the kernels of dense convolutions; `null` if it does. */
function isPlain({ kind, families, flop }: LayerResult, backend: Backend): Part | null {
  const family = families[backend] ?? "no";
  if (kind === "transposed") return { excluded: "transposed" };
  if (family !== "direct" && family !== "pointwise") return { excluded: `${family} kernels` };
  if (flop <= LEAST_FLOP) return { excluded: "at most 50 MFLOP" };
  return null;
}

function collect(
  backend: Backend,
  { name, goal, least = false, part: partOf }: Goal,
  layers: readonly LayerResult[],
): Figure {
  const ratios: LayerRatio[] = [];
  const excluded = new Map<string, string[]>();
  for (const layer of layers) {
    const part = partOf(layer);
    if ("ratio" in part) ratios.push({ layer: layer.name, ratio: part.ratio });
    else excluded.set(part.excluded, [...excluded.get(part.excluded) ?? [], layer.name]);
  }
  const values = ratios.map(({ ratio }) => ratio);
  return {
    backend,
    name: `${backend}: ${name}`,
    goal,
    value: least && values.length > 0 ? Math.min(...values) : geometricMean(values),
    ratios,
    excluded: [...excluded].map(([reason, layers]) => ({ reason, layers })),
  };
}
