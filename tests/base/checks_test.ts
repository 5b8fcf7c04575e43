import { assertEquals, assertThrows } from "@std/assert";
import { checkOptionNames, describe, describeBytes } from "../../src/base/checks.ts";

Deno.test("describe() tells values apart that print alike", () => {
  assertEquals(
    ["3", 3, 3n, null, undefined, [1, "2", [3]], {}, new Float32Array(1), () => 1].map(describe),
    [
      '"3"',
      "3",
      "3n",
      "null",
      "undefined",
      '[1, "2", [3]]',
      "an object",
      "a value of type Float32Array",
      "a function",
    ],
  );
});

Deno.test("describe() keeps long values short", () => {
  assertEquals(describe("x".repeat(100)).length, 62);
  assertEquals(describe(new Array(100).fill(0)), "[0, 0, 0, 0, 0, 0, 0, 0, ...]");
  assertEquals(describe(Object.create(null)), "an object");
});

Deno.test("describeBytes() chooses a unit", () => {
  assertEquals(
    [12, 2048, 3.5 * 2 ** 20, 2 ** 40].map(describeBytes),
    ["12 bytes", "2.00 KiB", "3.50 MiB", "1.00 TiB"],
  );
});

Deno.test("checkOptionNames() suggests a name only if it is near", () => {
  const message = (name: string): string => {
    const names = ["stride", "outputPadding", "seed"];
    const error: unknown = assertThrows(() => checkOptionNames("X", { [name]: 1 }, names));
    return error instanceof TypeError ? error.message : "";
  };
  const list = "(valid options: stride, outputPadding, seed)";
  assertEquals(message("strides"), `X: unknown option "strides", did you mean "stride"? ${list}`);
  assertEquals(message("OUTPUT_PADDING").includes('did you mean "outputPadding"?'), true);
  assertEquals(message("groups"), `X: unknown option "groups" ${list}`);
});
