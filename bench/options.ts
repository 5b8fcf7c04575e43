import { type Arguments, type Flag, parseArguments } from "../src/cli/args.ts";
import { UsageError } from "../src/cli/usage_error.ts";
import {
  checkNoMore,
  choiceFlag,
  chooseWord,
  integersFlag,
  numberFlag,
} from "../src/cli/values.ts";
import { compilerFor } from "../src/engine/backend.ts";
import { availableBackends, type Backend, BACKENDS } from "./backends.ts";
import { type BenchLayer, KINDS, LAYERS } from "./layers.ts";

/** The flags that choose layers. */
export const LAYER_FLAGS: readonly Flag[] = [
  { name: "filter", value: "text", description: "only layers with this in their name" },
  { name: "kind", value: "kind", description: `only layers of one kind: ${KINDS.join(", ")}` },
];

const SECONDS_FLAG: Flag = {
  name: "seconds",
  value: "n",
  description: "how long the turns of each row of the tables go on",
};

/** Most threads of an engine. */
export const MOST_THREADS = 256;
const MOST_SECONDS = 3600;

/**
 * Runs a benchmark with the arguments of the process: prints the help text or the message of a usage
 * error, and sets the exit code.
 *
 * @param about What the program does, in a sentence.
 * @param flags What it knows besides `--seconds`.
 * @param run Returns the exit code.
 */
export async function runBenchmark(
  about: string,
  flags: readonly Flag[],
  run: (args: Arguments) => Promise<number>,
): Promise<void> {
  const known = [...flags, SECONDS_FLAG];
  if (Deno.args.some((arg) => arg === "--help" || arg === "-h")) {
    const terms = known.map(({ name, value }) => `--${name}${value ? ` <${value}>` : ""}`);
    const width = Math.max(...terms.map((term) => term.length));
    const lines = known.map(({ description }, index) =>
      `  ${(terms[index] ?? "").padEnd(width)}  ${description}`
    );
    console.log([about, "", "Options:", ...lines].join("\n"));
    return;
  }
  try {
    const args = parseArguments(Deno.args, known);
    checkNoMore(args, 0);
    Deno.exitCode = await run(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`error: ${error.message}`);
    Deno.exitCode = 2;
  }
}

/**
 * The layers that a command line asks for, those of one kind side by side.
 *
 * @param layers What it can choose from.
 * @throws {UsageError} If there are none.
 */
export function chosenLayers(
  args: Arguments,
  layers: readonly BenchLayer[] = LAYERS,
): readonly BenchLayer[] {
  const kind = choiceFlag(args, "kind", KINDS);
  const text = args.values.get("filter")?.toLowerCase() ?? "";
  const chosen = KINDS.filter((candidate) => kind === undefined || candidate === kind)
    .flatMap((kind) => layers.filter((layer) => layer.kind === kind))
    .filter(({ name }) => name.toLowerCase().includes(text));
  if (chosen.length === 0) throw new UsageError(`No layer has "${text}" in its name`);
  return chosen;
}

/** The seconds that a command line gives the turns of each row. */
export function chosenSeconds(args: Arguments, usual: number): number {
  return numberFlag(args, SECONDS_FLAG.name, 0, MOST_SECONDS) ?? usual;
}

/**
 * The numbers of threads that a command line asks for, in rising order.
 *
 * @throws {UsageError} If one is out of range.
 */
export function chosenThreads(args: Arguments, usual: readonly number[]): readonly number[] {
  const counts = integersFlag(args, "threads") ?? usual;
  for (const count of counts) {
    if (count >= 1 && count <= MOST_THREADS) continue;
    throw new UsageError(
      `Option "--threads" must have numbers from 1 to ${MOST_THREADS}, but has ${count}`,
    );
  }
  return [...new Set(counts)].toSorted((a, b) => a - b);
}

/**
 * The backends that a command line asks for with `--backends`, in its order.
 *
 * @returns Those, or all that can be had here.
 * @throws {UsageError} If one is unknown or cannot be had.
 */
export function chosenBackends({ values }: Arguments): readonly Backend[] {
  const words = values.get("backends")?.split(",");
  if (words === undefined) return availableBackends();
  return [...new Set(words.map((word) => checkedBackend(chooseWord("backend", word, BACKENDS))))];
}

/**
 * The backend that a command line asks for with `--backend`.
 *
 * @returns That, or the fastest that can be had here.
 * @throws {UsageError} If it is unknown or cannot be had.
 */
export function chosenBackend(args: Arguments): Backend {
  const chosen = choiceFlag(args, "backend", ["auto", ...BACKENDS]) ?? "auto";
  return chosen === "auto" ? availableBackends()[0] ?? "wasm" : checkedBackend(chosen);
}

/** A backend that can be had here. */
function checkedBackend(backend: Backend): Backend {
  try {
    compilerFor(backend);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
  return backend;
}

/**
 * The peers that a command line asks for with `--peers`.
 *
 * @param names What it can choose from.
 * @throws {UsageError} If none has one of the words in its name.
 */
export function chosenPeers(
  { values }: Arguments,
  names: readonly string[],
): readonly string[] {
  const parts = values.get("peers")?.split(",");
  if (parts === undefined) return names;
  if (parts.length === 1 && parts[0] === "none") return [];
  for (const part of parts) {
    if (names.some((name) => name.includes(part))) continue;
    throw new UsageError(`No peer has "${part}" in its name`);
  }
  return names.filter((name) => parts.some((part) => name.includes(part)));
}
