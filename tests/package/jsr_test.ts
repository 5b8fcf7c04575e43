import { assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { TestFolder } from "../_folder.ts";
import { JsrRegistry } from "./_jsr_registry.ts";
import { RESULTS, USER_MODULE } from "./_user.ts";

/** An import of the standard library, wherever it comes from. */
const STANDARD_IMPORT = /^(?:import|export) [^;"]* from "([^"]*(?:@std\/|deno-std)[^"]*)";$/gm;

const ROOT = new URL("../../", import.meta.url);

/** Runs Deno with a registry in JSR's place, and gives what it printed. */
async function deno(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  const out = decoder.decode(stdout);
  if (success) return out;
  throw new Error(`deno ${args.join(" ")} failed:\n${out}${decoder.decode(stderr)}`);
}

Deno.test("The package on JSR runs where it is imported, without any permission", async (t) => {
  await using registry = new JsrRegistry();
  using cache = new TestFolder();
  using folder = new TestFolder();
  const env = { JSR_URL: registry.url, DENO_DIR: cache.path };
  const publish = [
    ".ci/packages/jsr.ts",
    "--token",
    "none",
    "--allow-dirty",
    "--no-check",
    "--quiet",
  ];
  await deno(["run", "-A", "--no-lock", ...publish], ROOT.pathname, { JSR_URL: registry.url });

  await t.step("names the standard library as JSR does", () => {
    const decoder = new TextDecoder();
    const names = [...registry.filesOf(config.name)].flatMap(([path, bytes]) =>
      path.endsWith(".ts") ? [...decoder.decode(bytes).matchAll(STANDARD_IMPORT)] : []
    ).map(([, name]) => name);
    assertEquals(names, ["jsr:@std/cli@1/parse-args"]);
  });

  await t.step("marks its runtimes", () => {
    const runtimes = { browser: true, bun: true, deno: true, node: true };
    assertEquals(registry.settings["runtimeCompat"], runtimes);
  });

  const write = (name: string, text: string) => Deno.writeTextFileSync(folder.file(name), text);
  write(
    "deno.json",
    JSON.stringify({ imports: { [config.name]: `jsr:${config.name}@${config.version}` } }),
  );

  await t.step("computes", async () => {
    write("user.ts", USER_MODULE);
    write(
      "program.ts",
      `import { compute } from "./user.ts";\nconsole.log(JSON.stringify(await compute()));\n`,
    );
    const printed = await deno(["run", "--no-prompt", "--check", "program.ts"], folder.path, env);
    assertEquals(JSON.parse(printed), RESULTS);
  });

  for (const name of Object.keys(config.exports)) {
    await t.step(`has the entry point ${name}`, async () => {
      const specifier = config.name + name.slice(1);
      write(
        "import.ts",
        `import * as all from "${specifier}";\nconsole.log(Object.keys(all).length > 0);\n`,
      );
      assertEquals(await deno(["run", "--no-prompt", "import.ts"], folder.path, env), "true\n");
    });
  }
});
