/**
 * Runtimes that are a program: Deno, Node.js, Bun.
 *
 * @module
 */

import {
  bunProgram,
  install,
  type Missing,
  nodeProgram,
  type PackagedProgram,
} from "../../bench/runtimes/programs.ts";
import type { Backend } from "../../mod.ts";
import { type Host, LIMIT_MS, type Run, type SuiteFiles } from "./host.ts";

/** How a runtime is started, and what the engines are asked to run in it. */
export interface Start {
  readonly flags: readonly string[];
  readonly backend: Backend;
}

/** As a user does who knows of nothing. */
const PLAIN: Start = { flags: [], backend: "auto" };

/** Deno itself, with some permissions. */
export function denoHost(id: string, start: Start = PLAIN): Host {
  const flags = ["run", "--no-prompt", "--allow-read", "--allow-write", ...start.flags];
  const run = (files: SuiteFiles) => runProgram(Deno.execPath(), { ...start, flags }, files);
  return { id, name: "Deno", run };
}

/** A Node.js of npm. */
export function nodeHost(version: string, start: Start = PLAIN): Host {
  const id = `node${version.split(".")[0]}`;
  return { id, name: "Node.js", run: (files) => runPackage(nodeProgram(version), start, files) };
}

/** The Bun of npm. */
export function bunHost(version: string, start: Start = PLAIN): Host {
  return { id: "bun", name: "Bun", run: (files) => runPackage(bunProgram(version), start, files) };
}

async function runPackage(
  packaged: PackagedProgram,
  start: Start,
  files: SuiteFiles,
): Promise<Run | Missing> {
  const program = await install(packaged, files.folder);
  return typeof program === "string" ? await runProgram(program, start, files) : program;
}

/** Prints the report. */
function mainModule({ folder, module, records }: SuiteFiles, backend: Backend): string {
  return `import { readFile } from "node:fs/promises";
import { runSuite } from "./${module}";
const records = await readFile(new URL("./${records}", import.meta.url), "utf8");
console.log(JSON.stringify(await runSuite(records, ${JSON.stringify(folder)}, "${backend}")));
`;
}

/** Runs the suite with a program that runs modules. */
export async function runProgram(
  program: string,
  { flags, backend }: Start,
  files: SuiteFiles,
): Promise<Run> {
  const main = `${files.folder}/main.mjs`;
  await Deno.writeTextFile(main, mainModule(files, backend));
  const version = await outputOf(program, ["--version"]);
  const report = await outputOf(program, [...flags, main]);
  return { version: /\d+\.\d+\.\d+/.exec(version)?.[0] ?? version, report: JSON.parse(report) };
}

/** What a program prints before it ends by itself. */
async function outputOf(program: string, args: readonly string[]): Promise<string> {
  const child = new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  let isLate = false;
  const limit = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, LIMIT_MS);
  const { success, stdout, stderr } = await child.output();
  clearTimeout(limit);
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (isLate) throw new Error(`It does not end by itself in ${LIMIT_MS / 1000} s. ${out}${err}`);
  if (!success) throw new Error(`${out}${err}`);
  return out ?? "";
}
