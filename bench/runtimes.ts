/**
 * Times eight layers in each runtime that this machine has or can fetch from npm, turn by turn beside Deno.
 *
 * ```sh
 * deno task bench:runtimes
 * deno task bench:runtimes --filter="3x3 64" --seconds=20
 * ```
 *
 * @module
 */

import type { Arguments, Flag } from "../src/cli/args.ts";
import { consoleTerminal, startProgress } from "../src/cli/progress.ts";
import { median } from "../src/base/numbers.ts";
import { type Backend, countThreads } from "./backends.ts";
import { LAYERS } from "./layers.ts";
import { describeMachine } from "./machine.ts";
import {
  chosenLayers,
  chosenSeconds,
  chosenThreads,
  LAYER_FLAGS,
  runBenchmark,
} from "./options.ts";
import { formatNumbers } from "./report/table.ts";
import {
  bundle,
  bunProgram,
  install,
  nodeProgram,
  type PackagedProgram,
} from "./runtimes/programs.ts";
import { mainModule, TimedProcess } from "./runtimes/timed_process.ts";
import { geometricMean, medianRatio } from "./statistics.ts";
import { playTurns } from "./turns.ts";

const FLAGS: readonly Flag[] = [
  ...LAYER_FLAGS,
  { name: "threads", value: "list", description: "numbers of threads; default 1,2" },
];

const DEFAULT_SECONDS = 4;
const DEFAULT_THREADS = [1, 2];

/** One of most kinds of layers. */
const NAMES: readonly string[] = [
  "ResNet-50 3x3 64>64 @56",
  "ResNet-50 3x3 512>512 @7",
  "ResNet-50 1x1 64>256 @56",
  "ResNet-50 stem 7x7 stride 2 @224",
  "MobileNet depthwise 3x3 512 @14",
  "ResNeXt 3x3 128 in 32 groups @56",
  "Whisper 80>384 k3 @3000",
  "DCGAN 4x4 128>64 @32",
];

/** A runtime, and the code that it is to run. */
interface Contestant {
  readonly name: string;
  readonly backend: Backend;
  /** `null` for Deno itself. */
  readonly program: PackagedProgram | null;
  readonly flags: readonly string[];
}

const DENO_FLAGS = ["run", "--allow-read", "--allow-env"];

/** Those of Deno first, which the others are compared with. */
const CONTESTANTS: readonly Contestant[] = [
  { name: "Deno", backend: "native", program: null, flags: [...DENO_FLAGS, "--allow-ffi"] },
  { name: "Deno", backend: "wasm", program: null, flags: DENO_FLAGS },
  { name: "Node.js 22", backend: "wasm", program: nodeProgram("22.23.3"), flags: [] },
  { name: "Node.js 24", backend: "wasm", program: nodeProgram("24.21.0"), flags: [] },
  { name: "Node.js 26", backend: "wasm", program: nodeProgram("26.12.1"), flags: [] },
  {
    name: "Node.js 26",
    backend: "native",
    program: nodeProgram("26.12.1"),
    flags: ["--experimental-ffi"],
  },
  { name: "Bun", backend: "wasm", program: bunProgram("1.4.5"), flags: [] },
  { name: "Bun", backend: "native", program: bunProgram("1.4.5"), flags: [] },
];

/** A contestant that can be had. */
interface Running extends Contestant {
  readonly process: TimedProcess;
}

/** The turns of all of them on one layer. */
interface Round {
  readonly layer: string;
  readonly threads: number;
  readonly turns: readonly (readonly number[])[];
}

await runBenchmark(
  "Times layers in Deno, Node.js and Bun, with one thread and with two.",
  FLAGS,
  timeRuntimes,
);

async function timeRuntimes(args: Arguments): Promise<number> {
  const layers = chosenLayers(args, LAYERS.filter(({ name }) => NAMES.includes(name)));
  const seconds = chosenSeconds(args, DEFAULT_SECONDS);
  const threadCounts = chosenThreads(args, DEFAULT_THREADS);
  const folder = await Deno.makeTempDir({ prefix: "tileconv-" });
  try {
    await using stack = new AsyncDisposableStack();
    const running = await startAll(folder, stack);
    const rounds: Round[] = [];
    {
      using progress = startProgress(
        "rows",
        layers.length * threadCounts.length,
        consoleTerminal(),
      );
      for (const threads of threadCounts) {
        for (const { name: layer } of layers) {
          const players = running.map(({ process, backend }) =>
            process.player({ backend, threads, layer })
          );
          rounds.push({ layer, threads, turns: await playTurns(players, seconds) });
          progress.advance();
        }
      }
    }
    console.log(formatRounds(rounds, running, threadCounts));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return 0;
}

/** Starts all contestants that can be had, and says which cannot. */
async function startAll(folder: string, stack: AsyncDisposableStack): Promise<readonly Running[]> {
  await bundle("bench/runtimes/timed.ts", `${folder}/timed.mjs`);
  const main = `${folder}/main.mjs`;
  await Deno.writeTextFile(main, mainModule("./timed.mjs"));
  const running: Running[] = [];
  for (const contestant of CONTESTANTS) {
    const { program, flags, name } = contestant;
    const path = program === null ? Deno.execPath() : await install(program, folder);
    if (typeof path !== "string") console.error(`${name} is left out: ${path.missing}`);
    else {
      const process = stack.use(new TimedProcess(path, [...flags, main]));
      running.push({ ...contestant, process });
    }
  }
  return running;
}

function formatRounds(
  rounds: readonly Round[],
  running: readonly Running[],
  threadCounts: readonly number[],
): string {
  const { processor, cores, deno } = describeMachine();
  const titles = ["ms", "threads", ...running.map(({ name, backend }) => `${name} ${backend}`)];
  const times = rounds.map(({ layer, threads, turns }) => [
    layer,
    String(threads),
    ...turns.map((own) => (median(own) * 1e3).toFixed(3)),
  ]);
  const means = threadCounts.map((threads) => [
    "times as fast as Deno, on average",
    String(threads),
    ...running.map((_, index) => speedsOf(rounds, running, index, threads).toFixed(2)),
  ]);
  return [
    `${processor}, ${cores} cores, Deno ${deno}.`,
    formatNumbers(titles, [...times, ...means], 1),
    "Medians of turns that all take one after the other. The averages are geometric, of each layer's " +
    "median ratio to Deno's turns with the same code, machine code or WebAssembly. " +
    `With ${threadCounts.map(countThreads).join(", ")}.`,
  ].join("\n\n");
}

/** How fast a contestant is beside Deno with the same code. */
function speedsOf(
  rounds: readonly Round[],
  running: readonly Running[],
  index: number,
  threads: number,
): number {
  const deno = running.findIndex(({ backend }) => backend === running[index]?.backend);
  const ratios = rounds.filter((round) => round.threads === threads)
    .map(({ turns }) => medianRatio(turns[deno] ?? [], turns[index] ?? []));
  return geometricMean(ratios);
}
