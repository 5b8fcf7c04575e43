import { assertEquals, assertStringIncludes } from "@std/assert";
import { runMain } from "./_cli.ts";

const LAYER = [
  "explain",
  "conv2d",
  "--input-shape",
  "1,32,14,14",
  "--out-channels",
  "32",
  "--kernel-size",
  "3",
  "--padding",
  "1",
];

Deno.test("explain names the kernel family, the layout and the tiles", async () => {
  const { code, out } = await runMain(...LAYER, "--algorithm", "direct");
  assertEquals(code, 0);
  assertStringIncludes(out, "direct");
  assertStringIncludes(out, "padded");
  assertStringIncludes(out, "tiles");
});

Deno.test("explain names the algorithm that is chosen", async () => {
  const { code, out } = await runMain(...LAYER);
  assertEquals(code, 0);
  assertStringIncludes(out, "winograd");
});

Deno.test("explain --json prints the same as data", async () => {
  const { code, out } = await runMain(...LAYER, "--groups", "32", "--json");
  assertEquals(code, 0);
  const { family, pieces, phases } = JSON.parse(out);
  assertEquals(family, "depthwise");
  assertEquals(pieces, 1);
  assertEquals(phases.map(({ name }: { name: string }) => name), ["pad", "convolve"]);
});

Deno.test("explain wants an input shape", async () => {
  const { code, err } = await runMain("explain", "conv2d");
  assertEquals(code, 2);
  assertStringIncludes(err, "--input-shape");
});
