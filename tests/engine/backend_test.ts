import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { AVX2_TARGET, AVX512_TARGET, WASM_TARGET } from "../../src/codegen/target.ts";
import { compilerFor, missingForNative, setAutomaticTarget } from "../../src/engine/backend.ts";
import { Engine } from "../../src/engine/engine.ts";
import { relativeError } from "../../src/convolution/formula.ts";
import { Conv2d } from "../../src/layers/conv.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { nativeTargets } from "../codegen/_native.ts";
import { runProgram } from "../_program.ts";

const NATIVE = nativeTargets();
const HAS_NATIVE = NATIVE.length > 0;
const MOD = new URL("../../mod.ts", import.meta.url).href;

/** What a program prints of the engines it can have. */
const BACKENDS = `
import { Engine } from "${MOD}";
const backendOf = (backend) => {
  try {
    using engine = new Engine({ threads: 2, backend });
    return engine.backend;
  } catch (error) {
    return error.message;
  }
};
console.log(["auto", "wasm", "native"].map(backendOf).join("\\n"));
`;

Deno.test("Engine takes WebAssembly without permission, and says what native code needs", async () => {
  for (const flag of ["--no-prompt", "--allow-read", "--quiet"]) {
    const { code, out, err } = await runProgram(BACKENDS, [flag]);
    const [auto, wasm, native] = out.split("\n");
    assertEquals({ code, err, auto, wasm }, { code: 0, err: "", auto: "wasm", wasm: "wasm" });
    assertStringIncludes(native ?? "", 'Engine: backend "native" needs ');
    if (HAS_NATIVE) assertStringIncludes(native ?? "", "the permission --allow-ffi");
  }
});

Deno.test({
  name: "Engine takes native code where it may, and WebAssembly where it is asked for",
  ignore: !HAS_NATIVE,
  async fn() {
    const { code, out, err } = await runProgram(BACKENDS, ["--allow-ffi"]);
    assertEquals({ code, out, err }, { code: 0, out: "native\nwasm\nnative\n", err: "" });
  },
});

Deno.test({
  name: "The best instruction set of the processor is taken, or the one that is set",
  ignore: !HAS_NATIVE,
  fn() {
    setAutomaticTarget(null);
    try {
      assertEquals(compilerFor("auto").target, NATIVE.at(-1));
      setAutomaticTarget(AVX2_TARGET);
      assertEquals(compilerFor("auto").target, AVX2_TARGET);
      assertEquals(compilerFor("native").target, AVX2_TARGET);
      assertEquals(compilerFor("wasm").target, WASM_TARGET);
      setAutomaticTarget(WASM_TARGET);
      assertEquals(compilerFor("auto").target, WASM_TARGET);
    } finally {
      setAutomaticTarget(null);
    }
  },
});

Deno.test("missingForNative() says what keeps native code away, if anything", () => {
  const missing = missingForNative();
  assertEquals(missing === null, HAS_NATIVE);
  if (missing !== null) assertThrows(() => compilerFor("native"), Error, `needs ${missing}`);
});

Deno.test("An instruction set that the processor does not have is refused", () => {
  if (NATIVE.includes(AVX512_TARGET)) return;
  setAutomaticTarget(AVX512_TARGET);
  try {
    assertThrows(() => compilerFor("native"), Error, "needs ");
  } finally {
    setAutomaticTarget(null);
  }
});

Deno.test({
  name: "Native engines compute what WebAssembly does, whatever arrays they are given",
  ignore: !HAS_NATIVE,
  fn() {
    using native = new Engine({ threads: 2, backend: "native" });
    using wasm = new Engine({ threads: 1, backend: "wasm" });
    for (const size of [3, 31, 64, 65, 127, 128]) {
      const values = Tensor.randn([1, 8, size, 64], { seed: size });
      // One element in, the array is not aligned to a vector, and ends elsewhere on its page.
      const buffer = new Float32Array(values.size + 1);
      const unaligned = buffer.subarray(1);
      unaligned.set(values.data);
      const add = Tensor.randn([1, 12, size, 64], { seed: 2 });
      const outputs = [native, wasm].map((engine) =>
        new Conv2d(8, 12, [1, 3], { engine, seed: 1, padding: [0, 1] })
          .forwardSync(new Tensor(unaligned, [1, 8, size, 64]), { add }).data
      );
      const [ours = new Float32Array(), expected = new Float32Array()] = outputs;
      assert(relativeError(ours, expected) < 1e-5);
      assertEquals(buffer.subarray(1), values.data);
    }
  },
});
