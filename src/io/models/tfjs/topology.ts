/**
 * The layers of a model, and which takes the outputs of which.
 *
 * @module
 */

import { quoted } from "../../quoted.ts";
import type { Json } from "./json.ts";

/** A layer. */
export interface Layer {
  readonly kind: string;
  readonly name: string;
  /** Its settings. */
  readonly config: Json;
  /** The layers whose outputs it takes. */
  readonly inputs: readonly string[];
}

/** A model as a graph. */
export interface Topology {
  readonly name: string;
  readonly layers: readonly Layer[];
  /** The names of the layers that are the model's inputs. */
  readonly inputs: readonly string[];
  /** The names of the layers whose outputs are the model's. */
  readonly outputs: readonly string[];
}

/** What Keras calls a graph of layers. */
const GRAPHS = ["Functional", "Model"];

/**
 * Reads what a model says of its layers.
 *
 * @throws {SyntaxError} If it is no graph of layers, or one of them is used more than once: each then has only one
 * output.
 */
export function readTopology(topology: Json): Topology {
  const graph = topology.at("model_config");
  graph.at("class_name").oneOf(GRAPHS);
  const config = graph.at("config");
  const layers = config.at("layers").list().map(readLayer);
  const names = new Set<string>();
  for (const { name } of layers) {
    if (names.has(name)) throw new SyntaxError(`it has two layers of the name ${quoted(name)}`);
    names.add(name);
  }
  return {
    name: config.at("name").text(),
    layers,
    inputs: config.at("input_layers").list().map(outputName),
    outputs: config.at("output_layers").list().map(outputName),
  };
}

function readLayer(layer: Json): Layer {
  const calls = layer.at("inbound_nodes");
  const [call, ...others] = calls.list();
  if (others.length > 0) throw calls.fault("one use of the layer");
  return {
    kind: layer.at("class_name").text(),
    name: layer.at("name").text(),
    config: layer.at("config"),
    inputs: call === undefined ? [] : call.list().map(outputName),
  };
}

/** The layer of an output: its name, which of its uses, and which output of that. */
function outputName(output: Json): string {
  const [name, use, index] = output.list();
  if (name === undefined || use === undefined || index === undefined) {
    throw output.fault("a layer's name and two numbers");
  }
  use.integer(0, 0);
  index.integer(0, 0);
  return name.text();
}
