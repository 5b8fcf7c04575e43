import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { Engine, Tensor } from "../../mod.ts";
import { runtimeOf } from "../../src/engine/engine.ts";
import { SharedResult } from "../../src/engine/results.ts";
import { convolve, convolveSync } from "../../src/execution/convolve.ts";
import { activationGradientPasses } from "../../src/execution/gradients.ts";
import { joined, onKept, type Pass } from "../../src/execution/passes.ts";
import { formOf, snapshot } from "../../src/execution/operands.ts";
import { plannedPieces } from "../../src/execution/plans.ts";
import { ArrayValues } from "../../src/tensor/values.ts";

const RELU6 = { activation: "relu6", negativeSlope: 0 } as const;

function valuesOf(count: number, seed: number): ArrayValues {
  return new ArrayValues(Tensor.randn([count], { seed }).data.map((value) => 4 * value));
}

function onlyPass([pass, ...others]: readonly Pass[]): Pass {
  if (pass === undefined || others.length > 0) throw new RangeError("It is not one pass");
  return pass;
}

Deno.test("The gradient in front of an activation is made by programs, and stays where they find it", async () => {
  using engine = new Engine({ threads: 2 });
  const [gradient, values] = [valuesOf(70_000, 1), valuesOf(70_000, 2)];
  const pass = onlyPass(activationGradientPasses(RELU6, gradient, values, 2 ** 30));
  const [piece] = plannedPieces(runtimeOf(engine), pass.geometry, formOf(pass.operands));
  assertEquals(piece?.plan.phases.map(({ name }) => name), ["activation gradient"]);
  assertInstanceOf(await convolve(engine, pass.geometry, pass.operands), SharedResult);
});

Deno.test("Gradients in front of activations have the same bits in runs, for any number of threads", async () => {
  const [gradient, values] = [valuesOf(300_001, 1), valuesOf(300_001, 2)];
  const expected = gradient.elements.map((value, i) => {
    const at = values.elements[i] ?? 0;
    return at > 0 && at < 6 ? value : 0;
  });
  for (const threads of [1, 2, 3, 8]) {
    for (const memory of [2 ** 20, 2 ** 26]) {
      using engine = new Engine({ threads, memory });
      const { memoryBytes } = runtimeOf(engine);
      const passes = activationGradientPasses(RELU6, gradient, values, memoryBytes);
      assertEquals(passes.length > 1, memory === 2 ** 20);
      const sync = passes.map((pass) => convolveSync(engine, pass.geometry, pass.operands));
      assertEquals(joined(sync).elements, expected);
      const waiting = passes.map((pass) => convolve(engine, pass.geometry, pass.operands));
      assertEquals(joined(await Promise.all(waiting)).elements, expected);
    }
  }
});

Deno.test("A call that waits copies its operands, but not those that nobody changes", () => {
  const pass = onlyPass(
    activationGradientPasses(RELU6, valuesOf(9, 1), valuesOf(9, 2), 2 ** 30),
  );
  const copies = snapshot(pass.operands);
  assertEquals(copies.input.elements, pass.operands.input.elements);
  assert(copies.input !== pass.operands.input && copies.add !== pass.operands.add);
  const kept = snapshot(onKept(pass).operands);
  assertStrictEquals(kept.input, pass.operands.input);
  assertStrictEquals(kept.add, pass.operands.add);
  assertEquals(kept.call, "queued");
});
