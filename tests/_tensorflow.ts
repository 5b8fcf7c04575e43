import "@tensorflow/tfjs-backend-cpu";
import { setBackend, tensor } from "@tensorflow/tfjs-core";
import { loadLayersModel } from "@tensorflow/tfjs-layers";
import { Tensor } from "../src/tensor/tensor.ts";

/** A model of layers as its JSON file has it, with one group of weights. */
interface ModelJson {
  readonly modelTopology: object;
  readonly weightsManifest: readonly {
    readonly weights: readonly { readonly name: string; readonly shape: readonly number[] }[];
  }[];
}

/**
 * What TensorFlow.js makes of a model of layers on its own CPU backend.
 *
 * @param weights The bytes of the weights.
 * @param input `(N, C, H, W)`.
 * @returns The output, `(N, C, H, W)`.
 */
export async function predictWithTensorFlow(
  { modelTopology, weightsManifest: [group] }: ModelJson,
  weights: Uint8Array,
  input: Tensor,
): Promise<Tensor> {
  await setBackend("cpu");
  const weightSpecs = (group?.weights ?? []).map(({ name, shape }) => ({
    name,
    shape: [...shape],
    dtype: "float32" as const,
  }));
  const weightData = weights.slice().buffer;
  const model = await loadLayersModel({
    load: () => Promise.resolve({ modelTopology, weightSpecs, weightData }),
  });
  const { data, shape } = input.permute([0, 2, 3, 1]);
  const output = model.predict(tensor(data, [...shape]));
  if (Array.isArray(output)) throw new TypeError("The model has several outputs");
  const values = Float32Array.from(await output.data());
  return Tensor.from({ data: values, dims: output.shape }, { layout: "NHWC" });
}
