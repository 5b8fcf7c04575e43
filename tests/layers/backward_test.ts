import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { Tensor } from "../../mod.ts";
import { referenceGradients } from "../../src/convolution/formula.ts";
import type { LayerCase } from "../_arbitrary.ts";
import { geometryOf, layerCases, operandsOf, relativeError } from "../_arbitrary.ts";
import { draws } from "../_depth.ts";
import { prepare } from "./_layers.ts";

/** The largest difference from the formula, in proportion to the largest element. */
const MOST_ERROR = 1e-5;

function assertClose(actual: Tensor | null, expected: Float64Array, what: string): void {
  const error = relativeError(actual?.data ?? [], expected);
  // Where nothing is expected but rounding errors of nothing, there is no proportion.
  assert(error <= MOST_ERROR, `${what} is off by ${error}`);
}

/** A layer, and what its gradients are by the formula. */
function prepareGradients(layerCase: LayerCase) {
  const { layer, input, outputShape } = prepare(layerCase);
  const gradOutput = Tensor.randn(outputShape, { seed: layerCase.seed + 3 });
  const expected = referenceGradients(
    geometryOf(layerCase),
    operandsOf(layerCase),
    gradOutput.data,
  );
  return { layer, input, gradOutput, expected };
}

Deno.test("backward() and backwardSync() give the formula's gradients for any layer", async () => {
  await fc.assert(
    fc.asyncProperty(layerCases(), async (layerCase) => {
      const { layer, input, gradOutput, expected } = prepareGradients(layerCase);
      const message = JSON.stringify(layerCase);
      const gradient = await layer.backward(input, gradOutput);
      assertClose(gradient, expected.input, `${message}: the input's gradient`);
      assertEquals(gradient?.shape, input.shape);
      const { weight, bias } = layer;
      assertClose(weight.grad, expected.weight, `${message}: the weight's gradient`);
      assertEquals(weight.grad?.shape, weight.shape);
      if (bias !== null) assertClose(bias.grad, expected.bias, `${message}: the bias's gradient`);
      const again = [gradient, weight.grad, bias?.grad].map((tensor) => tensor?.data.slice());
      layer.zeroGrad();
      const sync = layer.backwardSync(input, gradOutput);
      assertEquals([sync, weight.grad, bias?.grad].map((tensor) => tensor?.data), again);
    }),
    { seed: 71, numRuns: draws(300) },
  );
});
