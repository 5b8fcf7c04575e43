import { assertEquals, assertThrows } from "@std/assert";
import type { Flag } from "../../src/cli/args.ts";
import { parseArguments } from "../../src/cli/args.ts";
import { UsageError } from "../../src/cli/usage_error.ts";

const FLAGS: readonly Flag[] = [
  { name: "stride", value: "sizes", description: "" },
  { name: "bias", value: "file", description: "" },
  { name: "no-bias", description: "" },
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

Deno.test("parseArguments() lets the last of a repeated flag count", () => {
  assertEquals(parseArguments(["--stride=1", "--stride", "2"], FLAGS).values.get("stride"), "2");
});

Deno.test("parseArguments() names an unknown flag and the one that was probably meant", () => {
  const cases: readonly [string[], string][] = [
    [["--strid", "2"], 'Unknown option "--strid", did you mean "--stride"?'],
    [["--Stride=2"], 'Unknown option "--Stride", did you mean "--stride"?'],
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
  for (const args of [["--stride"], ["--stride", "--json"], ["--stride", ""]]) {
    assertThrows(() => parseArguments(args, FLAGS), UsageError, 'Option "--stride" needs a value');
  }
});
