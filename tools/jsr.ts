/**
 * Publishes the package to JSR, by `deno publish` from a folder that has the published files alone. The standard
 * library is named as JSR names it there; the checkout has it from a mirror on npm, where only that can be reached.
 *
 * ```sh
 * deno task jsr            # asks in the browser whether it may
 * deno task jsr --dry-run  # what deno publish takes
 * ```
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };

const ROOT = new URL("../", import.meta.url);

const PUBLISHED = ["mod.ts", "src", "workers", "README.md", "LICENSE"];

/** The major version of the standard library's packages that the mirror has. */
const STANDARD_LIBRARY = 1;

/** A package as JSR has it: the standard library's from there, all others as they are. */
function published([name, specifier]: [string, string]): [string, string] {
  const [, library, path = ""] = name.match(/^(@std\/[^/]+)(\/.+)?$/) ?? [];
  return [name, library === undefined ? specifier : `jsr:${library}@${STANDARD_LIBRARY}${path}`];
}

async function copy(from: string, to: string): Promise<void> {
  if (!(await Deno.stat(from)).isDirectory) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) await copy(`${from}/${name}`, `${to}/${name}`);
}

async function writePackage(folder: string): Promise<void> {
  for (const name of PUBLISHED) await copy(new URL(name, ROOT).pathname, `${folder}/${name}`);
  const { name, version, license, exports, compilerOptions } = config;
  const imports = Object.fromEntries(Object.entries(config.imports).map(published));
  const description = { name, version, license, exports, imports, compilerOptions };
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(description, null, 2) + "\n");
}

const folder = await Deno.makeTempDir({ prefix: "tileconv-" });
try {
  await writePackage(folder);
  const args = ["publish", ...Deno.args];
  const { code } = await new Deno.Command(Deno.execPath(), { args, cwd: folder }).spawn().status;
  Deno.exitCode = code;
} finally {
  await Deno.remove(folder, { recursive: true });
}
