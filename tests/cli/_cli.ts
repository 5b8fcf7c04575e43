import { compilerFor } from "../../src/engine/backend.ts";
import { main } from "../../src/cli/main.ts";

/** What a command line printed and how it ended. */
export interface Ending {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const ENTRY = new URL("../../src/cli/main.ts", import.meta.url).href;

/** Processes without machine code round as this one does: what they compute is compared bit for bit. */
const ROUNDING = compilerFor("wasm").target.fusesMultiplyAdd
  ? []
  : [`--preload=${new URL("../_unfused.ts", import.meta.url).href}`];

/** Runs a command line in this process. */
export async function runMain(...args: readonly string[]): Promise<Ending> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await main(args, {
    print: (text) => void out.push(`${text}\n`),
    warn: (text) => void err.push(`${text}\n`),
  });
  return { code, out: out.join(""), err: err.join("") };
}

/**
 * Runs a command line as a process of its own, which may read and write but never ask for anything
 * else: it has no machine code.
 *
 * @param args What follows the program's name.
 * @param cwd The folder that it runs in.
 * @param more Permissions that it has besides, as flags.
 * @param env Variables of its environment.
 */
export async function spawnMain(
  args: readonly string[],
  cwd?: string,
  more: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Ending> {
  const rounding = more.includes("--allow-ffi") ? [] : ROUNDING;
  const permissions = ["--no-prompt", "--allow-read", "--allow-write", ...more];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...rounding, ...permissions, ENTRY, ...args],
    env: { NO_COLOR: "1", ...env },
    ...(cwd === undefined ? {} : { cwd }),
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/**
 * Runs a line of a shell, in which `tileconv` is the program as {@linkcode spawnMain} starts it.
 *
 * @param line The line.
 * @param cwd The folder that it runs in.
 */
export async function runShell(line: string, cwd: string): Promise<Ending> {
  const tileconv = [
    `"${Deno.execPath()}" run --no-prompt --allow-read --allow-write`,
    ...ROUNDING,
    `"${ENTRY}"`,
  ].join(" ");
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", line.replaceAll("tileconv", () => tileconv)],
    env: { NO_COLOR: "1" },
    cwd,
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** The figures that a command line printed with `--json`. */
export async function runJson(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await runMain(...args, "--json");
  if (code !== 0) throw new Error(err);
  const figures: unknown = JSON.parse(out);
  if (typeof figures !== "object" || figures === null) throw new Error(`No object: ${out}`);
  return Object.fromEntries(Object.entries(figures));
}
