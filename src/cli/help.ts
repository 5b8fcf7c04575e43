import type { Flag } from "./args.ts";
import type { Command } from "./command.ts";

/** How the program is called in help texts. */
export const PROGRAM = "tileconv";

/** The help text of a command. */
export function commandHelp({ name, summary, usage, flags, notes }: Command): string {
  return [
    `${summary}.`,
    `Usage: ${PROGRAM} ${name} ${usage}`,
    describeFlags([...flags, { name: "help", description: "show this text" }]),
    notes,
  ].join("\n\n");
}

/** The help text of the program. */
export function programHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    "Convolutions on the CPU, on all its cores.",
    `Usage: ${PROGRAM} <command> [options]`,
    `Commands:\n${lines.join("\n")}`,
    `"${PROGRAM} help <command>" says more. In a checkout, write "deno task cli" for "${PROGRAM}".\n` +
    "Exit codes: 0 done, 1 failed, 2 wrong usage.",
  ].join("\n\n");
}

function describeFlags(flags: readonly Flag[]): string {
  const terms = flags.map(({ name, value }) => `--${name}${value ? ` <${value}>` : ""}`);
  const width = Math.max(...terms.map((term) => term.length));
  const lines = flags.map(({ description }, index) =>
    `  ${(terms[index] ?? "").padEnd(width)}  ${description}`
  );
  return `Options:\n${lines.join("\n")}`;
}
