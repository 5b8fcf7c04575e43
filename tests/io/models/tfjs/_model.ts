/** A layer as the JSON text of a model has it. */
export interface LayerJson {
  readonly class_name: string;
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly inbound_nodes: unknown;
}

/** The outputs of layers, as others take them. */
export function taking(...names: readonly string[]): unknown {
  return names.length === 0 ? [] : [names.map((name) => [name, 0, 0, {}])];
}

export function input(sizes: readonly (number | null)[] = [null, null, null, 2]): LayerJson {
  const config = { name: "in", batch_input_shape: sizes, dtype: "float32" };
  return { class_name: "InputLayer", name: "in", config, inbound_nodes: [] };
}

/** A layer of any kind with what is the same for all of them. */
export function layer(
  kind: string,
  name: string,
  config: Readonly<Record<string, unknown>>,
  ...inputs: readonly string[]
): LayerJson {
  return {
    class_name: kind,
    name,
    config: { name, trainable: true, dtype: "float32", ...config },
    inbound_nodes: taking(...inputs),
  };
}

export const CONVOLUTION = {
  filters: 3,
  kernel_size: [3, 3],
  strides: [1, 1],
  padding: "same",
  data_format: "channels_last",
  dilation_rate: [1, 1],
  groups: 1,
  activation: "linear",
  use_bias: true,
} as const;

/** A weight as the manifest has it. */
export interface WeightJson {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
}

export function weight(name: string, ...shape: readonly number[]): WeightJson {
  return { name, shape, dtype: "float32" };
}

/** A whole model, whose output is that of the last layer. */
export function modelOf(
  layers: readonly LayerJson[],
  weights: readonly WeightJson[],
  paths: readonly string[] = ["a.bin"],
) {
  return {
    format: "layers-model",
    modelTopology: {
      model_config: {
        class_name: "Functional",
        config: {
          name: "model",
          layers,
          input_layers: [["in", 0, 0]],
          output_layers: [[layers.at(-1)?.name, 0, 0]],
        },
      },
    },
    weightsManifest: [{ paths, weights }],
  };
}

export function bytesOf(json: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(json));
}

/** The bytes of weights that count up. */
export function countingBytes(weights: readonly WeightJson[]): Uint8Array {
  const count = weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  return new Uint8Array(Float32Array.from({ length: count }, (_, i) => i % 17 / 8 - 1).buffer);
}
