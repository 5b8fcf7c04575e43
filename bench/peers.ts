/**
 * Times the layers on each backend, side by side with other packages that compute convolutions in Deno
 * and with what the machine could do at most.
 *
 * @module
 */

import type { Arguments, Flag } from "../src/cli/args.ts";
import { consoleTerminal, startProgress } from "../src/cli/progress.ts";
import { formatJson } from "../src/cli/report.ts";
import { targetOf } from "./backends.ts";
import { openCeilings } from "./ceiling.ts";
import { drawChart } from "./report/chart.ts";
import { compareLayer, type LayerField, type LayerResult } from "./compare.ts";
import { figuresOf } from "./report/figures.ts";
import { describeMachine } from "./machine.ts";
import {
  chosenBackends,
  chosenLayers,
  chosenPeers,
  chosenSeconds,
  chosenThreads,
  LAYER_FLAGS,
  runBenchmark,
} from "./options.ts";
import { layerCall } from "./peers/onnx_call.ts";
import { OnnxNode } from "./peers/onnx_node.ts";
import { OnnxWeb } from "./peers/onnx_web.ts";
import { packageOf } from "./peers/packages.ts";
import { TensorFlow } from "./peers/tfjs.ts";
import { Tileconv } from "./peers/tileconv.ts";
import { allAgree, formatReport, type Report } from "./report/report.ts";

const FLAGS: readonly Flag[] = [
  ...LAYER_FLAGS,
  { name: "threads", value: "list", description: "numbers of threads; default 1 and one per core" },
  {
    name: "backends",
    value: "list",
    description: "native, wasm or both, the reference first; default all that can be had",
  },
  {
    name: "peers",
    value: "list",
    description: "only these packages, by a part of their names, or none",
  },
  {
    name: "out",
    value: "folder",
    description: "for the JSON and the chart; default bench/results",
  },
  { name: "json", description: "print the JSON instead of the tables" },
];

const DEFAULT_SECONDS = 5;

await runBenchmark(
  "Compares the layers with other packages, turn by turn in one process.",
  FLAGS,
  comparePeers,
);

async function comparePeers(args: Arguments): Promise<number> {
  const layers = chosenLayers(args);
  const seconds = chosenSeconds(args, DEFAULT_SECONDS);
  const threadCounts = chosenThreads(args, [1, navigator.hardwareConcurrency]);
  const backends = chosenBackends(args);
  const peers = [new OnnxNode(layerCall), new OnnxWeb(layerCall), new TensorFlow()];
  const names = chosenPeers(args, peers.map(({ name }) => name));
  const others = peers.filter(({ name }) => names.includes(name));
  using stack = new DisposableStack();
  const ours = backends.map((backend) => stack.use(new Tileconv(backend)));
  const ceilings = await openCeilings(backends, threadCounts, stack);
  const field: LayerField = { ours, others, threadCounts, ceilings };
  const results: LayerResult[] = [];
  {
    using progress = startProgress("layers", layers.length, consoleTerminal());
    for (const layer of layers) {
      results.push(await compareLayer(layer, field, seconds));
      progress.advance();
    }
  }
  const report: Report = {
    date: new Date().toISOString(),
    machine: describeMachine(),
    packages: [...ours, ...others].map(({ name }) => packageOf(name)),
    options: { ...Object.fromEntries(args.values), seconds, threads: threadCounts },
    backends: backends.map(targetOf),
    threadCounts,
    layers: results,
    figures: figuresOf(results, threadCounts, backends),
  };
  const json = formatJson({ ...report });
  console.log(args.switches.has("json") ? json : formatReport(report));
  await write(args.values.get("out") ?? "bench/results", report, json);
  return allAgree(results) ? 0 : 1;
}

/** Writes what the run found out, under names that tell it from other runs. */
async function write(folder: string, report: Report, json: string): Promise<void> {
  const stem = `${folder}/peers-${report.date.slice(0, 19).replaceAll(":", "-")}`;
  const chart = await drawChart(report);
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${stem}.json`, json + "\n");
  await Deno.writeTextFile(`${stem}.svg`, chart + "\n");
  console.error(`Wrote ${stem}.json and ${stem}.svg`);
}
