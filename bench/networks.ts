/**
 * Times whole networks on each backend, side by side with other packages that compute networks in Deno, and says how
 * much memory each needs.
 *
 * @module
 */

import type { Arguments, Flag } from "../src/cli/args.ts";
import { consoleTerminal, startProgress } from "../src/cli/progress.ts";
import { formatJson } from "../src/cli/report.ts";
import { UsageError } from "../src/cli/usage_error.ts";
import { FileError } from "../src/io/files.ts";
import { targetOf } from "./backends.ts";
import { openCeilings } from "./ceiling.ts";
import type { Field } from "./compare.ts";
import { describeMachine } from "./machine.ts";
import { compareNetwork, type NetworkResult } from "./networks/compare.ts";
import { type BenchNetwork, NETWORKS } from "./networks/networks.ts";
import { openPeer, OTHER_NAMES } from "./networks/peers.ts";
import { type NetworkProblem, networkProblemOf } from "./networks/problem.ts";
import { formatNetworkReport, type NetworkReport } from "./networks/report.ts";
import { TileconvNetworks } from "./networks/tileconv.ts";
import {
  chosenBackends,
  chosenPeers,
  chosenSeconds,
  chosenThreads,
  runBenchmark,
} from "./options.ts";
import { packageOf } from "./peers/packages.ts";
import { allAgree } from "./report/report.ts";

const FLAGS: readonly Flag[] = [
  { name: "filter", value: "text", description: "only networks with this in their name" },
  { name: "threads", value: "list", description: "numbers of threads; default 1 and 2" },
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
  { name: "out", value: "folder", description: "for the JSON; default bench/results" },
  { name: "json", description: "print the JSON instead of the tables" },
];

const DEFAULT_SECONDS = 20;

await runBenchmark(
  "Compares whole networks with other packages, turn by turn in one process.",
  FLAGS,
  async (args) => {
    try {
      return await compareNetworks(args);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      console.error(`error: ${error.message}`);
      return 1;
    }
  },
);

async function compareNetworks(args: Arguments): Promise<number> {
  const networks = chosenNetworks(args);
  const seconds = chosenSeconds(args, DEFAULT_SECONDS);
  const threadCounts = chosenThreads(args, [1, 2]);
  const backends = chosenBackends(args);
  // What cannot be fetched is to be known before anything is timed.
  const problems = await Promise.all(networks.map(networkProblemOf));
  using stack = new DisposableStack();
  const ours = backends.map((backend) => stack.use(new TileconvNetworks(backend)));
  const others = await Promise.all(chosenPeers(args, OTHER_NAMES).map(openPeer));
  const ceilings = await openCeilings(backends, threadCounts, stack);
  const field: Field<NetworkProblem> = { ours, others, threadCounts, ceilings };
  const results: NetworkResult[] = [];
  {
    using progress = startProgress("networks", networks.length, consoleTerminal());
    for (const [index, network] of networks.entries()) {
      const problem = problems[index];
      if (problem === undefined) continue;
      results.push(await compareNetwork(network, problem, field, seconds));
      progress.advance();
    }
  }
  const report: NetworkReport = {
    date: new Date().toISOString(),
    machine: describeMachine(),
    packages: [...ours, ...others].map(({ name }) => packageOf(name)),
    options: { ...Object.fromEntries(args.values), seconds, threads: threadCounts },
    backends: backends.map(targetOf),
    threadCounts,
    networks: results,
  };
  const json = formatJson({ ...report });
  console.log(args.switches.has("json") ? json : formatNetworkReport(report));
  await write(args.values.get("out") ?? "bench/results", report, json);
  return allAgree(results) ? 0 : 1;
}

function chosenNetworks(args: Arguments): readonly BenchNetwork[] {
  const text = args.values.get("filter")?.toLowerCase() ?? "";
  const chosen = NETWORKS.filter(({ name }) => name.toLowerCase().includes(text));
  if (chosen.length === 0) throw new UsageError(`No network has "${text}" in its name`);
  return chosen;
}

/** Writes what the run found out, under a name that tells it from other runs. */
async function write(folder: string, report: NetworkReport, json: string): Promise<void> {
  const path = `${folder}/networks-${report.date.slice(0, 19).replaceAll(":", "-")}.json`;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(path, json + "\n");
  console.error(`Wrote ${path}`);
}
