import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { missingForNative } from "../../src/engine/backend.ts";
import { writePng } from "../../src/io/pictures/png.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { TestFolder } from "../_folder.ts";
import { IS_X64_LINUX } from "../codegen/_native.ts";
import { runMain, spawnMain } from "./_cli.ts";

const COMMANDS = ["run", "shape", "explain", "filter", "check", "info", "demo", "train"];

Deno.test("--help of the program and of every command goes through a pipe", async () => {
  const endings = await Promise.all(
    [[], ...COMMANDS.map((name) => [name])].map((args) => spawnMain([...args, "--help"])),
  );
  endings.forEach(({ code, out, err }, index) => {
    assertEquals([code, err], [0, ""]);
    assertStringIncludes(out, `Usage: tileconv ${COMMANDS[index - 1] ?? "<command>"}`);
  });
  for (const name of COMMANDS) assertStringIncludes(endings[0]?.out ?? "", `\n  ${name} `);
});

Deno.test("--help lists every flag, also behind wrong ones, and -h is short for it", async () => {
  const { code, out } = await runMain("run", "--stride", "--nonsense", "-h");
  assertEquals(code, 0);
  for (
    const flag of ["--input <x.npy>", "--no-bias", "--padding-mode <mode>", "--json", "--help"]
  ) {
    assertStringIncludes(out, `\n  ${flag} `);
  }
});

Deno.test("No line of any help text is wider than 100 characters", async () => {
  for (const args of [[], ...COMMANDS.map((name) => [name])]) {
    const { out } = await runMain(...args, "--help");
    assertEquals(out.split("\n").filter((line) => line.length > 100), []);
  }
});

Deno.test("help and version are words and flags", async () => {
  for (const word of ["--version", "-V", "version"]) {
    assertEquals((await runMain(word)).out, `tileconv ${config.version}\n`);
  }
  const program = (await runMain("--help")).out;
  for (const args of [["help"], ["-h"], ["help", "help"], ["help", "--help"]]) {
    assertEquals(await runMain(...args), { code: 0, out: program, err: "" });
  }
  for (const name of COMMANDS) {
    const command = await runMain(name, "--help");
    assertStringIncludes(command.out, `Usage: tileconv ${name} `);
    assertEquals(await runMain("help", name), command);
    assertEquals(await runMain("--help", name), command);
  }
  const { code, err } = await runMain("help", "filtr");
  assertEquals([code, err], [2, 'error: Unknown command "filtr", did you mean "filter"?\n']);
});

Deno.test("A wrong command or flag is one line on standard error and exit code 2", async () => {
  const cases: readonly [string[], string][] = [
    [
      [],
      "Name a command: run, shape, explain, filter, upscale, convert, compare, show, infer, layers, check, info, demo or train",
    ],
    [["rum"], 'Unknown command "rum", did you mean "run"?'],
    [["--json", "info"], 'Name a command before the option "--json": run, shape,'],
    [["-x"], 'Name a command before the option "-x"'],
    [["-v"], 'Unknown option "-v", did you mean "--version"?'],
    [["--hepl"], 'Unknown option "--hepl", did you mean "--help"?'],
    [["hlep"], 'Unknown command "hlep", did you mean "help"?'],
    [["verison"], 'Unknown command "verison", did you mean "version"?'],
    [["fold"], 'Unknown command "fold", expected run,'],
    [["info", "--thread", "2"], 'Unknown option "--thread", did you mean "--threads"?'],
    [["info", "--threads", "0"], 'Option "--threads" must be at least 1, but is 0'],
    [
      ["check", "--backend", "nonsense"],
      'Option "--backend" must be auto, wasm or native, but is "nonsense"',
    ],
    [["info", "more"], 'Unexpected argument "more"'],
    [
      ["check", "--count", "many"],
      'Option "--count" needs a whole number such as 2, but has "many"',
    ],
    [["demo", "--out"], 'Option "--out" needs a value'],
  ];
  for (const [args, message] of cases) {
    const { code, out, err } = await runMain(...args);
    assertEquals([code, out], [2, ""]);
    assertMatch(err, /^error: [^\n]+\n$/);
    assertStringIncludes(err, message);
  }
});

/** A line for every command that starts an engine, with little to do. */
async function engineCommands(folder: TestFolder): Promise<readonly string[][]> {
  const picture = folder.file("a.png");
  await writePng(picture, { pixels: Tensor.ones([1, 4, 4]), bitDepth: 8 });
  const layer = ["conv1d", "--input-shape", "1,4", "--kernel-size", "3", "--out-channels", "1"];
  return [
    ["run", ...layer],
    ["explain", ...layer],
    ["filter", "edges", picture, folder.file("b.png")],
    ["check", "--count", "1"],
    ["info"],
    ["demo", "--out", folder.file("demo")],
  ];
}

Deno.test("--backend wasm works everywhere, without a permission for machine code", async () => {
  using folder = new TestFolder();
  for (const args of await engineCommands(folder)) {
    const { code, out, err } = await spawnMain([...args, "--backend", "wasm"]);
    assertEquals([code, err], [0, ""], args[0]);
    assertMatch(out, /\bwasm\b/);
  }
});

Deno.test("--backend native without its permission is one line, exit code 1, and no file", async () => {
  using folder = new TestFolder();
  const commands = await engineCommands(folder);
  const before = folder.names();
  for (const args of commands) {
    const { code, out, err } = await spawnMain([...args, "--backend", "native"]);
    assertEquals([code, out], [1, ""], args[0]);
    assertMatch(err, /^error: Engine: backend "native" needs [^\n]+\n$/);
    if (IS_X64_LINUX) assertStringIncludes(err, "needs the permission --allow-ffi\n");
  }
  assertEquals(folder.names(), before);
});

Deno.test({
  name: "--backend native works with its permission",
  ignore: missingForNative() !== null,
  async fn() {
    const args = ["check", "--count", "2", "--backend", "native"];
    const { code, out, err } = await spawnMain(args, ".", ["--allow-ffi"]);
    assertEquals([code, err], [0, ""]);
    assertMatch(out, /, native \(AVX(2|-512)\)\n$/);
  },
});

Deno.test("The tasks of a checkout grant what machine code needs", () => {
  for (const task of [config.tasks.cli, config.tasks.demo]) {
    assertStringIncludes(task, " --allow-ffi ");
  }
});

Deno.test("The process ends with the command's exit code", async () => {
  assertEquals((await spawnMain(["shape", "conv2d"])).code, 2);
});
