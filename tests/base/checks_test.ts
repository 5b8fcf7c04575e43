import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import {
  checkChoice,
  checkInteger,
  checkOptionNames,
  describe,
  describeBytes,
  describeExcess,
  describeShape,
  nearestName,
} from "../../src/base/checks.ts";

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
  const inItself: unknown[] = [1];
  inItself.push(inItself);
  assertEquals(describe(inItself), "[1, [1, [1, [...]]]]");
});

Deno.test("describeBytes() chooses a unit", () => {
  assertEquals(
    [12, 1023, 2048, 3.5 * 2 ** 20, 2 ** 40].map(describeBytes),
    ["12 bytes", "1023 bytes", "2.00 KiB", "3.50 MiB", "1.00 TiB"],
  );
  assertEquals([999, 1000, 1023].map((size) => describeBytes(size * 1024)), [
    "999 KiB",
    "0.977 MiB",
    "0.999 MiB",
  ]);
});

Deno.test("describeExcess() writes as many digits as tell the amounts apart", () => {
  const limit = 16 * 2 ** 30;
  assertEquals(describeExcess(2 * limit, limit), "32.0 GiB, more than the 16.0 GiB");
  assertEquals(describeExcess(limit * 1.001, limit), "16.02 GiB, more than the 16.00 GiB");
  for (const more of [4, 1000, 2 ** 20, 2 ** 26]) {
    const [excess, bound] = describeExcess(limit + more, limit).split(", more than the ");
    assertNotEquals(excess, bound);
  }
});

Deno.test("Whole numbers beyond 2^53 are shown as they are, and refused as too large", () => {
  assertEquals([2 ** 55, -(2 ** 55), 2 ** 53 - 1, 1e21, 0.5].map(describe), [
    "36028797018963968",
    "-36028797018963968",
    "9007199254740991",
    "1e+21",
    "0.5",
  ]);
  assertEquals(describeShape([1, 2 ** 55]), "[1, 36028797018963968]");
  assertThrows(
    () => checkInteger("X", "seed", 2 ** 55, 0),
    RangeError,
    "X: seed must be at most 9007199254740991, but is 36028797018963968",
  );
});

Deno.test("nearestName() takes a name that is cut short before one that is misspelt", () => {
  const names = ["--in-channels", "--kernel-size", "--padding", "--padding-mode", "--seed", "same"];
  const cases: Readonly<Record<string, string | undefined>> = {
    "--kernel": "--kernel-size",
    "--Kernel_S": "--kernel-size",
    "--pad": "--padding",
    "--seeds": "--seed",
    smae: "same",
    "--": undefined,
    "": undefined,
    "--frobnicate": undefined,
  };
  for (const [name, nearest] of Object.entries(cases)) {
    assertEquals(nearestName(name, names), nearest, name);
  }
});

Deno.test("checkChoice() says which word was probably meant", () => {
  assertThrows(
    () => checkChoice("X", "mode", "reflct", ["zeros", "reflect"]),
    RangeError,
    'X: mode must be one of "zeros", "reflect", but is "reflct", did you mean "reflect"?',
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
