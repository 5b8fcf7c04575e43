/**
 * Reads networks as TensorFlow.js saves models of layers: a JSON file, and weights in other files beside it. Rows and
 * columns there come before channels; here they come last.
 *
 * Source: https://www.tensorflow.org/js/guide/save_load.
 *
 * @module
 */

import { dirname, join } from "node:path";
import type { Tensor } from "../../../tensor/tensor.ts";
import { decodeNamed, readBytes } from "../../files.ts";
import { quoted } from "../../quoted.ts";
import { orderNodes } from "../onnx/graph_order.ts";
import type { OnnxModel } from "../onnx/model.ts";
import { parseJson } from "./json.ts";
import { addLayer, type Made } from "./layers.ts";
import { readTopology, type Topology } from "./topology.ts";
import { readManifest, readWeights, type WeightGroup } from "./weights.ts";

/** A version of the operators that layers become, in which each means what is meant here. */
const OPSET = 9;

/** A model of which the weights are still to be read. */
export interface TfjsModel {
  /** The names of the files that hold the weights, beside the model's. */
  readonly files: readonly string[];
  /**
   * The network.
   *
   * @param bytes Those of each file, by its name.
   * @throws {SyntaxError} If they are not what the model says, or it has a layer or a setting that is not known.
   */
  network(bytes: ReadonlyMap<string, Uint8Array>): OnnxModel;
}

/**
 * Reads a model's JSON text.
 *
 * @param bytes The whole file.
 * @throws {SyntaxError} If it is no model of layers.
 */
export function decodeTfjs(bytes: Uint8Array): TfjsModel {
  const model = parseJson(bytes);
  model.at("format").oneOf(["layers-model"]);
  const topology = readTopology(model.at("modelTopology"));
  const groups = readManifest(model.at("weightsManifest"));
  return {
    files: groups.flatMap(({ files }) => files),
    network: (bytes) => networkOf(topology, groups, bytes),
  };
}

/**
 * Reads a model and the files of its weights.
 *
 * @param path The path of the JSON file.
 * @throws {FileError} If a file cannot be read, or is not what it should be.
 */
export async function readTfjs(path: string): Promise<OnnxModel> {
  const json = await readBytes(path);
  const model = decodeNamed(path, () => decodeTfjs(json));
  const files = new Map<string, Uint8Array>();
  for (const name of model.files) files.set(name, await readBytes(join(dirname(path), name)));
  return decodeNamed(path, () => model.network(files));
}

function networkOf(
  { name, layers, inputs, outputs }: Topology,
  groups: readonly WeightGroup[],
  bytes: ReadonlyMap<string, Uint8Array>,
): OnnxModel {
  const weights: ReadonlyMap<string, Tensor> = readWeights(groups, bytes);
  const made: Made = { nodes: [], initializers: new Map(), inputs: [] };
  for (const layer of layers) addLayer(layer, weights, made);
  const given = new Set([...made.initializers.keys(), ...made.inputs.map(({ name }) => name)]);
  const nodes = orderNodes(
    made.nodes,
    given,
    (place, reason) =>
      new SyntaxError(`its layer ${quoted(made.nodes[place]?.name ?? "")} ${reason}`),
  );
  return {
    opsets: new Map([["", OPSET]]),
    graph: {
      name,
      nodes,
      initializers: made.initializers,
      inputs: inputs.map((input) => {
        const found = made.inputs.find(({ name }) => name === input);
        if (found !== undefined) return found;
        throw new SyntaxError(`it has no input layer ${quoted(input)}`);
      }),
      outputs: outputs.map((output) => {
        if (layers.some(({ name }) => name === output)) {
          return { name: output, kind: "float", shape: null };
        }
        throw new SyntaxError(`it has no layer ${quoted(output)}, which is an output`);
      }),
    },
  };
}
