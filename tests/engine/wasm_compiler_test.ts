import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { convSync, Engine, Tensor } from "../../mod.ts";
import { UNFUSED_WASM_TARGET, WASM_TARGET } from "../../src/codegen/target.ts";
import type { Validate } from "../../src/codegen/wasm/features.ts";
import { setAutomaticTarget } from "../../src/engine/backend.ts";
import { wasmTarget } from "../../src/engine/wasm_compiler.ts";
import { runProgram } from "../_program.ts";

const FEATURES = new URL("../../src/codegen/wasm/features.ts", import.meta.url).href;
const MOD = new URL("../../mod.ts", import.meta.url).href;

/** `f32x4.relaxed_madd`, as it is written in a module. */
const RELAXED_MULTIPLY_ADD = "253,133,2";

const withoutRelaxedSimd: Validate = (module) =>
  !String(module).includes(RELAXED_MULTIPLY_ADD) && WebAssembly.validate(module);

Deno.test("wasmTarget() takes what a runtime has, and says what is missing where it has no vectors", () => {
  assertStrictEquals(wasmTarget(), WASM_TARGET);
  assertStrictEquals(wasmTarget(withoutRelaxedSimd), UNFUSED_WASM_TARGET);
  assertThrows(
    () => wasmTarget(() => false),
    Error,
    'Engine: backend "wasm" needs a runtime with WebAssembly SIMD',
  );
});

/** Prints what programs are written for, and what the square of `1 + 2 ** -12` leaves behind its last bit but one. */
const TARGET_OF = `
import { convSync, Engine, Tensor } from "${MOD}";
import { fusesMultiplyAdd, hasRelaxedSimd } from "${FEATURES}";
const factor = 1 + 2 ** -12;
const bias = Tensor.full([1], -(1 + 2 ** -11));
const [x, weight] = [[1, 1, 64], [1, 1, 1]].map((shape) => Tensor.full(shape, factor));
const engine = new Engine({ threads: 1 });
console.log(hasRelaxedSimd(), fusesMultiplyAdd(), convSync(x, weight, bias, { engine }).data[0]);
`;

Deno.test({
  name: "A processor that does not fuse what is relaxed is one without it",
  ignore: Deno.build.arch !== "x86_64",
  async fn() {
    const { code, out, err } = await runProgram(TARGET_OF, ["--v8-flags=--no-enable-fma3"]);
    assertEquals({ code, out, err }, { code: 0, out: "true false 0\n", err: "" });
  },
});

/** What the first uses of a runtime without vectors say, each by itself, in a line. */
const FIRST_USES = `
import { Conv1d, conv, defaultEngine, Engine, Tensor } from "${MOD}";
const x = Tensor.ones([1, 1, 8]);
const uses = {
  new: () => new Engine(),
  wasm: () => new Engine({ backend: "wasm" }),
  default: () => defaultEngine(),
  sync: () => new Conv1d(1, 1, 3).forwardSync(x),
  again: () => new Conv1d(1, 1, 3).forwardSync(x),
  async: () => new Conv1d(1, 1, 3).forward(x),
  functional: () => conv(x, Tensor.ones([1, 1, 3]), null),
};
for (const [name, use] of Object.entries(uses)) {
  try {
    await use();
    console.log(name, "nothing was thrown");
  } catch (error) {
    console.log(name, error.constructor.name, error.message);
  }
}
`;

// V8 has vectors on processors with these instructions, and without a compiler no WebAssembly at all.
for (const flag of ["--no-enable-sse4-1", "--jitless"]) {
  Deno.test({
    name: `The first use of a runtime without vectors throws one clear error, V8 with ${flag}`,
    ignore: flag.includes("sse") && Deno.build.arch !== "x86_64",
    async fn() {
      const { code, out, err } = await runProgram(FIRST_USES, [`--v8-flags=${flag}`]);
      assertEquals({ code, err }, { code: 0, err: "" });
      const lines = out.trimEnd().split("\n");
      assertEquals(lines.length, 7);
      for (const line of lines) {
        const [, ...error] = line.split(" ");
        assertEquals(
          error.join(" "),
          'Error Engine: backend "wasm" needs a runtime with WebAssembly SIMD',
          line,
        );
      }
    },
  });
}

Deno.test("Engines for both targets of WebAssembly keep their code apart, and round as their target does", () => {
  // The bias takes away all of a product but its last bit, where it has that.
  const factor = 1 + 2 ** -12;
  const [x, weight] = [Tensor.full([1, 1, 64], factor), Tensor.full([1, 1, 1], factor)];
  const bias = Tensor.full([1], -(1 + 2 ** -11));
  try {
    const engines = [WASM_TARGET, UNFUSED_WASM_TARGET].map((target) => {
      setAutomaticTarget(target);
      return new Engine({ threads: 1, memory: 2 ** 24 });
    });
    for (const _ of ["first made", "then known"]) {
      const outputs = engines.map((engine) => convSync(x, weight, bias, { engine }).data);
      assertEquals(outputs.map((data) => [...new Set(data)]), [[2 ** -24], [0]]);
    }
    assertEquals(engines.map(({ backend }) => backend), ["wasm", "wasm"]);
    for (const engine of engines) engine.close();
  } finally {
    setAutomaticTarget(null);
  }
});
