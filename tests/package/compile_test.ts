import { assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { TestFolder } from "../_folder.ts";
import { RESULTS, USER_MODULE } from "./_user.ts";

const ROOT = new URL("../../", import.meta.url);

/** Makes one file of a program and all that it imports; whether it could be made. */
function compile(folder: TestFolder, program: string): boolean {
  Deno.writeTextFileSync(folder.file("program.ts"), program);
  const options = ["--quiet", "--no-check", "--config", folder.file("deno.json")];
  const { success } = new Deno.Command(Deno.execPath(), {
    args: ["compile", ...options, "--output", folder.file("program"), folder.file("program.ts")],
    cwd: folder.path,
    stdin: "null",
  }).outputSync();
  return success;
}

/** Whether the runtime that `deno compile` puts into a program can be had; it is fetched from where Deno is. */
function hasRuntime(): boolean {
  using folder = new TestFolder();
  Deno.writeTextFileSync(folder.file("deno.json"), "{}");
  return compile(folder, "console.log();");
}

Deno.test({
  name: "A program of deno compile computes, on two threads and without any permission",
  ignore: !hasRuntime(),
  fn: () => {
    using folder = new TestFolder();
    const entries = Object.entries(config.exports).map(([name, path]) =>
      [config.name + name.slice(1), new URL(path, ROOT).href] as const
    );
    const imports = { ...config.imports, ...Object.fromEntries(entries) };
    Deno.writeTextFileSync(folder.file("deno.json"), JSON.stringify({ imports }));
    const made = compile(folder, `${USER_MODULE}\nconsole.log(JSON.stringify(await compute()));\n`);
    assertEquals(made, true);
    const { stdout } = new Deno.Command(folder.file("program"), { stdin: "null" }).outputSync();
    assertEquals(JSON.parse(new TextDecoder().decode(stdout)), RESULTS);
  },
});
