/**
 * Times the layers side by side with other packages that compute convolutions in Deno, and with what
 * the machine could do at most.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import type { Arguments, Flag } from "../src/cli/args.ts";
import { startProgress } from "../src/cli/progress.ts";
import { formatJson } from "../src/cli/report.ts";
import { UsageError } from "../src/cli/usage_error.ts";
import { Ceiling } from "./ceiling.ts";
import { drawChart } from "./chart.ts";
import { compareLayer, type LayerResult } from "./compare.ts";
import { figuresOf } from "./figures.ts";
import { describeMachine } from "./machine.ts";
import { chosenLayers, chosenSeconds, chosenThreads, runBenchmark } from "./options.ts";
import { OnnxNode } from "./peers/onnx_node.ts";
import { OnnxWeb } from "./peers/onnx_web.ts";
import type { Peer } from "./peers/peer.ts";
import { TensorFlow } from "./peers/tfjs.ts";
import { Tileconv } from "./peers/tileconv.ts";
import { allAgree, formatReport, type Package, type Report } from "./report.ts";

const FLAGS: readonly Flag[] = [
  { name: "threads", value: "list", description: "numbers of threads; default 1 and one per core" },
  { name: "peers", value: "list", description: "only these packages, by a part of their names" },
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
  const others = chosenPeers(args);
  using ours = new Tileconv();
  using stack = new DisposableStack();
  const ceilings: Ceiling[] = [];
  for (const threads of threadCounts) ceilings.push(stack.use(await Ceiling.open(threads)));
  const results: LayerResult[] = [];
  {
    using progress = startProgress("layers", layers.length);
    for (const layer of layers) {
      results.push(await compareLayer(layer, { ours, others, ceilings }, seconds));
      progress.advance();
    }
  }
  const report: Report = {
    date: new Date().toISOString(),
    machine: describeMachine(),
    packages: [ours, ...others].map(packageOf),
    options: { ...Object.fromEntries(args.values), seconds, threads: threadCounts },
    threadCounts,
    layers: results,
    figures: figuresOf(results, threadCounts),
  };
  const json = formatJson({ ...report });
  console.log(args.switches.has("json") ? json : formatReport(report));
  await write(args.values.get("out") ?? "bench/results", report, json);
  return allAgree(report) ? 0 : 1;
}

function chosenPeers(args: Arguments): readonly Peer[] {
  const peers = [new OnnxNode(), new OnnxWeb(), new TensorFlow()];
  const parts = args.values.get("peers")?.split(",");
  if (parts === undefined) return peers;
  for (const part of parts) {
    if (peers.some(({ name }) => name.includes(part))) continue;
    throw new UsageError(`No peer has "${part}" in its name`);
  }
  return peers.filter(({ name }) => parts.some((part) => name.includes(part)));
}

/** The version of a peer is that of its import. */
function packageOf({ name }: Peer): Package {
  const targets = Object.values(config.imports);
  const version = targets
    .map((target) => target.match(/^npm:(.+)@([\d.]+)/))
    .find((match) => match?.[1] === name)?.[2];
  return { name, version: version ?? config.version };
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
