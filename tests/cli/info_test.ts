import { assertEquals, assertMatch } from "@std/assert";
import { hasRelaxedSimd, hasSimd } from "../../src/cli/wasm_features.ts";
import { runJson, runMain } from "./_cli.ts";

Deno.test("info prints what the layers run on", async () => {
  const figures = await runJson("info", "--threads", "1");
  assertEquals(figures["deno"], Deno.version.deno);
  assertEquals(figures["threads"], 1);
  assertEquals(typeof figures["backend"], "string");
  assertEquals([figures["simd"], figures["relaxedSimd"]], [hasSimd(), hasRelaxedSimd()]);
  const { out } = await runMain("info");
  for (const name of ["deno", "platform", "threads", "vectors", "memory", "permissions"]) {
    assertMatch(out, new RegExp(`^${name} +\\S`, "m"));
  }
});

Deno.test("hasSimd() and hasRelaxedSimd() are true on V8, which has both", () => {
  assertEquals([hasSimd(), hasRelaxedSimd()], [true, true]);
});
