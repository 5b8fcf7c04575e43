/**
 * Makes the package for npm: modules and their types as TypeScript's own compiler writes them, one by one and
 * with nothing in them that is not this project's, and the tarball of it all. The command line is not in it: it
 * is a program for Deno.
 *
 * ```sh
 * deno task npm          # npm/package and npm/tileconv-conv-0.1.0.tgz
 * deno task npm FOLDER
 * ```
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };
import { DESCRIPTION } from "./description.ts";

const ROOT = new URL("../../", import.meta.url);
const COMPILER = "npm:typescript@7.0.2/tsc";

/** Entry points that only Deno can run. */
const FOR_DENO = ["./cli"];

/** What bundlers are to put in the place of what no browser can use; relative to the root, without endings. */
const IN_BROWSERS: Readonly<Record<string, string>> = {
  "./src/engine/native": "./src/engine/no_native",
};

/** An import of something that is in no file of this package. */
const BARE_IMPORT = /^(?:import|export) [^;"]* from "([^".][^"]*)";$/gm;

/** A module of this package as the compiler names it in types; in modules it names them right. */
const TYPED_MODULE = /((?:from |import\()"\.[^"]*)\.ts"/g;

/** What is beside the modules. */
const PAGES = ["README.md", "LICENSE"];

/** The entry points by name, with the modules that they are. */
function entryPoints(): [name: string, module: string][] {
  return Object.entries(config.exports).filter(([name]) => !FOR_DENO.includes(name));
}

/** Runs a program that belongs to the work; what it prints is shown if it fails. */
async function run(program: string, args: readonly string[], cwd: string): Promise<void> {
  const command = new Deno.Command(program, { args: [...args], cwd });
  const { success, stdout, stderr } = await command.output();
  if (success) return;
  const decoder = new TextDecoder();
  console.error(decoder.decode(stdout) + decoder.decode(stderr));
  throw new Error(`${program} ${args.join(" ")} failed`);
}

/**
 * Writes the modules that can be reached from the entry points, and their types. They are not checked here:
 * `deno check` has done it, with the types that the runtime really has.
 */
async function compile(folder: string): Promise<void> {
  const work = await Deno.makeTempDir({ prefix: "tileconv-" });
  try {
    const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["types"] }).output();
    await Deno.writeFile(`${work}/deno.d.ts`, stdout);
    const modules = [
      ...entryPoints().map(([, module]) => module),
      ...Object.values(IN_BROWSERS).map((path) => `${path}.ts`),
    ].map((path) => new URL(path, ROOT).pathname);
    const project = {
      compilerOptions: {
        ...config.compilerOptions,
        declaration: true,
        lib: ["esnext"],
        module: "esnext",
        moduleResolution: "bundler",
        noCheck: true,
        outDir: folder,
        rewriteRelativeImportExtensions: true,
        rootDir: ROOT.pathname,
        // Private members and static blocks as they are: every runtime with WebAssembly SIMD has them.
        target: "es2022",
        types: [],
      },
      files: [`${work}/deno.d.ts`, ...modules],
    };
    await Deno.writeTextFile(`${work}/tsconfig.json`, JSON.stringify(project));
    const lock = ["--lock=deno.lock", "--frozen"];
    await run(Deno.execPath(), ["run", "-A", ...lock, COMPILER, "-p", work], ROOT.pathname);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** The files of a folder and of those in it whose names end in something. */
async function* filesOf(folder: string, ending: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* filesOf(path, ending);
    else if (name.endsWith(ending)) yield path;
  }
}

/** Tells compilers that are set to an older language what a type is made of. */
const DISPOSABLE = '/// <reference lib="esnext.disposable" />\n';

/** Makes the types fit for others: they name modules as they are called now, and the language that they need. */
async function adaptTypes(folder: string): Promise<void> {
  for await (const path of filesOf(folder, ".d.ts")) {
    const types = (await Deno.readTextFile(path)).replace(TYPED_MODULE, '$1.js"');
    const needed = types.includes("Symbol.dispose") ? DISPOSABLE : "";
    await Deno.writeTextFile(path, needed + types);
  }
}

/** The packages that the modules import, with the versions that they were tested with, and later ones. */
async function dependencies(folder: string): Promise<Record<string, string>> {
  const found = new Map<string, string>();
  for await (const path of filesOf(folder, ".js")) {
    const text = await Deno.readTextFile(path);
    for (const [, name = ""] of text.matchAll(BARE_IMPORT)) {
      if (name.startsWith("node:")) continue;
      const source = Object.entries(config.imports).find(([known]) => known === name)?.[1] ?? "";
      const version = source.match(`^npm:${name}@(.+)$`)?.[1];
      if (version === undefined) throw new Error(`${path} imports "${name}", which npm has not`);
      found.set(name, `^${version}`);
    }
  }
  return Object.fromEntries([...found].sort());
}

/** What npm, runtimes and bundlers are told. */
async function describePackage(folder: string): Promise<Record<string, unknown>> {
  const exports = entryPoints().map(([name, module]) => {
    const path = module.replace(/\.ts$/, "");
    return [name, { types: `${path}.d.ts`, default: `${path}.js` }] as const;
  });
  const browser = Object.entries(IN_BROWSERS).map(([path, other]) => [`${path}.js`, `${other}.js`]);
  return {
    name: config.name,
    version: config.version,
    description: DESCRIPTION,
    keywords: ["convolution", "conv2d", "neural-network", "onnx", "simd", "webassembly"],
    license: config.license,
    type: "module",
    sideEffects: false,
    engines: { node: ">=20" },
    exports: { ...Object.fromEntries(exports), "./package.json": "./package.json" },
    browser: Object.fromEntries(browser),
    dependencies: await dependencies(folder),
  };
}

/**
 * Makes the package.
 *
 * @param folder Where `package/` and the tarball are to lie; what was there of them is replaced.
 */
async function makePackage(folder: string): Promise<void> {
  const content = `${folder}/package`;
  await Deno.remove(content, { recursive: true }).catch((error: unknown) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(content, { recursive: true });
  await compile(content);
  await adaptTypes(content);
  const description = await describePackage(content);
  await Deno.writeTextFile(`${content}/package.json`, JSON.stringify(description, null, 2) + "\n");
  for (const page of PAGES) await Deno.copyFile(new URL(page, ROOT), `${content}/${page}`);
  await run("npm", ["pack", "--silent", "--pack-destination", folder, content], folder);
}

const folder = Deno.args[0] ?? new URL("npm", ROOT).pathname;
await Deno.mkdir(folder, { recursive: true });
await makePackage(await Deno.realPath(folder));
