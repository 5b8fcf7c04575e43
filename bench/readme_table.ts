/**
 * Turns the JSON of a run of `bench:peers` into the table of the README.
 *
 * @module
 */

import { UsageError } from "../src/cli/usage_error.ts";
import { type Backend, BACKENDS, type BackendTarget, countThreads, ourName } from "./backends.ts";
import type { LayerResult, Result } from "./compare.ts";
import { resultOf } from "./figures.ts";
import { type Column, formatMarkdownTable } from "./markdown_table.ts";

/** What the table needs of a run. */
export interface Run {
  readonly backends: readonly BackendTarget[];
  readonly threadCounts: readonly number[];
  readonly layers: readonly LayerResult[];
}

interface Cells {
  readonly column: Column;
  readonly cell: (layer: LayerResult) => string;
}

if (import.meta.main) {
  try {
    const [path, ...more] = Deno.args;
    if (path === undefined || more.length > 0) throw new UsageError("Name one JSON file of a run");
    console.log(formatReadmeTable(parseRun(Deno.readTextFileSync(path))));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`error: ${error.message}`);
    Deno.exitCode = 2;
  }
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
    Array.isArray(value.layers) && "threadCounts" in value && Array.isArray(value.threadCounts);
}

/** The Markdown table of a run: milliseconds a call, and kernels and speed of the faster backend. */
export function formatReadmeTable({ backends, threadCounts, layers }: Run): string {
  const [lead = "wasm", ...others] = BACKENDS.filter((backend) =>
    backends.some((other) => other.backend === backend)
  );
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

function ours(backend: Backend, threads: number): Cells {
  return times(`${backend}, ${countThreads(threads)}`, ourName(backend), threads);
}

function times(title: string, peer: string, threads: number): Cells {
  return {
    column: { title, numbers: true },
    cell: (layer) => formatMilliseconds(resultOf(layer, peer, threads)),
  };
}

/** Three digits, and two below a millisecond. */
function formatMilliseconds(result: Result | undefined): string {
  if (result === undefined) return "-";
  const milliseconds = result.seconds * 1e3;
  if (milliseconds >= 100) return milliseconds.toFixed(0);
  return milliseconds.toPrecision(milliseconds >= 1 ? 3 : 2);
}

function formatSpeed(result: Result | undefined): string {
  if (result === undefined) return "-";
  return result.gigaflops.toFixed(result.gigaflops < 10 ? 1 : 0);
}
