import { median } from "../../src/base/numbers.ts";
import { assertEquals } from "@std/assert";
import {
  formatFields,
  formatJson,
  formatSeconds,
  formatTable,
  gigaflops,
} from "../../src/cli/report.ts";

Deno.test("formatFields() aligns the values", () => {
  assertEquals(formatFields([["a", "1"], ["long", "2"]]), "a     1\nlong  2");
});

Deno.test("formatFields() keeps a value in its line, and from commanding the terminal", () => {
  const value = "a\n b\x1b[31mc\x9bd\u2028e\x7f";
  assertEquals(formatFields([["file", value]]), "file  a b [31mc d e ");
});

Deno.test("formatTable() makes every column as wide as its widest cell", () => {
  assertEquals(formatTable(["a", "b"], [["long", "1"]]), "a     b\n----  -\nlong  1");
});

Deno.test("formatJson() keeps lists of numbers on one line and texts as they are", () => {
  const figures = { shape: [1, 2], none: [], text: "[ 1,  2 ]\n", nested: [{ shape: [-1.5e-7] }] };
  const json = formatJson(figures);
  assertEquals(JSON.parse(json), figures);
  assertEquals(json.split("\n").slice(0, 3), ["{", '  "shape": [1, 2],', '  "none": [],']);
});

Deno.test("formatSeconds() chooses the unit", () => {
  assertEquals([12.34, 1.234, 0.1234, 0.001234, 0.0001234].map(formatSeconds), [
    "12.3 s",
    "1.23 s",
    "123 ms",
    "1.23 ms",
    "123 µs",
  ]);
});

Deno.test("gigaflops() counts a multiply-add as two operations", () => {
  assertEquals(gigaflops(3e9, 2), 3);
  assertEquals(gigaflops(0, 0), 0);
});

Deno.test("median() is the middle, or the mean of the middle two", () => {
  assertEquals(median([3, 1, 2]), 2);
  assertEquals(median([10, 1, 2, 3]), 2.5);
});
