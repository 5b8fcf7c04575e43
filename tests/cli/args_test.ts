import { assertEquals, assertThrows } from "@std/assert";
import type { Flag } from "../../src/cli/args.ts";
import { parseArguments } from "../../src/cli/args.ts";
import { UsageError } from "../../src/cli/usage_error.ts";

const FLAGS: readonly Flag[] = [
  { name: "stride", value: "sizes", description: "" },
  { name: "bias", value: "file", description: "" },
  { name: "no-bias", description: "" },
  { name: "input", value: "file", repeatable: true, description: "" },
  { name: "json", description: "" },
];

Deno.test("parseArguments() tells words, values and switches apart", () => {
  const { positionals, values, switches } = parseArguments(
    ["conv2d", "--stride", "2,1", "--no-bias", "7", "--bias=b.npy"],
    FLAGS,
  );
  assertEquals(positionals, ["conv2d", "7"]);
  assertEquals([...values], [["stride", "2,1"], ["bias", "b.npy"]]);
  assertEquals([...switches], ["no-bias"]);
});

Deno.test("parseArguments() takes a negative number for a value, not for a flag", () => {
  assertEquals(parseArguments(["--stride", "-1,2"], FLAGS).values.get("stride"), "-1,2");
  assertEquals(parseArguments(["--", "--stride", "-1"], FLAGS).positionals, ["--stride", "-1"]);
});

Deno.test("parseArguments() refuses a flag that is there twice, unless it may be", () => {
  assertThrows(
    () => parseArguments(["--stride=1", "--stride", "2"], FLAGS),
    UsageError,
    'Option "--stride" is there twice',
  );
  const { lists } = parseArguments(["--input", "a", "b", "--input=c"], FLAGS);
  assertEquals([...lists], [["input", ["a", "c"]]]);
  assertEquals([...parseArguments(["--json", "--json"], FLAGS).switches], ["json"]);
});

Deno.test("parseArguments() takes a dash for a word or a value, and all behind -- for words", () => {
  const { positionals, values } = parseArguments(["-", "--bias", "-", "--", "--json", "--"], FLAGS);
  assertEquals(positionals, ["-", "--json", "--"]);
  assertEquals([...values], [["bias", "-"]]);
});

Deno.test("parseArguments() takes a value as it is, with spaces, equals signs and line breaks", () => {
  for (const value of ["a=b=c", " ", "a\nb", "=", "ü 🙂", "-1", "-.5", "--x".slice(2)]) {
    assertEquals(parseArguments([`--bias=${value}`], FLAGS).values.get("bias"), value);
    assertEquals(parseArguments(["--bias", value], FLAGS).values.get("bias"), value);
  }
  assertEquals(parseArguments(["--bias=--json"], FLAGS).values.get("bias"), "--json");
});

Deno.test("parseArguments() refuses a value of a flag that takes none", () => {
  for (const value of ["", "false", "true"]) {
    assertThrows(
      () => parseArguments([`--json=${value}`], FLAGS),
      UsageError,
      `Option "--json" takes no value, but has "${value}"`,
    );
  }
});

Deno.test("parseArguments() names an unknown flag and the one that was probably meant", () => {
  const cases: readonly [string[], string][] = [
    [["--strid", "2"], 'Unknown option "--strid", did you mean "--stride"?'],
    [["--Stride=2"], 'Unknown option "--Stride", did you mean "--stride"?'],
    [["--str", "2"], 'Unknown option "--str", did you mean "--stride"?'],
    [["--s=2"], 'Unknown option "--s", did you mean "--stride"?'],
    [["-in", "x"], 'Unknown option "-in", did you mean "--input"?'],
    [["---json"], 'Unknown option "---json", did you mean "--json"?'],
    [["--="], 'Unknown option "--"'],
    [["--jsn"], 'Unknown option "--jsn", did you mean "--json"?'],
    [["--frobnicate"], 'Unknown option "--frobnicate"'],
    [["-x"], 'Unknown option "-x"'],
    [["--no-json"], 'Unknown option "--no-json"'],
    [["--__proto__", "1"], 'Unknown option "--__proto__"'],
  ];
  for (const [args, message] of cases) {
    assertThrows(() => parseArguments(args, FLAGS), UsageError, message);
  }
});

Deno.test("parseArguments() misses the value of a flag that needs one", () => {
  for (
    const args of [
      ["--stride"],
      ["--stride", "--json"],
      ["--stride", ""],
      ["--stride="],
      ["--stride", "--", "2"],
      ["--stride", "-x"],
    ]
  ) {
    assertThrows(() => parseArguments(args, FLAGS), UsageError, 'Option "--stride" needs a value');
  }
});
