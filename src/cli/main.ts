/**
 * The command line: runs layers over files of arrays, filters and enlarges pictures, converts, compares and shows files, says how a
 * layer is computed, checks layers against their definition, and draws a demonstration.
 *
 * ```sh
 * deno run --allow-read --allow-write src/cli/main.ts --help
 * ```
 *
 * @example
 * ```ts
 * import { main } from "@tileconv/conv/cli";
 * import { assertEquals } from "@std/assert";
 *
 * const printed: string[] = [];
 * const exitCode = await main(["version"], {
 *   print: (text) => printed.push(text),
 *   warn: (text) => console.error(text),
 * });
 * assertEquals([exitCode, printed.length], [0, 1]);
 * ```
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };
import { didYouMean } from "../base/checks.ts";
import { END_OF_FLAGS, parseArguments } from "./args.ts";
import type { Command, Output } from "./command.ts";
import { commandHelp, PROGRAM, programHelp } from "./help.ts";
import { consoleTerminal } from "./progress.ts";
import { printable } from "./report.ts";
import { printLine } from "./standard_streams.ts";
import { UsageError } from "./usage_error.ts";
import { enterUserFolder } from "./user_folder.ts";
import { checkNoMore, chooseWord } from "./values.ts";

export type { Output } from "./command.ts";
export type { Terminal } from "./progress.ts";

/** The commands by name, in the order of the help text. One that is neither run nor explained is not even loaded. */
const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ["run", async () => (await import("./commands/run.ts")).runCommand],
  ["shape", async () => (await import("./commands/shape.ts")).shapeCommand],
  ["explain", async () => (await import("./commands/explain.ts")).explainCommand],
  ["filter", async () => (await import("./commands/filter.ts")).filterCommand],
  ["upscale", async () => (await import("./commands/upscale.ts")).upscaleCommand],
  ["convert", async () => (await import("./commands/convert.ts")).convertCommand],
  ["compare", async () => (await import("./commands/compare.ts")).compareCommand],
  ["show", async () => (await import("./commands/show.ts")).showCommand],
  ["infer", async () => (await import("./commands/infer.ts")).inferCommand],
  ["layers", async () => (await import("./commands/layers.ts")).layersCommand],
  ["check", async () => (await import("./commands/check.ts")).checkCommand],
  ["info", async () => (await import("./commands/info.ts")).infoCommand],
  ["demo", async () => (await import("./commands/demo.ts")).demoCommand],
  ["train", async () => (await import("./commands/train.ts")).trainCommand],
]);

const CONSOLE: Output = {
  print: printLine,
  warn: (text) => console.error(text),
  terminal: consoleTerminal(),
};

/**
 * Runs a command line.
 *
 * @param args The arguments behind the program's name.
 * @param output Where to write. Default: the console.
 * @returns The exit code: 0 if all went well, 1 if something failed, 2 if the arguments are wrong. Every
 * error is one line on standard error.
 */
export async function main(args: readonly string[], output: Output = CONSOLE): Promise<number> {
  return await reported(output, () => dispatch(args, output));
}

/** Does what may fail; every error is one line on standard error. */
async function reported(output: Output, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    output.warn(`error: ${printable(message)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

const HELP: readonly string[] = ["help", "--help", "-h"];

const VERSION: readonly string[] = ["version", "--version", "-V"];

async function dispatch([first, ...rest]: readonly string[], output: Output): Promise<number> {
  if (first !== undefined && VERSION.includes(first)) {
    checkNoMore({ positionals: rest }, 0);
    output.print(`${PROGRAM} ${config.version}`);
    return 0;
  }
  if (first !== undefined && HELP.includes(first)) {
    output.print(await helpOf(rest));
    return 0;
  }
  const command = await findCommand(first);
  const flags = rest.includes(END_OF_FLAGS) ? rest.slice(0, rest.indexOf(END_OF_FLAGS)) : rest;
  if (flags.some((arg) => arg === "--help" || arg === "-h")) {
    output.print(commandHelp(command));
    return 0;
  }
  return await command.run(parseArguments(rest, command.flags), output);
}

async function helpOf(positionals: readonly string[]): Promise<string> {
  checkNoMore({ positionals }, 1);
  const [word] = positionals;
  return word === undefined || HELP.includes(word)
    ? programHelp(await Promise.all(Array.from(COMMANDS.values(), (load) => load())))
    : commandHelp(await findCommand(word));
}

/** @throws {UsageError} If there is no command of this name. */
async function findCommand(word: string | undefined): Promise<Command> {
  const names = [...COMMANDS.keys()];
  if (word?.startsWith("-")) {
    const hint = didYouMean(word, ["--help", "--version"]);
    throw new UsageError(
      hint === ""
        ? `Name a command before the option "${word}": ${names.join(", ")}`
        : `Unknown option "${word}"${hint}`,
    );
  }
  if (word !== undefined && !COMMANDS.has(word) && await isLayer(word)) {
    throw new UsageError(`Unknown command "${word}", did you mean "run ${word}"?`);
  }
  const name = chooseWord("command", word, names, ["help", "version"]);
  const load = COMMANDS.get(name);
  if (load === undefined) throw new Error(`Command "${name}" is not in the list it came from`);
  return await load();
}

async function isLayer(word: string): Promise<boolean> {
  const { isLayerName } = await import("./layer_options.ts");
  return isLayerName(word);
}

if (import.meta.main) {
  Deno.exitCode = await reported(CONSOLE, () => {
    enterUserFolder();
    return dispatch(Deno.args, CONSOLE);
  });
}
