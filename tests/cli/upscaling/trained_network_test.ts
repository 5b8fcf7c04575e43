import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { findModels, SCALES, Upscaler, WHITE } from "../../../src/cli/upscaling/trained_network.ts";
import { Engine } from "../../../src/engine/engine.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { predictWithTensorFlow } from "../../_tensorflow.ts";

/** Of the largest output. */
const TOLERANCE = 1e-4;

/** A network as TensorFlow.js computes it. */
async function computeWithTensorFlow(scale: string, colors: Tensor): Promise<Tensor> {
  const folder = join(await findModels(), `x${scale}`);
  const json = JSON.parse(await Deno.readTextFile(join(folder, "model.json")));
  const [{ paths: [path] }] = json.weightsManifest;
  return await predictWithTensorFlow(json, await Deno.readFile(join(folder, path)), colors);
}

for (const backend of ["wasm", "auto"] as const) {
  Deno.test(`The trained networks do on ${backend} what TensorFlow.js makes of them`, async () => {
    using engine = new Engine({ backend });
    for (const [i, scale] of SCALES.entries()) {
      const colors = Tensor.uniform([1, 3, 21 + i, 17], { high: WHITE, seed: i });
      const upscaler = await Upscaler.load(Number(scale), engine);
      const [actual, expected] = [
        await upscaler.enlarge(colors),
        await computeWithTensorFlow(scale, colors),
      ];
      assertEquals(actual.shape, [1, 3, (21 + i) * Number(scale), 17 * Number(scale)]);
      assertEquals(actual.shape, expected.shape);
      const largest = expected.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const error = actual.data.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - (expected.data[i] ?? NaN))),
        0,
      );
      assert(error <= TOLERANCE * largest, `${scale} times: ${error} of ${largest}`);
    }
  });
}
