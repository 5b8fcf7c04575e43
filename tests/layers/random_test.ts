import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { reference } from "../../src/convolution/formula.ts";
import { conv, convSync, convTranspose, convTransposeSync } from "../../src/layers/functional.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import type { LayerCase } from "../_arbitrary.ts";
import { geometryOf, inputShapeOf, layerCases, operandsOf, relativeError } from "../_arbitrary.ts";
import { draws } from "../_depth.ts";
import { prepare } from "./_layers.ts";

const TOLERANCE = 1e-5;

/** Checks a layer's output against the reference. */
function assertComputes(layerCase: LayerCase, output: Tensor, shape: readonly number[]): void {
  const expected = reference(geometryOf(layerCase), operandsOf(layerCase));
  assertEquals(output.shape, shape);
  const error = relativeError(output.data, expected);
  assert(error <= TOLERANCE, `The relative error is ${error}`);
}

Deno.test("Every layer computes the formula in hundreds of random configurations", () => {
  fc.assert(
    fc.property(layerCases(), (layerCase) => {
      const { forwardSync, outputShape, shape, input } = prepare(layerCase);
      const before = input.data.slice();
      assertComputes(layerCase, forwardSync(), outputShape);
      assertEquals(shape(), outputShape);
      assertEquals(input.data, before);
    }),
    { seed: 42, numRuns: draws(400) },
  );
});

Deno.test("forward() and forwardSync() give the same bits", async () => {
  await fc.assert(
    fc.asyncProperty(layerCases(), async (layerCase) => {
      const { forward, forwardSync, outputShape } = prepare(layerCase);
      const output = await forward();
      assertEquals(output.shape, outputShape);
      assertEquals(output.data, forwardSync().data);
    }),
    { seed: 43, numRuns: draws(200) },
  );
});

Deno.test("The functions compute what the layers do", async () => {
  await fc.assert(
    fc.asyncProperty(layerCases(), async (layerCase) => {
      const { transposed, outputSize, options } = layerCase;
      const { layer, outputShape } = prepare(layerCase);
      const operands = operandsOf(layerCase);
      const input = new Tensor(operands.input, inputShapeOf(layerCase));
      const weight = new Tensor(operands.weight, layer.weight.shape);
      const bias = operands.bias && new Tensor(operands.bias, [layer.outChannels]);
      const size = outputSize ? { outputSize } : {};
      const output = transposed
        ? convTransposeSync(input, weight, bias, { ...options, ...size })
        : convSync(input, weight, bias, options);
      assertComputes(layerCase, output, outputShape);
      const promised = transposed
        ? convTranspose(input, weight, bias, { ...options, ...size })
        : conv(input, weight, bias, options);
      assertEquals((await promised).data, output.data);
    }),
    { seed: 44, numRuns: draws(150) },
  );
});
