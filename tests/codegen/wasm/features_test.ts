import { assert, assertEquals } from "@std/assert";
import { fusesMultiplyAdd, hasRelaxedSimd, hasSimd } from "../../../src/codegen/wasm/features.ts";

const FEATURES = [hasSimd, hasRelaxedSimd, fusesMultiplyAdd];

Deno.test("hasSimd() and hasRelaxedSimd() are true on V8, which has both", () => {
  assertEquals([hasSimd(), hasRelaxedSimd()], [true, true]);
});

Deno.test("No feature is there where its module is refused", () => {
  assertEquals(FEATURES.map((feature) => feature(() => false)), [false, false, false]);
});

Deno.test("hasSimd() and hasRelaxedSimd() offer a module each, which differ by what is relaxed", () => {
  const offered = [hasSimd, hasRelaxedSimd].map((feature) => {
    let text = "";
    assert(feature((module) => {
      text = String(module);
      return true;
    }));
    return text;
  });
  // `f32x4.relaxed_madd`.
  assertEquals(offered.map((module) => module.includes("253,133,2")), [false, true]);
});
