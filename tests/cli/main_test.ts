import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { runMain, spawnMain } from "./_cli.ts";

const COMMANDS = ["run", "shape", "explain", "filter", "check", "info", "demo"];

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

Deno.test("--version prints the package's version", async () => {
  assertEquals((await runMain("--version")).out, `tileconv ${config.version}\n`);
});

Deno.test("A wrong command or flag is one line on standard error and exit code 2", async () => {
  const cases: readonly [string[], string][] = [
    [[], "Name a command: run, shape, explain, filter, check, info or demo"],
    [["rum"], 'Unknown command "rum", did you mean "run"?'],
    [["fold"], 'Unknown command "fold", expected run,'],
    [["info", "--thread", "2"], 'Unknown option "--thread", did you mean "--threads"?'],
    [["info", "--threads", "0"], 'Option "--threads" must be at least 1, but is 0'],
    [["info", "more"], 'Unexpected argument "more"'],
    [["check", "--count", "many"], 'Option "--count" needs whole numbers'],
    [["demo", "--out"], 'Option "--out" needs a value'],
  ];
  for (const [args, message] of cases) {
    const { code, out, err } = await runMain(...args);
    assertEquals([code, out], [2, ""]);
    assertMatch(err, /^error: [^\n]+\n$/);
    assertStringIncludes(err, message);
  }
});

Deno.test("The process ends with the command's exit code", async () => {
  assertEquals((await spawnMain(["shape", "conv2d"])).code, 2);
});
