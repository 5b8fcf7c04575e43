/**
 * Times a step of training, forward and backward, beside PyTorch's.
 *
 * @module
 */

import type { Arguments, Flag } from "../src/cli/args.ts";
import { consoleTerminal, startProgress } from "../src/cli/progress.ts";
import { formatJson } from "../src/cli/report.ts";
import { type Backend, openEngine, targetOf } from "./backends.ts";
import { Ceiling } from "./ceiling.ts";
import { describeMachine } from "./machine.ts";
import {
  chosenBackends,
  chosenLayers,
  chosenSeconds,
  chosenThreads,
  LAYER_FLAGS,
  runBenchmark,
} from "./options.ts";
import { DEBIAN_PYTHON, PyTorch, PyTorchMissing } from "./peers/pytorch.ts";
import {
  compareTraining,
  type OurEngine,
  type TrainingField,
  type TrainingResult,
} from "./training/compare.ts";
import { TRAINING_LAYERS } from "./training/layers.ts";
import { formatTrainingReport, gradientsAgree, type TrainingReport } from "./training/report.ts";

const FLAGS: readonly Flag[] = [
  ...LAYER_FLAGS,
  { name: "threads", value: "list", description: "numbers of threads; default 1 and one per core" },
  {
    name: "backends",
    value: "list",
    description: "native, wasm or both; default all that can be had",
  },
  {
    name: "python",
    value: "path",
    description: `an interpreter that has PyTorch; default ${DEBIAN_PYTHON}`,
  },
  {
    name: "changing",
    description:
      "change weights before each step of ours, so that what was made of them is made again",
  },
  { name: "out", value: "folder", description: "for the JSON; default bench/results" },
  { name: "json", description: "print the JSON instead of the tables" },
];

const DEFAULT_SECONDS = 10;

await runBenchmark(
  "Compares a step of training with PyTorch's, turn by turn.",
  FLAGS,
  async (args) => {
    try {
      return await compareSteps(args);
    } catch (error) {
      if (!(error instanceof PyTorchMissing)) throw error;
      console.error(`error: ${error.message}`);
      return 1;
    }
  },
);

async function compareSteps(args: Arguments): Promise<number> {
  const layers = chosenLayers(args, TRAINING_LAYERS);
  const seconds = chosenSeconds(args, DEFAULT_SECONDS);
  const threadCounts = chosenThreads(args, [1, navigator.hardwareConcurrency]);
  const backends = chosenBackends(args);
  await using stack = new AsyncDisposableStack();
  const pytorch = stack.use(await PyTorch.start(args.values.get("python") ?? DEBIAN_PYTHON));
  const engines = await openEngines(backends, threadCounts, stack);
  const field = { pytorch, threadCounts, changing: args.switches.has("changing"), ...engines };
  const results: TrainingResult[] = [];
  {
    using progress = startProgress("layers", layers.length, consoleTerminal());
    for (const layer of layers) {
      results.push(await compareTraining(layer, field, seconds));
      progress.advance();
    }
  }
  const report: TrainingReport = {
    date: new Date().toISOString(),
    machine: describeMachine(),
    pytorch: pytorch.version,
    options: {
      ...Object.fromEntries(args.values),
      seconds,
      threads: threadCounts,
      changing: field.changing,
    },
    backends: backends.map(targetOf),
    threadCounts,
    layers: results,
  };
  const json = formatJson({ ...report });
  console.log(args.switches.has("json") ? json : formatTrainingReport(report));
  await write(args.values.get("out") ?? "bench/results", report, json);
  return gradientsAgree(report) ? 0 : 1;
}

/** Machine code takes part with each number of threads, WebAssembly with one. */
async function openEngines(
  backends: readonly Backend[],
  threadCounts: readonly number[],
  stack: AsyncDisposableStack,
): Promise<Pick<TrainingField, "ours" | "ceilings">> {
  const ours: OurEngine[] = [];
  const ceilings: Ceiling[] = [];
  for (const backend of backends) {
    for (const threads of threadCounts) {
      if (backend === "wasm" && threads > 1) continue;
      const engine = await openEngine(backend, threads);
      stack.defer(() => engine.close());
      ours.push({ backend, threads, engine });
      ceilings.push(stack.use(await Ceiling.open(backend, threads)));
    }
  }
  return { ours, ceilings };
}

/** Writes what the run found out, under a name that tells it from other runs. */
async function write(folder: string, report: TrainingReport, json: string): Promise<void> {
  const path = `${folder}/train-${report.date.slice(0, 19).replaceAll(":", "-")}.json`;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(path, json + "\n");
  console.error(`Wrote ${path}`);
}
