/**
 * Times what comes before a layer is fast (planning, encoding and compiling in its first call) and what
 * is saved by freezing it: the look at its weights in every call.
 *
 * @module
 */

import { Conv2d, Engine, Tensor } from "../mod.ts";
import type { Arguments, Flag } from "../src/cli/args.ts";
import { consoleTerminal, startProgress } from "../src/cli/progress.ts";
import { median } from "../src/base/numbers.ts";
import { formatJson } from "../src/cli/report.ts";
import { integerFlag } from "../src/cli/values.ts";
import { describeTarget, targetOf } from "./backends.ts";
import type { BenchLayer } from "./layers.ts";
import {
  chosenBackend,
  chosenLayers,
  chosenSeconds,
  LAYER_FLAGS,
  MOST_THREADS,
  runBenchmark,
} from "./options.ts";
import { problemOf, WEIGHT_SEED } from "./problem.ts";
import { medianRatio } from "./statistics.ts";
import { formatNumbers } from "./report/table.ts";
import { takeTurns } from "./turns.ts";

const FLAGS: readonly Flag[] = [
  ...LAYER_FLAGS,
  { name: "threads", value: "n", description: "default: one per core" },
  { name: "backend", value: "name", description: "auto, native or wasm; default auto" },
  { name: "json", description: "print the figures as JSON" },
];

const DEFAULT_SECONDS = 1;

/** The first call of a layer should take no longer than this beyond what any call takes. */
const GOAL_SECONDS = 50e-3;

/** What the look at the weights may cost where each weight is used often. */
const GOAL_CHECK = 0.03;
const OFTEN = 200;

/** Seconds, but for the last two. */
interface WarmUp {
  readonly name: string;
  readonly first: number;
  readonly second: number;
  /** Medians of later calls. */
  readonly unfrozen: number;
  readonly frozen: number;
  /** How much longer a call takes that is not frozen, in proportion. */
  readonly check: number;
  /** Multiplications per weight. */
  readonly uses: number;
}

await runBenchmark(
  "Times the first calls of each layer, and frozen against unfrozen ones.",
  FLAGS,
  timeWarmUps,
);

async function timeWarmUps(args: Arguments): Promise<number> {
  const layers = chosenLayers(args);
  const seconds = chosenSeconds(args, DEFAULT_SECONDS);
  const threads = integerFlag(args, "threads", 1, MOST_THREADS);
  const backend = chosenBackend(args);
  using engine = new Engine({ backend, ...(threads === undefined ? {} : { threads }) });
  await engine.ready;
  const processStart = firstCallOfAll(engine);
  const rows: WarmUp[] = [];
  {
    using progress = startProgress("layers", layers.length, consoleTerminal());
    for (const layer of layers) {
      rows.push(await timeLayer(layer, engine, seconds));
      progress.advance();
    }
  }
  console.log(
    args.switches.has("json")
      ? formatJson({ ...targetOf(backend), threads: engine.threads, processStart, layers: rows })
      : formatWarmUps(rows, engine, processStart),
  );
  return 0;
}

/** The smallest of layers, so that code which every layer needs is not charged to the first in the table. */
function firstCallOfAll(engine: Engine): number {
  const layer = new Conv2d(1, 1, 1, { engine });
  const input = Tensor.ones([1, 1, 1, 1]);
  return secondsOf(() => layer.forwardSync(input).data);
}

async function timeLayer(bench: BenchLayer, engine: Engine, seconds: number): Promise<WarmUp> {
  const { flop, weight, input: values } = problemOf(bench);
  const input = new Tensor(values, bench.inputShape);
  const unfrozen = bench.build({ engine, seed: WEIGHT_SEED });
  const frozen = bench.build({ engine, seed: WEIGHT_SEED }).freeze();
  const first = secondsOf(() => unfrozen.forwardSync(input).data);
  const second = secondsOf(() => unfrozen.forwardSync(input).data);
  const [unfrozenTurns = [], frozenTurns = []] = await takeTurns([
    () => unfrozen.forwardSync(input).data,
    () => frozen.forwardSync(input).data,
  ], seconds);
  return {
    name: bench.name,
    first,
    second,
    unfrozen: median(unfrozenTurns),
    frozen: median(frozenTurns),
    check: medianRatio(unfrozenTurns, frozenTurns) - 1,
    uses: flop / 2 / weight.length,
  };
}

function secondsOf(call: () => unknown): number {
  const start = performance.now();
  call();
  return (performance.now() - start) / 1e3;
}

function formatWarmUps(
  rows: readonly WarmUp[],
  { backend, threads }: Engine,
  processStart: number,
): string {
  const milliseconds = (seconds: number) => (seconds * 1e3).toFixed(seconds < 10e-3 ? 3 : 1);
  const titles = [
    "layer",
    "first ms",
    "second ms",
    "later ms",
    "first - later",
    "frozen ms",
    "check",
    "uses per weight",
  ];
  const cells = rows.map(({ name, first, second, unfrozen, frozen, check, uses }) => [
    name,
    milliseconds(first),
    milliseconds(second),
    milliseconds(unfrozen),
    milliseconds(first - unfrozen),
    milliseconds(frozen),
    `${(100 * check).toFixed(1)} %`,
    uses.toFixed(0),
  ]);
  const slow = rows.filter(({ first, unfrozen }) => first - unfrozen > GOAL_SECONDS);
  const dear = rows.filter(({ check, uses }) => uses >= OFTEN && check > GOAL_CHECK);
  return [
    `Backend: ${describeTarget(targetOf(backend))}; threads: ${threads}.`,
    `The very first call of the process took ${milliseconds(processStart)} ms.`,
    formatNumbers(titles, cells, 1),
    describe(
      slow,
      `first calls that take over ${milliseconds(GOAL_SECONDS)} ms more than later ones`,
    ),
    describe(dear, `checks over ${100 * GOAL_CHECK} % with ${OFTEN} uses per weight or more`),
  ].join("\n\n");
}

function describe(rows: readonly WarmUp[], what: string): string {
  return `${rows.length} of ${what}${rows.map(({ name }) => `\n  ${name}`).join("")}`;
}
