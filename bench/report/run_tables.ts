/**
 * The JSON of a run of `bench:peers` as Markdown tables.
 *
 * @module
 */

import { UsageError } from "../../src/cli/usage_error.ts";
import { type Backend, BACKENDS, type BackendTarget, countThreads, ourName } from "../backends.ts";
import type { LayerResult, Result } from "../compare.ts";
import { ratioToPeer, resultOf } from "./figures.ts";
import { type Column, formatMarkdownTable } from "./markdown_table.ts";
import type { Report } from "./report.ts";
import { geometricMean } from "../statistics.ts";

/** What the tables need of a run. */
export interface Run extends Pick<Report, "date" | "machine"> {
  readonly backends: readonly BackendTarget[];
  readonly threadCounts: readonly number[];
  readonly layers: readonly LayerResult[];
}

interface Cells {
  readonly column: Column;
  readonly cell: (layer: LayerResult) => string;
}

/**
 * What is in the file of a run.
 *
 * @throws {UsageError} If it is no such file.
 */
export function parseRun(json: string): Run {
  const value: unknown = JSON.parse(json);
  if (isRun(value)) return value;
  throw new UsageError("The file is not one that a run of bench:peers wrote");
}

/** Looks at what tells a run's file, and one of today's from older ones. */
function isRun(value: unknown): value is Run {
  if (typeof value !== "object" || value === null) return false;
  return "backends" in value && Array.isArray(value.backends) && "layers" in value &&
    Array.isArray(value.layers) && "threadCounts" in value && Array.isArray(value.threadCounts) &&
    "date" in value && "machine" in value;
}

/** Milliseconds a call, and kernels and speed of the faster backend, a row for each layer. */
export function formatTimes(
  { backends, threadCounts }: Run,
  layers: readonly LayerResult[],
): string {
  const [lead = "wasm", ...others] = backendsOf(backends);
  const most = Math.max(...threadCounts);
  const counts = [...new Set([1, most])].filter((count) => threadCounts.includes(count));
  const columns: Cells[] = [
    { column: { title: "layer", numbers: false }, cell: ({ name }) => name },
    {
      column: { title: "kernels", numbers: false },
      cell: ({ families }) => families[lead] ?? "-",
    },
    ...counts.map((threads) => ours(lead, threads)),
    {
      column: { title: "GFLOP/s", numbers: true },
      cell: (layer) => formatSpeed(resultOf(layer, ourName(lead), most)),
    },
    ...others.flatMap((backend) => counts.map((threads) => ours(backend, threads))),
    times(`ONNX Runtime, native, ${countThreads(most)}`, "onnxruntime-node", most),
    times("ONNX Runtime web, 1 thread", "onnxruntime-web", 1),
    times("TensorFlow.js wasm, 1 thread", "@tensorflow/tfjs-backend-wasm", 1),
  ];
  return formatMarkdownTable(
    columns.map(({ column }) => column),
    layers.map((layer) => columns.map(({ cell }) => cell(layer))),
  );
}

/** How much faster than the peers, on average over the layers that both can run, and at least. */
export function formatMeans({ backends, threadCounts, layers }: Run): string {
  const most = Math.max(...threadCounts);
  const rows = backendsOf(backends).flatMap((backend) =>
    COMPARISONS[backend](most).flatMap(({ peer, threads }) => {
      const ratios = layers.flatMap((layer) => {
        const part = ratioToPeer(layer, ourName(backend), peer, threads);
        return "ratio" in part ? [part.ratio] : [];
      });
      if (ratios.length === 0) return [];
      return [{ code: CODE_NAMES[backend], threads, over: PEER_NAMES[peer], ratios }];
    })
  );
  return formatMeanRows(rows);
}

/** How much faster than a peer some code is, layer by layer. */
export interface MeanRow {
  readonly code: string;
  readonly threads: number;
  /** The peer. */
  readonly over: string;
  readonly ratios: readonly number[];
}

/** Means and slowest layers, as every table of them has them. */
export function formatMeanRows(rows: readonly MeanRow[]): string {
  const columns = [
    { title: "code", numbers: false },
    { title: "threads", numbers: true },
    { title: "over", numbers: false },
    { title: "layers", numbers: true },
    { title: "times as fast", numbers: true },
    { title: "slowest layer", numbers: true },
  ];
  const cells = rows.map(({ code, threads, over, ratios }) => [
    code,
    String(threads),
    over,
    String(ratios.length),
    geometricMean(ratios).toFixed(2),
    Math.min(...ratios).toFixed(2),
  ]);
  return formatMarkdownTable(columns, cells);
}

type PeerName = keyof typeof PEER_NAMES;

const PEER_NAMES = {
  "onnxruntime-node": "ONNX Runtime",
  "onnxruntime-web": "ONNX Runtime web",
  "@tensorflow/tfjs-backend-wasm": "TensorFlow.js",
} as const;

/** What the code of each backend is called in the tables of means. */
export const CODE_NAMES: Readonly<Record<Backend, string>> = {
  native: "machine code",
  wasm: "WebAssembly",
};

interface Comparison {
  readonly peer: PeerName;
  readonly threads: number;
}

/** Machine code is compared with what needs the same permission; both with equal numbers of threads. */
const COMPARISONS: Readonly<Record<Backend, (most: number) => readonly Comparison[]>> = {
  native: (most) =>
    [...new Set([most, 1])].map((threads) => ({ peer: "onnxruntime-node", threads })),
  wasm: (most) => [
    { peer: "@tensorflow/tfjs-backend-wasm", threads: 1 },
    { peer: "onnxruntime-web", threads: 1 },
    { peer: "onnxruntime-node", threads: most },
  ],
};

/** The backends that took part, the fastest first. */
function backendsOf(backends: readonly BackendTarget[]): readonly Backend[] {
  return BACKENDS.filter((backend) => backends.some((other) => other.backend === backend));
}

function ours(backend: Backend, threads: number): Cells {
  return times(`${backend}, ${countThreads(threads)}`, ourName(backend), threads);
}

function times(title: string, peer: string, threads: number): Cells {
  return {
    column: { title, numbers: true },
    cell: (layer) => formatMilliseconds(resultOf(layer, peer, threads)?.seconds),
  };
}

/** Three digits, and two below a millisecond. */
export function formatMilliseconds(seconds: number | undefined): string {
  if (seconds === undefined) return "-";
  const milliseconds = seconds * 1e3;
  if (milliseconds >= 100) return milliseconds.toFixed(0);
  return milliseconds.toPrecision(milliseconds >= 1 ? 3 : 2);
}

function formatSpeed(result: Result | undefined): string {
  if (result === undefined) return "-";
  return result.gigaflops.toFixed(result.gigaflops < 10 ? 1 : 0);
}
