import { assertEquals } from "@std/assert";
import { hasRelaxedSimd, hasSimd } from "../../../src/codegen/wasm/features.ts";

Deno.test("hasSimd() and hasRelaxedSimd() are true on V8, which has both", () => {
  assertEquals([hasSimd(), hasRelaxedSimd()], [true, true]);
});

Deno.test("hasSimd() and hasRelaxedSimd() offer modules that differ, and believe what is said of them", () => {
  const offered: string[] = [];
  for (const says of [true, false]) {
    const validate = (module: Uint8Array<ArrayBuffer>) => {
      offered.push(String(module));
      return says;
    };
    assertEquals([hasSimd(validate), hasRelaxedSimd(validate)], [says, says]);
  }
  const [simd, relaxed, ...again] = offered;
  assertEquals(new Set(offered).size, 2);
  assertEquals(again, [simd, relaxed]);
});
