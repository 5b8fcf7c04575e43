import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runJson, runMain } from "../_cli.ts";

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
  assertEquals(phases.at(-1).name, "convolve");
});

Deno.test("explain names the backend and its instructions", async () => {
  const { out } = await runMain(...LAYER, "--backend", "wasm");
  assertMatch(out, /^backend +wasm \(WebAssembly SIMD\)$/m);
  const { backend, instructionSet } = await runJson(...LAYER, "--backend", "wasm");
  assertEquals([backend, instructionSet], ["wasm", "wasm"]);
});

Deno.test("explain --asm lists the programs and their bytes", async () => {
  const wasm = [...LAYER, "--algorithm", "direct", "--backend", "wasm"];
  const plain = await runMain(...wasm);
  const { code, out } = await runMain(...wasm, "--asm");
  assertEquals(code, 0);
  assert(out.startsWith(plain.out.trimEnd()));
  assert(!plain.out.includes("load 4 "));
  assertMatch(out, /^convolve: direct .*\n\n(.+\n)+\n000000 {2}00 61 73 6d/m);
  assertMatch(out, /^ *v\d+ = load 4 p\d+\[\d+\]$/m);
  assertMatch(out, /^ *v\d+ \+= v\d+ \* v\d+$/m);
});

Deno.test("explain --asm lists the code of the backend that runs", async () => {
  const { phases, backend } = JSON.parse((await runMain(...LAYER, "--asm", "--json")).out);
  for (const { programs, listings } of phases) {
    assertEquals(listings.map(({ program }: { program: string }) => program), programs);
    for (const { instructions, bytes } of listings) {
      assertStringIncludes(instructions, "store ");
      assertEquals(bytes.startsWith("000000  00 61 73 6d"), backend === "wasm");
    }
  }
});

Deno.test("explain --json lists code only with --asm", async () => {
  const { out } = await runMain(...LAYER, "--json");
  assert(!out.includes("listings"));
});

Deno.test("explain wants an input shape", async () => {
  const { code, err } = await runMain("explain", "conv2d");
  assertEquals(code, 2);
  assertStringIncludes(err, "--input-shape");
});
