import { assert, assertStrictEquals } from "@std/assert";
import { AVX2_TARGET, AVX512_TARGET, WASM_TARGET } from "../../../src/codegen/target.ts";
import { NARROW, tuned } from "../../../src/kernels/common/tuning.ts";

/** Registers of a depthwise tile besides sums and weights: a zero, a bias, inputs, and what instructions need. */
const OTHERS = 7;

Deno.test("tuned() fills the registers with the sums and weights of depthwise tiles in machine code", () => {
  for (const target of [AVX2_TARGET, AVX512_TARGET]) {
    const held = tuned(target, "depthwiseSums") + tuned(target, "depthwiseWeights");
    assertStrictEquals(held + OTHERS, target.registers, target.name);
  }
});

Deno.test("Register tiles of WebAssembly leave registers for their weights and inputs", () => {
  NARROW.channelsByVectors.forEach((channels, vectors) => {
    if (vectors === 0) return;
    // Either the inputs are held or the weights are; the other ones pass through a single register.
    const operands = Math.min(channels, vectors) + 1;
    assert(channels * vectors + operands <= WASM_TARGET.registers, `${channels} x ${vectors}`);
  });
});
