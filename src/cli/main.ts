/**
 * The command line: runs layers over `.npy` files, filters PNG pictures, checks the layers against their
 * definition and shows what the machine offers.
 *
 * ```sh
 * deno run --allow-read --allow-write src/cli/main.ts --help
 * ```
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };
import { parseArguments } from "./args.ts";
import { checkCommand } from "./commands/check.ts";
import type { Command, Output } from "./command.ts";
import { demoCommand } from "./commands/demo.ts";
import { explainCommand } from "./commands/explain.ts";
import { filterCommand } from "./commands/filter.ts";
import { commandHelp, PROGRAM, programHelp } from "./help.ts";
import { infoCommand } from "./commands/info.ts";
import { consoleTerminal } from "./progress.ts";
import { runCommand } from "./commands/run.ts";
import { shapeCommand } from "./commands/shape.ts";
import { UsageError } from "./usage_error.ts";
import { chooseWord } from "./values.ts";

export type { Output } from "./command.ts";
export type { Terminal } from "./progress.ts";

const COMMANDS: readonly Command[] = [
  runCommand,
  shapeCommand,
  explainCommand,
  filterCommand,
  checkCommand,
  infoCommand,
  demoCommand,
];

const CONSOLE: Output = {
  print: (text) => console.log(text),
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
  try {
    return await dispatch(args, output);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    output.warn(`error: ${message.replaceAll(/\s*\n\s*/g, " ")}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function dispatch([first, ...rest]: readonly string[], output: Output): Promise<number> {
  if (first === "--version" || first === "-V") {
    output.print(`${PROGRAM} ${config.version}`);
    return 0;
  }
  if (first === "--help" || first === "-h") {
    output.print(programHelp(COMMANDS));
    return 0;
  }
  const name = chooseWord("command", first, COMMANDS.map((command) => command.name));
  const command = COMMANDS.find((command) => command.name === name);
  if (command === undefined) throw new Error(`Command "${name}" is not in the list it came from`);
  if (rest.some((arg) => arg === "--help" || arg === "-h")) {
    output.print(commandHelp(command));
    return 0;
  }
  return await command.run(parseArguments(rest, command.flags), output);
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
