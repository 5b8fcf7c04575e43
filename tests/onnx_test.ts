import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import type { LayerCase } from "./_arbitrary.ts";
import { geometryOf, layerCases, operandsOf, relativeError } from "./_arbitrary.ts";
import { draws } from "./_depth.ts";
import { computeWithOnnx, isExpressible } from "./_onnx.ts";
import { prepare } from "./layers/_layers.ts";

// ONNX Runtime as an oracle that shares no code and no author with the reference.

const TOLERANCE = 1e-5;
const CASES_PER_LAYER = 60;

/** Random cases of one layer that ONNX's operators can express. */
function onnxCases(transposed: boolean, rank: number): readonly LayerCase[] {
  const expressible = layerCases().filter((layerCase) =>
    layerCase.transposed === transposed && layerCase.rank === rank &&
    isExpressible(geometryOf(layerCase))
  );
  return fc.sample(expressible, { seed: 42, numRuns: draws(CASES_PER_LAYER) });
}

for (const transposed of [false, true]) {
  for (const rank of [1, 2, 3]) {
    const name = `${transposed ? "ConvTranspose" : "Conv"}${rank}d`;
    Deno.test(`${name} computes what ONNX Runtime does in random configurations`, async () => {
      for (const layerCase of onnxCases(transposed, rank)) {
        const expected = await computeWithOnnx(geometryOf(layerCase), operandsOf(layerCase));
        const output = prepare(layerCase).forwardSync();
        // ONNX knows no unbatched input: it is given a batch of one.
        assertEquals(output.shape, expected.shape.slice(-output.shape.length));
        const error = relativeError(output.data, expected.data);
        assert(
          error <= TOLERANCE,
          `The relative error is ${error} in ${JSON.stringify(layerCase)}`,
        );
      }
    });
  }
}
