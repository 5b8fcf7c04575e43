import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { TestFolder } from "../_folder.ts";
import { HOSTS } from "./hosts.ts";
import { agrees, digestOf } from "./recorded.ts";
import { runSuite } from "./suite.ts";

const ALL_LINES = Deno.readTextFileSync(new URL("recorded.jsonl", import.meta.url))
  .trim().split("\n");

/** A few of the records, spread over them. */
const LINES = ALL_LINES.filter((_, index) => index % 24 === 0);

Deno.test("The README names the runtimes that the layers are computed in, and how many those are", () => {
  const readme = Deno.readTextFileSync(new URL("../../README.md", import.meta.url));
  const [, platforms = ""] = readme.split("## Platforms");
  assertStringIncludes(platforms, ` ${ALL_LINES.length} recorded layers`);
  for (const { id, name } of HOSTS) {
    const [family = ""] = name.split(",");
    const [version = ""] = /\d+$/.exec(id) ?? [];
    assertMatch(platforms, new RegExp(`\\| ${family} [^|]*\\b${version}`));
  }
});

Deno.test("agrees() finds one wrong value, and two that have changed places", () => {
  const values = Float32Array.from({ length: 1000 }, (_, index) => Math.sin(index));
  const digest = digestOf(values);
  assert(agrees(values, digest));
  for (const [index, wrong] of [[0, 0.01], [500, NaN], [999, 0]]) {
    assert(!agrees(values.with(index ?? 0, wrong ?? 0), digest));
  }
  const exchanged = values.with(4, values[8] ?? 0).with(8, values[4] ?? 0);
  assert(!agrees(exchanged, digest));
  assert(!agrees(values.subarray(1), digest));
  assert(agrees(new Float32Array(), digestOf([])));
});

Deno.test("runSuite() computes all layers, and says which are not as they are recorded", async () => {
  using folder = new TestFolder();
  const { faults, ...report } = await runSuite(LINES.join("\n"), folder.path);
  assertEquals(faults, []);
  assertEquals([report.layers, report.right], [LINES.length, LINES.length]);
  const wrong = LINES.map((line) => {
    const recorded = JSON.parse(line);
    return JSON.stringify({ ...recorded, weightGradient: digestOf([1]) });
  });
  const found = await runSuite(wrong.join("\n"), folder.path);
  assertEquals([found.right, found.faults.length], [0, LINES.length]);
  for (const fault of found.faults) assertStringIncludes(fault, "weightGradient: line ");
});
