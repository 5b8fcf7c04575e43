import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { hasRelaxedSimd, hasSimd } from "../../../src/codegen/wasm/features.ts";
import { compilerFor, missingForNative } from "../../../src/engine/backend.ts";
import { IS_X64_LINUX } from "../../codegen/_native.ts";
import { runJson, runMain, spawnMain } from "../_cli.ts";

Deno.test("info prints what the layers run on", async () => {
  const figures = await runJson("info", "--threads", "1");
  assertEquals(figures["deno"], Deno.version.deno);
  assertEquals(figures["threads"], 1);
  const { name } = compilerFor("auto").target;
  assertEquals(figures["backend"], name === "wasm" ? "wasm" : "native");
  assertEquals(figures["instructionSet"], name);
  assertEquals(figures["missingForNative"], missingForNative());
  assertEquals([figures["simd"], figures["relaxedSimd"]], [hasSimd(), hasRelaxedSimd()]);
  const { out } = await runMain("info");
  for (
    const name of ["deno", "platform", "threads", "backend", "vectors", "memory", "permissions"]
  ) {
    assertMatch(out, new RegExp(`^${name} +\\S`, "m"));
  }
});

Deno.test("info says what native code needs, where it is not used", async () => {
  const { code, out, err } = await spawnMain(["info"]);
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /^backend +wasm \(WebAssembly SIMD\); native code needs .+$/m);
  assertMatch(out, /^vectors +128 bits/m);
  if (IS_X64_LINUX) {
    assertStringIncludes(out, "native code needs the permission --allow-ffi\n");
  }
});

Deno.test({
  name: "info says that native code is used, or that it was not asked for",
  ignore: missingForNative() !== null,
  async fn() {
    const [auto, wasm] = await Promise.all(
      ["auto", "wasm"].map((name) => spawnMain(["info", "--backend", name], ".", ["--allow-ffi"])),
    );
    assertMatch(auto?.out ?? "", /^backend +native \(AVX(2|-512)\)$/m);
    assertMatch(auto?.out ?? "", /^vectors +(256|512) bits, fused multiply-add$/m);
    assertMatch(wasm?.out ?? "", /^backend +wasm \(WebAssembly SIMD\), as asked for$/m);
  },
});
