import { assert, assertEquals, assertFalse } from "@std/assert";
import { TestFolder } from "../_folder.ts";
import { serveToNpm } from "./_npm_registry.ts";
import { resultsOfPage } from "./_page.ts";
import { RESULTS, USER_MODULE } from "./_user.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

const TOOLS = ["@oven/bun-linux-x64@1.4.5", "esbuild@0.28.2", "typescript@7.0.2", "vite@8.3.8"];
const BUN = "node_modules/@oven/bun-linux-x64/bin/bun";
const COMPILER = "node_modules/.bin/tsc";
const SERVER_BUNDLER = "node_modules/.bin/esbuild";
const BUNDLER = "node_modules/.bin/vite";

/** Browsers as Debian calls them. */
const BROWSER = "chromium";

/** What the strictest of users compile with; the types of packages are checked, too. */
const STRICT = [
  "--strict",
  "--exactOptionalPropertyTypes",
  "--noUncheckedIndexedAccess",
  "--rewriteRelativeImportExtensions",
  "--types",
  "",
  "--target",
  "es2022",
  "--lib",
  "es2022,dom",
];

/** The files of a project that uses the package: a program, and a page that tells its server what came out. */
const PROJECT = {
  "package.json": JSON.stringify({ type: "module", private: true }),
  "user.ts": USER_MODULE,
  "program.ts": `
import { compute } from "./user.ts";
console.log(JSON.stringify(await compute()));
`,
  "page.ts": `
import { compute } from "./user.ts";
const results = await compute().catch(String);
await fetch("/results", { method: "POST", body: JSON.stringify(results) });
`,
  "index.html": `<!doctype html><title>Page</title><script type="module" src="/page.ts"></script>`,
};

/** Runs a program and gives what it printed. */
async function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  const command = new Deno.Command(program, { args: [...args], cwd, env: { NO_COLOR: "1" } });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  const out = decoder.decode(stdout);
  if (success) return out;
  throw new Error(`${program} ${args.join(" ")} failed:\n${out}${decoder.decode(stderr)}`);
}

function has(program: string): boolean {
  try {
    return new Deno.Command(program, { args: ["--version"] }).outputSync().success;
  } catch {
    return false;
  }
}

/** Makes the package as it is published, and serves it. */
async function servePackage(folder: TestFolder): Promise<Deno.HttpServer<Deno.NetAddr>> {
  const tool = ["run", "--lock=deno.lock", "--frozen", "-A", ".ci/packages/npm.ts", folder.path];
  await run(Deno.execPath(), tool, ROOT);
  const manifest = JSON.parse(Deno.readTextFileSync(folder.file("package/package.json")));
  const tarball = folder.names().find((name) => name.endsWith(".tgz")) ?? "";
  return serveToNpm(Deno.readFileSync(folder.file(tarball)), manifest);
}

/** Makes a project that gets the package from the registry, and all others from where they come. */
function makeProject(folder: TestFolder, { addr }: Deno.HttpServer<Deno.NetAddr>): void {
  const scope = `@tileconv:registry=http://127.0.0.1:${addr.port}/\n`;
  for (const [name, text] of Object.entries({ ...PROJECT, ".npmrc": scope })) {
    Deno.writeTextFileSync(folder.file(name), text);
  }
}

Deno.test({
  name: "The package for npm runs in a project that installs it",
  ignore: Deno.build.os !== "linux" || Deno.build.arch !== "x86_64" || !has("npm"),
  fn: async (t) => {
    using published = new TestFolder();
    await using registry = await servePackage(published);
    using folder = new TestFolder();
    makeProject(folder, registry);
    const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
    await run("npm", ["install", ...flags, "@tileconv/conv", ...TOOLS], folder.path);

    for (const [module, resolution] of [["nodenext", "nodenext"], ["esnext", "bundler"]]) {
      await t.step(`compiled with its types, resolved as by ${resolution}`, async () => {
        const modules = ["--module", `${module}`, "--moduleResolution", `${resolution}`];
        const args = ["--ignoreConfig", "--outDir", "built", ...STRICT, ...modules, "program.ts"];
        await run(folder.file(COMPILER), args, folder.path);
      });
    }

    await t.step("in Node.js", async () => {
      const printed = await run("node", ["built/program.js"], folder.path);
      assertEquals(JSON.parse(printed), RESULTS);
    });

    await t.step("in Bun, installed by itself", async () => {
      using project = new TestFolder();
      makeProject(project, registry);
      const bun = folder.file(BUN);
      await run(bun, ["add", "@tileconv/conv"], project.path);
      assertEquals(JSON.parse(await run(bun, ["program.ts"], project.path)), RESULTS);
    });

    await t.step("bundled by esbuild with the names of functions, in Node.js", async () => {
      const flags = ["--bundle", "--minify", "--keep-names", "--format=esm", "--platform=node"];
      const args = ["program.ts", ...flags, "--outfile=bundled.mjs"];
      await run(folder.file(SERVER_BUNDLER), args, folder.path);
      const printed = await run("node", ["bundled.mjs"], folder.path);
      assertEquals(JSON.parse(printed), RESULTS);
    });

    await t.step("bundled by Vite, with neither questions nor machine code", async () => {
      await run(folder.file(BUNDLER), ["build"], folder.path);
      const assets = [...Deno.readDirSync(folder.file("dist/assets"))];
      assertEquals(assets.length, 1);
      const text = Deno.readTextFileSync(folder.file(`dist/assets/${assets[0]?.name}`));
      assert(text.includes("/results"));
      assertFalse(text.includes("browser-external"));
      assert(text.includes("another host than a browser"));
      assertFalse(text.includes("with AVX2 and FMA"));
    });

    await t.step({
      name: `bundled by Vite, in ${BROWSER}`,
      ignore: !has(BROWSER),
      fn: async () => {
        assertEquals(await resultsOfPage(folder.file("dist"), BROWSER), RESULTS);
      },
    });
  },
});
