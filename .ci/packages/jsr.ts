/**
 * Publishes the package to JSR, by `deno publish` from a folder that has the published files alone. The standard
 * library is named as JSR names it there; the checkout has it from a mirror on npm, where only that can be reached.
 *
 * ```sh
 * deno task jsr                # asks in the browser whether it may
 * deno task jsr --token TOKEN  # also says what the package is, and which runtimes it is for
 * deno task jsr --dry-run      # whatever else deno publish takes
 * ```
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };
import { DESCRIPTION } from "./description.ts";

const ROOT = new URL("../../", import.meta.url);

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

/** What no file of the package can say, a request each. */
const SETTINGS = [
  { description: DESCRIPTION },
  { runtimeCompat: { browser: true, bun: true, deno: true, node: true } },
];

/** Says on JSR what the package is, and which runtimes it is for. */
async function describePackage(token: string): Promise<void> {
  const registry = Deno.env.get("JSR_URL") ?? "https://jsr.io/";
  const [scope, name] = config.name.slice(1).split("/");
  const url = new URL(`api/scopes/${scope}/packages/${name}`, registry);
  for (const setting of SETTINGS) {
    const { ok, status } = await fetch(url, {
      method: "PATCH",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(setting),
    });
    if (!ok) throw new Error(`${url} answered ${status} to ${Object.keys(setting)}`);
  }
}

/** The token among the arguments, unless nothing is published. */
function tokenOf(args: readonly string[]): string | null {
  if (args.includes("--dry-run") || !args.includes("--token")) return null;
  return args[args.indexOf("--token") + 1] ?? null;
}

const folder = await Deno.makeTempDir({ prefix: "tileconv-" });
try {
  await writePackage(folder);
  const args = ["publish", ...Deno.args];
  const { code } = await new Deno.Command(Deno.execPath(), { args, cwd: folder }).spawn().status;
  const token = tokenOf(Deno.args);
  if (code === 0 && token !== null) await describePackage(token);
  Deno.exitCode = code;
} finally {
  await Deno.remove(folder, { recursive: true });
}
