import "@tensorflow/tfjs-backend-cpu";
import { setBackend, tensor } from "@tensorflow/tfjs-core";
import { loadLayersModel } from "@tensorflow/tfjs-layers";
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { findModels, SCALES, Upscaler, WHITE } from "../../../src/cli/upscaling/trained_network.ts";
import { Engine } from "../../../src/engine/engine.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";

/** Of the largest output. */
const TOLERANCE = 1e-4;

/** A network as TensorFlow.js computes it, on the CPU. */
async function computeWithTensorFlow(scale: string, colors: Tensor): Promise<Tensor> {
  await setBackend("cpu");
  const folder = join(await findModels(), `x${scale}`);
  const json = JSON.parse(await Deno.readTextFile(join(folder, "model.json")));
  const [{ paths: [path], weights }] = json.weightsManifest;
  const { buffer } = await Deno.readFile(join(folder, path));
  const model = await loadLayersModel({
    load: () =>
      Promise.resolve({
        modelTopology: json.modelTopology,
        weightSpecs: weights,
        weightData: buffer,
      }),
  });
  const output = model.predict(tensor(colors.permute([0, 2, 3, 1]).toNested() as number[][][][]));
  if (Array.isArray(output)) throw new TypeError("The model has several outputs");
  const data = await output.data();
  return Tensor.from({ data: Float32Array.from(data), dims: output.shape }, { layout: "NHWC" });
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
