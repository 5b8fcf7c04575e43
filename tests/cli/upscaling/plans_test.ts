import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { findModels, SCALES } from "../../../src/cli/upscaling/trained_network.ts";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  WASM_TARGET,
} from "../../../src/codegen/target.ts";
import { readTfjs } from "../../../src/io/models/tfjs/decode.ts";
import type { OnnxModel } from "../../../src/io/models/onnx/model.ts";
import { planFor } from "../../../src/kernels/choose.ts";
import { cheapestWay } from "../../../src/kernels/winograd/choice.ts";
import { beforeEnlarging } from "../../../src/network/before_enlarging.ts";
import { fuse } from "../../../src/network/fuse.ts";
import type { Convolution } from "../../../src/network/graph/steps.ts";
import { knownValues, lower } from "../../../src/network/lower.ts";

/** How a convolution is computed, as far as bits depend on it. */
function wayOf({ geometry, activation, weights, add, node }: Convolution, target: Target): string {
  const { family } = planFor({
    geometry,
    pass: "forward",
    hasBias: weights.bias !== null,
    epilogue: { ...activation, add: add !== null },
    algorithm: "auto",
    target,
  });
  const planes = family === "winograd" ? cheapestWay(geometry, target)?.planes ?? [] : [];
  const outputs = planes.map(({ height, width }) => `${height.outputs}x${width.outputs}`);
  return `${node} ${family} ${outputs.join()}`;
}

/** The ways of all convolutions of a network. */
function waysOf(model: OnnxModel, size: readonly number[], target: Target): readonly string[] {
  const { steps } = fuse(lower(model, knownValues(model), [[1, 3, ...size]]));
  return steps.flatMap((step) => step.kind === "convolution" ? [wayOf(step, target)] : []);
}

Deno.test("From 108 rows of 216 columns on, the trained networks are computed in one way", async () => {
  const models = await findModels();
  for (const scale of SCALES) {
    const model = beforeEnlarging(await readTfjs(join(models, `x${scale}`, "model.json")));
    for (const target of [WASM_TARGET, AVX2_TARGET, AVX512_TARGET]) {
      const expected = waysOf(model, [700, 900], target);
      for (const size of [[108, 216], [119, 227], [110, 1500], [901, 219], [155, 251]]) {
        assertEquals(waysOf(model, size, target), expected, `${scale} ${target.name} ${size}`);
      }
    }
  }
});
