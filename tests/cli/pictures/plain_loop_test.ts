import { assert } from "@std/assert";
import * as fc from "fast-check";
import { convolvePlainly } from "../../../src/cli/pictures/plain_loop.ts";
import { reference } from "../../../src/convolution/formula.ts";
import type { LayerCase } from "../../_arbitrary.ts";
import { geometryOf, inputShapeOf, operandsOf, relativeError } from "../../_arbitrary.ts";

/** Layers as the demo has them: stride 1, as many positions as before, the border repeated, no bias. */
function plainCases(): fc.Arbitrary<LayerCase> {
  const odd = () => fc.integer({ min: 0, max: 4 }).map((half) => 2 * half + 1);
  const few = () => fc.integer({ min: 1, max: 3 });
  return fc.record({
    groups: few(),
    inPerGroup: few(),
    outPerGroup: few(),
    spatial: fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 })),
    kernelSize: fc.tuple(odd(), odd()),
    seed: fc.nat(),
  }).map(({ groups, inPerGroup, outPerGroup, ...sizes }) => ({
    ...sizes,
    transposed: false,
    rank: 2,
    batch: null,
    inChannels: groups * inPerGroup,
    outChannels: groups * outPerGroup,
    bias: false,
    options: { groups, padding: "same", paddingMode: "replicate" },
  }));
}

Deno.test("convolvePlainly() equals the formula", () => {
  fc.assert(fc.property(plainCases(), (layerCase) => {
    const operands = operandsOf(layerCase);
    const expected = reference(geometryOf(layerCase), operands);
    const { groups = 1 } = layerCase.options;
    const output = new Float32Array(expected.length).fill(NaN);
    const kernel = [layerCase.kernelSize].flat();
    convolvePlainly(
      {
        groups,
        inputShape: inputShapeOf(layerCase),
        weightShape: [layerCase.outChannels, layerCase.inChannels / groups, ...kernel],
      },
      operands.input,
      operands.weight,
      output,
    );
    assert(relativeError(output, expected) < 1e-7);
  }));
});
