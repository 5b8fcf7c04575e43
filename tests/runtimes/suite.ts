/**
 * Computes what is recorded in every way, in whatever runtime it is run.
 *
 * @module
 */

import { type Backend, Engine, type Layer, Tensor } from "../../mod.ts";
import { runtimeOf } from "../../src/engine/engine.ts";
import { FileError, readNpy, readNpz, writeNpy, writeNpz } from "../../src/io/mod.ts";
import {
  agrees,
  buildLayer,
  type Digest,
  forwardOptions,
  operandsFor,
  type RecordedLayer,
} from "./recorded.ts";

/** What a run has found. */
export interface Report {
  readonly threads: number;
  readonly backend: string;
  readonly layers: number;
  readonly right: number;
  readonly seconds: number;
  /** What is wrong, a line each. */
  readonly faults: readonly string[];
}

const THREADS = 3;

/** The calling thread by itself, and several. */
interface Engines {
  readonly one: Engine;
  readonly several: Engine;
}

/**
 * Computes all layers with one thread and with several, with and without waiting, there and back.
 *
 * @param records The records, a line of JSON each.
 * @param folder Where files may be written; `null` where none have a path.
 * @param chosen What the engines are to run.
 */
export async function runSuite(
  records: string,
  folder: string | null,
  chosen: Backend = "auto",
): Promise<Report> {
  const start = performance.now();
  const engines = {
    one: new Engine({ threads: 1, memory: 2 ** 26, backend: chosen }),
    // Never closed: its threads must not keep the process.
    several: new Engine({ threads: THREADS, memory: 2 ** 26, backend: chosen }),
  };
  await engines.several.ready;
  const { started, workers } = runtimeOf(engines.several);
  const layers: RecordedLayer[] = records.trim().split("\n").map((line) => JSON.parse(line));
  const faults = await fileFaults(folder);
  if (started < workers) faults.push(`Of ${workers} workers only ${started} have started`);
  let right = 0;
  for (const [index, recorded] of layers.entries()) {
    const found = await faultsOf(recorded, engines).catch((error) => [String(error)]);
    if (found.length === 0) right++;
    else faults.push(`${found.join(", ")}: line ${index + 1}, ${JSON.stringify(recorded.layer)}`);
  }
  engines.one.close();
  const { threads, backend } = engines.several;
  const seconds = (performance.now() - start) / 1000;
  return { threads, backend, layers: layers.length, right, seconds, faults };
}

/** Which results of a layer are wrong. */
async function faultsOf(recorded: RecordedLayer, engines: Engines): Promise<string[]> {
  const first = resultsSync(recorded, engines.one);
  const others = {
    "several threads": resultsSync(recorded, engines.several),
    "several threads, asynchronous": await results(recorded, engines.several),
    "one thread, asynchronous": await results(recorded, engines.one),
  };
  const faults: string[] = [];
  for (const name of RESULTS) {
    const [values, digest] = [first[name], recorded[name]];
    if (!isAsRecorded(values, digest)) faults.push(name);
    for (const [way, { [name]: other }] of Object.entries(others)) {
      if (!hasSameBits(values, other)) faults.push(`${name} with ${way}`);
    }
  }
  return faults;
}

const RESULTS = ["output", "inputGradient", "weightGradient", "biasGradient"] as const;

type Results = Readonly<Record<typeof RESULTS[number], Tensor | null>>;

function resultsOf(layer: Layer, output: Tensor, inputGradient: Tensor | null): Results {
  const { weight, bias } = layer;
  return { output, inputGradient, weightGradient: weight.grad, biasGradient: bias?.grad ?? null };
}

async function results({ layer: recorded }: RecordedLayer, engine: Engine): Promise<Results> {
  const layer = buildLayer(recorded, engine);
  const operands = operandsFor(recorded, layer);
  const output = await layer.forward(operands.input, forwardOptions(recorded, operands));
  const gradient = await layer.backward(operands.input, operands.gradOutput, { output });
  return resultsOf(layer, output, gradient);
}

function resultsSync({ layer: recorded }: RecordedLayer, engine: Engine): Results {
  const layer = buildLayer(recorded, engine);
  const operands = operandsFor(recorded, layer);
  const output = layer.forwardSync(operands.input, forwardOptions(recorded, operands));
  const gradient = layer.backwardSync(operands.input, operands.gradOutput, { output });
  return resultsOf(layer, output, gradient);
}

function isAsRecorded(values: Tensor | null, digest: Digest | null): boolean {
  if (values === null || digest === null) return values === null && digest === null;
  return agrees(values.data, digest);
}

/** As words: NaN is not equal to itself. */
function hasSameBits(a: Tensor | null, b: Tensor | null): boolean {
  if (a === null || b === null) return a === b;
  const words = ({ data }: Tensor) => new Int32Array(data.buffer, data.byteOffset, data.length);
  const [ours, others] = [words(a), words(b)];
  return ours.length === others.length && ours.every((word, index) => word === others[index]);
}

/** What is wrong with files that have a path. */
async function fileFaults(folder: string | null): Promise<string[]> {
  const x = Tensor.from([[1, 2], [3, 4]]);
  const messageOf = (error: unknown) => error instanceof FileError ? error.message : String(error);
  if (folder === null) {
    const refused = await readNpy("x.npy").then(() => "it was read", messageOf);
    return refused.includes("use bytes here") ? [] : [`A path on a page: ${refused}`];
  }
  const path = (name: string) => `${folder}/${name}`;
  await writeNpy(path("x.npy"), x);
  await writeNpy(path("x.npy"), x);
  await writeNpz(path("x.npz"), { x });
  const missing = await readNpy(path("missing.npy")).then(() => "it was read", messageOf);
  const reads = [await readNpy(path("x.npy")), (await readNpz(path("x.npz")))["x"] ?? null];
  return [
    ...reads.every((read) => hasSameBits(read, x)) ? [] : ["Files give back something else"],
    ...missing.endsWith("there is no such file or folder") ? [] : [`A missing file: ${missing}`],
  ];
}
